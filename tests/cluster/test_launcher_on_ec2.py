"""Ray's own AWS provider takes cluster.yaml as it is and starts its nodes, in moto's EC2.

What the checks say of the file from outside is seen on machines: private, in our group, on spot or not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.tags import TAG_RAY_USER_NODE_TYPE

from cluster.checks.files import launcher_config

ON_DEMAND, SPOT = ("head", "driver"), ("cpu", "gpu")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """An account with what docs/clusters.md asks for, and also a public subnet that no node should get into."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # the store of other tests
    monkeypatch.setenv("HOME", str(tmp_path))  # Ray puts the key pair there
    with mock_aws():
        ec2, iam = boto3.resource("ec2", "eu-central-1"), boto3.client("iam")
        for name in ("jet-head", "jet-node"):
            iam.create_instance_profile(InstanceProfileName=name)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")
        public = vpc.create_subnet(CidrBlock="10.0.9.0/24", AvailabilityZone="eu-central-1a")
        ec2.meta.client.modify_subnet_attribute(SubnetId=public.id, MapPublicIpOnLaunch={"Value": True})
        private = [
            vpc.create_subnet(CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-central-1{zone}").id
            for number, zone in enumerate("abc")
        ]
        yield ec2, private, vpc.create_security_group(GroupName="jet", Description="jet nodes").id


def started(config: dict[str, Any], ec2: Any) -> dict[str, Any]:
    """One machine of each node type, started by Ray."""
    config = AWSNodeProvider.bootstrap_config(config)
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    for name, kind in config["available_node_types"].items():
        provider.create_node(kind["node_config"], {TAG_RAY_USER_NODE_TYPE: name}, 1)
    machines = list(ec2.instances.all())
    return {
        next(tag["Value"] for tag in one.tags if tag["Key"] == TAG_RAY_USER_NODE_TYPE): one for one in machines
    }


def test_ray_starts_every_node_type_behind_our_locks(network, repository):
    ec2, subnets, group = network
    config = prepare_config(launcher_config(repository, "cluster.yaml"))
    validate_config(config)
    for kind in config["available_node_types"].values():
        kind["node_config"] |= {"SubnetIds": subnets, "SecurityGroupIds": [group]}
    groups = {one.id for one in ec2.security_groups.all()}

    machines = started(config, ec2)
    assert set(machines) == {*ON_DEMAND, *SPOT}
    assert {one.id for one in ec2.security_groups.all()} == groups  # Ray made none of its own
    for name, one in machines.items():
        assert one.public_ip_address is None
        assert one.subnet_id == subnets[0]
        assert [found["GroupId"] for found in one.security_groups] == [group]
        assert (one.instance_lifecycle == "spot") == (name in SPOT)
        assert one.iam_instance_profile["Arn"].endswith("/jet-head" if name == "head" else "/jet-node")
        assert one.metadata_options["HttpTokens"] == "required"
        [disk] = one.volumes.all()
        assert disk.encrypted
        assert disk.size == (200 if name in SPOT else 100)
