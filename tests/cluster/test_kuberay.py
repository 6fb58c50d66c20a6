import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from kuberay_faults import FAULTS, SHAPE, TRAIN

from cluster.checks.kuberay import problems
from cluster.kubernetes.kustomize import build

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cluster" / "kuberay"

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: way-in}
spec: {type: %s, selector: {ray.io/node-type: head}, ports: [{port: 8265}]}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: way-in}
spec: {defaultBackend: {service: {name: jet-head-svc, port: {number: 8265}}}}
"""


@pytest.fixture
def copied(tmp_path):
    """A repository of the manifests alone, to be changed."""
    shutil.copytree(FOLDER, tmp_path / "cluster" / "kuberay")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_committed_manifests_have_no_problem():
    assert list(problems(ROOT)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_finds(fault, copied):
    name, before, after, told = FAULTS[fault]
    file = copied / "cluster" / "kuberay" / name
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    found = list(problems(copied))
    assert any(told in problem for problem in found), found


@pytest.mark.parametrize("manifest", [SERVICE % "LoadBalancer", SERVICE % "NodePort", INGRESS])
def test_the_check_finds_a_way_in_from_outside(manifest, copied):
    folder = copied / "cluster" / "kuberay"
    (folder / "way-in.yaml").write_text(manifest)
    kustomization = folder / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("resources:\n", "resources:\n  - way-in.yaml\n"))
    (problem,) = problems(copied)
    assert "way-in" in problem
    assert "from outside" in problem


def test_a_service_inside_of_the_cluster_is_no_problem(copied):
    folder = copied / "cluster" / "kuberay"
    (folder / "inside.yaml").write_text(SERVICE % "ClusterIP")
    kustomization = folder / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("resources:\n", "resources:\n  - inside.yaml\n"))
    assert list(problems(copied)) == []


def test_a_cluster_of_another_shape_is_checked_too(copied):
    train = copied / "cluster" / "kuberay" / TRAIN
    text = (FOLDER / SHAPE).read_text().replace("jet:0", "registry.example.com/jet:0")
    shape = yaml.safe_load(text)["spec"]
    shape["authOptions"]["mode"] = "disabled"
    manifest = yaml.safe_load(train.read_text())
    manifest["kind"] = "RayCluster"
    manifest["spec"] = shape
    train.write_text(yaml.safe_dump(manifest))
    found = list(problems(copied))
    assert any("RayCluster train: authOptions.mode" in problem for problem in found), found


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl to compare with")
@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "jobs"], ids=["standing", "jobs"])
def test_what_is_checked_is_what_kubectl_would_apply(folder):
    made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True, text=True).stdout
    applied = list(yaml.safe_load_all(made))
    assert by_name(build(folder)) == by_name(applied)


def by_name(manifests):
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}
