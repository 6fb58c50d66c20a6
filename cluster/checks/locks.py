"""Checks access: addresses, ports, tokens, secrets in files, and the rights of the machines' roles.

Ray's job port runs any code for whoever reaches it. So it must not be reachable from outside, and must require
a token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.checks.command_lines import CommandError, commands, ray_context
from cluster.checks.files import LAUNCHER_FILES, Found, launcher_config, node_types
from cluster.checks.launcher import START_COMMANDS

TOKEN_FILE = "/etc/jet/auth_token"
TOKEN_MODE = "RAY_AUTH_MODE=token"
FROM_STORE = re.compile(r"secretsmanager get-secret-value|secrets versions access")
EVERYONE = ("0.0.0.0/0", "::/0")
HEAD_POLICY, NODE_POLICY = "cluster/aws/head-policy.json", "cluster/aws/node-policy.json"
WITHOUT_RESOURCE = {"ec2:DescribeInstances", "ecr:GetAuthorizationToken"}
"""Actions that AWS can't restrict to a resource."""
PREFIX = re.compile(r"arn:aws:s3:::[^/*]+/[^*]+/\*")
SECRETS = re.compile(
    r"RAY_AUTH_TOKEN=|AKIA[0-9A-Z]{16}|-----BEGIN|\b[0-9a-f]{64}\b"
    r"|(?i:aws_secret_access_key|aws_credentials|gcp_credentials|password\s*[:=])"
)


def problems(root: Path) -> Iterator[str]:
    """One line for each problem in the launcher's files and the policies."""
    for name in LAUNCHER_FILES:
        config = launcher_config(root, name)
        for place, what in [*addresses(config), *ports(config), *token(config)]:
            yield f"{name}: {place}: {what}"
    for path in [*LAUNCHER_FILES, HEAD_POLICY, NODE_POLICY]:
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            if SECRETS.search(line):
                yield f"{path}:{number}: a secret, or where one would stand: it belongs into the secret store"
    for path in (HEAD_POLICY, NODE_POLICY):
        statements = json.loads((root / path).read_text())["Statement"]
        found = too_wide(statements)
        more = rights_of_nodes(statements) if path == NODE_POLICY else fits_cluster(root, statements)
        for place, what in [*found, *more]:
            yield f"{path}: {place}: {what}"


def addresses(config: dict[str, Any]) -> Found:
    """Nodes must have no public address, and no security group of Ray's, which opens SSH to the world."""
    if config["provider"].get("use_internal_ips") is not True:
        yield "provider.use_internal_ips", "must be true: nodes are reached by their private addresses"
    for rule in config["provider"].get("security_group", {}).get("IpPermissions", []):
        if any(everyone in json.dumps(rule) for everyone in EVERYONE):
            yield "provider.security_group.IpPermissions", f"lets the world in: {rule}"
    for name, kind in config["available_node_types"].items():
        node, place = kind["node_config"], f"available_node_types.{name}.node_config"
        if config["provider"]["type"] == "gcp":
            if not node.get("networkInterfaces"):
                yield f"{place}.networkInterfaces", "is missing: Ray would give the node a public address"
            if not node.get("serviceAccounts"):
                yield (
                    f"{place}.serviceAccounts",
                    "is missing: Ray would give the head rights on the whole project",
                )
            if any("accessConfigs" in one for one in node.get("networkInterfaces", [])):
                yield f"{place}.networkInterfaces", "accessConfigs gives the node a public address"
            continue
        for key, why in (
            ("SecurityGroupIds", "Ray would make a group that has SSH open to the world"),
            ("SubnetIds", "Ray would take public subnets too"),
            ("IamInstanceProfile", "Ray would give the head all rights on EC2 and S3"),
        ):
            if not node.get(key):
                yield f"{place}.{key}", f"is missing: {why}"
        if any(one.get("AssociatePublicIpAddress") for one in node.get("NetworkInterfaces", [])):
            yield f"{place}.NetworkInterfaces", "AssociatePublicIpAddress gives the node a public address"
        if node.get("MetadataOptions", {}).get("HttpTokens") != "required":
            yield f"{place}.MetadataOptions.HttpTokens", "must be required"


def ports(config: dict[str, Any]) -> Found:
    """The dashboard, which is also the job port, must listen on loopback; containers must publish no port."""
    for command in (words for line in config["head_start_ray_commands"] for words in commands(line)):
        if command[:2] == ["ray", "start"]:
            try:
                host = ray_context(command).params["dashboard_host"]
            except CommandError:
                continue  # the launcher's check tells
            if host not in ("127.0.0.1", "localhost"):
                yield "head_start_ray_commands", f"--dashboard-host={host} opens port 8265 to the network"
    for place, options in run_options(config):
        if any(re.match(r"(--publish\b|-p\b|-P\b|--privileged)", option) for option in options):
            yield place, "opens a port, or the machine, to the outside"


