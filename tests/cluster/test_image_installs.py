"""What the image installs can be installed, and is what is tested here.

Docker doesn't run here. So the RUN lines of the CPU variant that install something are taken from the file and
run as they are, in a folder with what the Dockerfile has copied. A virtual environment stands for /opt/jet.

That takes 2.5 GB and minutes. So `installed.sha256` says what was installed last, and the daily tests leave it
to the nightly ones as long as that is what there is. A successful run writes the file anew: commit it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import ray

import jet
from cluster.checks.files import constraints, requirements
from cluster.checks.image import DOCKERFILE, EXTRAS, parsed

COPIED = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "jet", "ray_jobs", "cluster/constraints.txt")
TORCH_FROM = '--index-url "$TORCH_INDEX" '
ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_name("installed.sha256")


def install_steps(path: Path, variant: str) -> list[str]:
    """The commands of the RUN instructions of a variant's stages, in the order of the build."""
    steps: list[str] = []
    is_of_variant = True
    for one in parsed(path):
        if one["instruction"] == "FROM":
            stage = one["value"].partition(" AS ")[2]
            is_of_variant = stage in ("build", f"build-{variant}", "installed")
        elif one["instruction"] == "RUN" and is_of_variant:
            steps.append(one["value"])
    return steps


def inputs(root: Path) -> str:
    """A digest of all that decides what the image installs beside jet's own code."""
    declared = tomllib.loads((root / "pyproject.toml").read_text())
    read = [
        install_steps(root / DOCKERFILE, "cpu"),
        constraints(root),
        declared["build-system"],
        declared["project"]["requires-python"],
        sorted(map(str, requirements(root, EXTRAS))),
    ]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


INSTALLED_BEFORE = RECORD.exists() and RECORD.read_text().strip() == inputs(ROOT)


@pytest.fixture
def home(tmp_path: Path):
    """Where the image has /opt/jet: 2.5 GB, which pytest would keep for a while."""
    yield tmp_path / "jet"
    shutil.rmtree(tmp_path / "jet", ignore_errors=True)


@pytest.fixture
def build(repository: Path, tmp_path: Path) -> Path:
    """A folder with what the Dockerfile has copied."""
    folder = tmp_path / "build"
    folder.mkdir()
    for name in COPIED:
        source = repository / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / source.name)
    return folder


def test_the_package_that_is_installed_has_every_file_of_jet_and_of_the_jobs(build: Path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "."]
    subprocess.run(command, cwd=build, check=True)
    (wheel,) = build.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    there = [path for name in ("jet", "ray_jobs") for path in (build / name).rglob("*") if path.is_file()]
    names = {str(path.relative_to(build)) for path in there if "__pycache__" not in path.parts}
    assert len(names) > 100
    assert names - packed == set()


def nightly_if_installed_before(test):
    return pytest.mark.nightly(test) if INSTALLED_BEFORE else test


@nightly_if_installed_before
@pytest.mark.timeout(1500)
def test_the_cpu_variant_installs_and_jet_runs_in_it(repository: Path, build: Path, home: Path):
    make, torch, *others = install_steps(repository / DOCKERFILE, "cpu")
    # PyTorch's own index isn't reached from everywhere: pip looks where it always does.
    assert TORCH_FROM in torch
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RAY_"))},
        "PATH": f"{home}/bin{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_COMPILE": "1",  # a minute for files that are never imported
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }

    def run(command: str, folder: Path = build) -> str:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    run(make.replace("/opt/jet", str(home)))
    run(torch.replace(TORCH_FROM, ""))
    for step in others:
        run(step)
    assert run("jet --version", home).split() == ["jet", jet.__version__]
    assert run("ray --version", home).split()[-1] == constraints(repository)["ray"] == ray.__version__
    assert run("python -c 'import jet; print(jet.__file__)'", home).startswith(str(home))
    assert run("python -m pip check").startswith("No broken requirements")
    run("jet train --help", home)  # imports all that a training needs
    RECORD.write_text(f"{inputs(repository)}\n")
