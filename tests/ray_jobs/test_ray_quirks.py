"""What Ray doesn't promise is touched in one place, `ray_jobs.runtime.ray_quirks`; elsewhere all is public."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUIRKS = ROOT / "ray_jobs" / "runtime" / "ray_quirks"
OTHERS = [
    path
    for room in ("jet", "ray_jobs", "cluster")
    for path in sorted((ROOT / room).rglob("*.py"))
    if QUIRKS not in path.parents
]
AUTOSCALER = "ray.autoscaler._private"
ALLOWED = {
    # What a person names: `jet submit --env NAME`.
    "ray_jobs/submission/packing.py": ["os.environ"] * 2,
    # Where an object store is. Needs no Ray.
    "jet/artifacts/storage.py": ["os.environ"] * 4,
    # Which keys its client reads there. Needs no Ray.
    "jet/artifacts/exclusive.py": ["os.environ"] * 4,
    # Ray's own checks of a cluster's files, which have no public name. Jobs don't need them, and they load what
    # talks to clouds.
    "cluster/checks/launcher.py": [f"{AUTOSCALER}.util.prepare_config", f"{AUTOSCALER}.util.validate_config"],
    "cluster/kubernetes/jobs.py": [
        f"{AUTOSCALER}.kuberay.autoscaling_config._derive_autoscaling_config_from_ray_cr"
    ],
}
PROCESS_WIDE = {
    "os.environ",
    "os.getenv",
    "os.putenv",
    "os.dup",
    "os.dup2",
    "signal.signal",
    "sys.unraisablehook",
}


def dotted(node: ast.expr) -> str:
    """The name that an expression spells, as in ray.data; empty where it spells none."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
    return ""


def is_private(module: str) -> bool:
    """Whether a module is Ray's, and not for others."""
    first, *rest = module.split(".")
    return first == "ray" and any(part.startswith("_") and not part.endswith("__") for part in rest)


def private_corners(source: str) -> Iterator[str]:
    """What `source` touches that belongs into the quirks."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if is_private(name.name))
            case ast.ImportFrom(module=str(module), names=names):
                spelled = (f"{module}.{name.name}" for name in names)
                yield from (name for name in spelled if is_private(name) or name in PROCESS_WIDE)
            case ast.Attribute():
                name = dotted(node)
                if is_private(name) or name in PROCESS_WIDE:
                    yield name
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=str(name))):
                if name.startswith("_") and not name.startswith("__"):
                    yield f"super().{name}"


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_private_corners_of_ray_are_touched_by_the_quirks_alone(path):
    found = list(private_corners(path.read_text()))
    assert found == ALLOWED.get(path.relative_to(ROOT).as_posix(), [])


@pytest.mark.parametrize(
    ("source", "touched"),
    [
        ("import ray._private.worker", "ray._private.worker"),
        ("from ray._private import ray_constants", "ray._private.ray_constants"),
        ("from ray.data._internal.plan import Plan", "ray.data._internal.plan.Plan"),
        ("def late():\n    from ray.train._internal import session", "ray.train._internal.session"),
        ("if TYPE_CHECKING:\n    from ray._raylet import JobID", "ray._raylet.JobID"),
        ("import ray\nray._private.worker.global_worker", "ray._private.worker.global_worker"),
        ("import os\nos.environ['RAY_ADDRESS']", "os.environ"),
        ("from os import environ", "os.environ"),
        ("import os\nos.dup2(1, 2)", "os.dup2"),
        ("class C(Client):\n    def ask(self):\n        super()._do_request()", "super()._do_request"),
    ],
)
def test_each_kind_of_private_corner_is_found(source, touched):
    assert touched in private_corners(source)


def test_every_file_of_quirks_names_the_ray_it_holds_for_and_says_when_it_goes():
    for path in QUIRKS.glob("[!_]*.py"):
        text = path.read_text()
        assert "2.60" in (ast.get_docstring(ast.parse(text)) or ""), path
        assert "Goes when" in text, path


def test_before_ray_is_imported_it_is_told_what_the_jobs_need_and_what_is_set_stays():
    code = (
        "import os, sys; import ray_jobs; assert 'ray' not in sys.modules; "
        "print(os.environ['RAY_AUTH_MODE'], os.environ['RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S'])"
    )
    given = {"RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["disabled", "300"]


def test_on_a_worker_where_ray_came_first_the_environment_stays_as_it_is():
    code = "import os, ray; before = dict(os.environ); import ray_jobs; assert dict(os.environ) == before"
    given = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
    subprocess.run([sys.executable, "-c", code], env=given, check=True)