def run_options(config: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """All run options of containers, by place."""
    for key in ("run_options", "head_run_options", "worker_run_options"):
        yield f"docker.{key}", config["docker"].get(key, [])
    for name, kind in node_types(config).items():
        yield (
            f"available_node_types.{name}.docker.worker_run_options",
            kind.get("docker", {}).get("worker_run_options", []),
        )


def token(config: dict[str, Any]) -> Found:
    """Containers and start commands must be in token mode, with the token from the secret store."""
    options = config["docker"].get("run_options", [])
    if f"--env={TOKEN_MODE}" not in options:
        yield "docker.run_options", f"--env={TOKEN_MODE} is missing"
    if not any(re.match(rf"--volume={TOKEN_FILE}:\S+/\.ray/auth_token:ro$", option) for option in options):
        yield "docker.run_options", f"{TOKEN_FILE} isn't mounted, read-only, where Ray looks for its token"
    for place in START_COMMANDS:
        for line in config[place]:
            if not re.match(rf"export {TOKEN_MODE};", line):
                yield place, f"doesn't begin with `export {TOKEN_MODE};`: {line}"
    types = config["available_node_types"].items()
    own = {f"available_node_types.{name}.": kind for name, kind in types if "initialization_commands" in kind}
    for prefix, holder in {"": config, **own}.items():
        lines = [line for line in holder.get("initialization_commands", []) if TOKEN_FILE in line]
        if not any(FROM_STORE.search(line) for line in lines):
            yield (
                f"{prefix}initialization_commands",
                f"no token comes from the secret store to {TOKEN_FILE}",
            )


def as_list(value: Any) -> list[str]:
    """The value as a list; policies write a list of one item as a string."""
    return [value] if isinstance(value, str) else value


def condition(statement: dict[str, Any], operator: str, key: str) -> list[str]:
    """The values of one condition of a statement."""
    return as_list(statement.get("Condition", {}).get(operator, {}).get(key, []))


def too_wide(statements: list[dict[str, Any]]) -> Found:
    """Actions must have no wildcard, and must name resources where AWS allows it."""
    for statement in statements:
        actions = as_list(statement["Action"])
        if any("*" in action for action in actions):
            yield statement["Sid"], f"actions by wildcard: {', '.join(actions)}"
        if "*" in as_list(statement["Resource"]) and not set(actions) <= WITHOUT_RESOURCE:
            yield statement["Sid"], f"{', '.join(actions)} on everything"


def rights_of_nodes(statements: list[dict[str, Any]]) -> Found:
    """Nodes that run jobs may use one prefix of one bucket, and start no machines."""
    prefixes = set()
    for statement in statements:
        actions, places = as_list(statement["Action"]), as_list(statement["Resource"])
        if any(re.match(r"(ec2|iam|sts|ssm):", action) for action in actions):
            yield statement["Sid"], f"{', '.join(actions)}: not for a node that runs jobs"
        if "s3:ListBucket" in actions and not condition(statement, "StringLike", "s3:prefix"):
            yield statement["Sid"], "s3:ListBucket without a condition on s3:prefix lists the whole bucket"
        elif any(action.startswith("s3:") for action in actions) and "s3:ListBucket" not in actions:
            prefixes.update(places)
    if len(prefixes) != 1 or not all(PREFIX.fullmatch(place) for place in prefixes):
        yield "s3", f"must be one prefix of one bucket: {', '.join(sorted(prefixes)) or 'none'}"


def fits_cluster(root: Path, statements: list[dict[str, Any]]) -> Found:
    """The head must be allowed to start exactly the node types of cluster.yaml."""
    config = launcher_config(root, "cluster.yaml")
    nodes = [kind["node_config"] for kind in node_types(config).values()]
    runs = [one for one in statements if "ec2:RunInstances" in as_list(one["Action"])]
    allowed = {kind for one in runs for kind in condition(one, "StringEquals", "ec2:InstanceType")}
    named = {node["InstanceType"] for node in nodes}
    if allowed != named:
        yield "ec2:RunInstances", f"allows {sorted(allowed)}, and cluster.yaml names {sorted(named)}"
    places = {place.rpartition("/")[2] for one in runs for place in as_list(one["Resource"])}
    for node in nodes:
        for missing in {*node.get("SubnetIds", []), *node.get("SecurityGroupIds", [])} - places:
            yield "ec2:RunInstances", f"doesn't allow {missing}, which cluster.yaml names"
