"""What the image installs can be installed, and is what is tested here.

Docker doesn't run here. So the RUN lines of the CPU variant that install something are taken from the file and
run as they are, in a folder with what the Dockerfile has copied. A virtual environment stands for /opt/jet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import ray

import jet
from cluster.checks.files import constraints
from cluster.checks.image import DOCKERFILE, parsed

COPIED = ("pyproject.toml", "README.md", "LICENSE", "jet", "ray_jobs", "cluster/constraints.txt")
TORCH_FROM = '--index-url "$TORCH_INDEX" '


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


@pytest.fixture
def home(tmp_path: Path):
    """Where the image has /opt/jet: 2.5 GB, which pytest would keep for a while."""
    yield tmp_path / "jet"
    shutil.rmtree(tmp_path / "jet", ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_cpu_variant_installs_and_jet_runs_in_it(repository: Path, tmp_path: Path, home: Path):
    build = tmp_path / "build"
    build.mkdir()
    for name in COPIED:
        source = repository / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, build / source.name)

    make, torch, *others = install_steps(repository / DOCKERFILE, "cpu")
    assert (
        TORCH_FROM in torch
    )  # PyTorch's own index isn't reached from everywhere: pip looks where it always does
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
