"""What travels with a submitted job: jet's own code, a folder, environment variables. And what must not.

Ray packs and uploads folders itself (by content: what the cluster has already isn't sent again), and leaves out
what `.gitignore` and `.rayignore` name. It takes up to 100 MiB, which the head then keeps in memory; here it is
less, and counted before anything is read, so that a folder of data is refused at once and by name.

A runtime environment is no place for secrets: everybody who sees the list of jobs sees it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import jet
import ray_jobs
from ray_jobs.runtime.ray_quirks.submission import packed_sizes

LIMIT_MIB = 32
"""Most that travels with a job, in MiB before compression. jet's own code is about one."""
LEFT_OUT = ["__pycache__"]
SHOWN = 3
SECRET_NAME = re.compile(r"(key|token|secret|passw(or)?d|passphrase|credential)s?(_|$)", re.IGNORECASE)
PASSWORD_IN_URI = re.compile(r"://[^/\s:@]*:[^/\s@]+@")

log = logging.getLogger("jet.submit")


def runtime_environment(
    file: str | None, working_dir: str | None, cluster_code: bool, names: Sequence[str]
) -> dict[str, Any]:
    """The runtime environment that Ray makes before the job starts.

    `file` is a YAML file with a runtime environment of Ray's kind, `names` are environment variables to take
    over. Without `cluster_code`, jet travels: in `working_dir` where that is a checkout, as two packages where
    it isn't. Without a `working_dir`, that is this folder if it is a checkout, else none.

    Raises `ValueError` for more than `LIMIT_MIB`, and for what looks like a secret.
    """
    environment = _read(file) if file else {}
    variables = environment.setdefault("env_vars", {})
    for name in names:
        if name not in os.environ:
            raise ValueError(f"--env {name}: there is no such variable here; set it, or leave the option out")
        variables[name] = os.environ[name]
    for name, value in variables.items():
        if SECRET_NAME.search(name) or PASSWORD_IN_URI.search(str(value)):
            raise ValueError(
                f"the environment variable {name} looks like a secret, and everybody who sees the list of jobs "
                "would see it: give it to the nodes themselves (an instance profile, a Kubernetes secret)"
            )
    if working_dir is None and not cluster_code and _is_checkout(Path()):
        working_dir = "."
    if working_dir is not None:
        environment["working_dir"] = working_dir
    if not cluster_code and not (working_dir and _is_checkout(Path(working_dir))):
        packages = [str(Path(str(package.__file__)).parent) for package in (jet, ray_jobs)]
        environment["py_modules"] = [*environment.get("py_modules", []), *packages]
    environment["excludes"] = [*environment.get("excludes", []), *LEFT_OUT]
    _check_size(environment)
    return environment


def refuse_passwords(text: str) -> None:
    """Raise `ValueError` where `text` holds a URI with a password: a job's command is for everybody to see."""
    if match := PASSWORD_IN_URI.search(text):
        start = text[: match.start()].rsplit(maxsplit=1)[-1].lstrip("'\"")
        raise ValueError(
            f"a URI that begins with {start}:// holds a password, and everybody who sees the list of jobs "
            "would see it: give it to the nodes themselves (an instance profile, a Kubernetes secret)"
        )


def _read(file: str) -> dict[str, Any]:
    """A runtime environment from a YAML file."""
    try:
        content = yaml.safe_load(Path(file).read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file} must be a mapping of the keys of Ray's runtime environments, such as pip")
    if "working_dir" in content:
        raise ValueError(f"{file} names a working_dir: leave it out there, and name it with --working-dir")
    return content


def _is_checkout(folder: Path) -> bool:
    """Whether jet's code lies in a folder, so that it travels with it."""
    return all((folder / package / "__init__.py").is_file() for package in ("jet", "ray_jobs"))


def _check_size(environment: dict[str, Any]) -> None:
    """Count what Ray is going to pack; raise where it is too much."""
    folders = [environment["working_dir"]] if "working_dir" in environment else []
    folders += environment.get("py_modules", [])
    sizes: dict[Path, int] = {}
    for folder in (Path(folder) for folder in folders if "://" not in folder):
        if not folder.exists():
            raise ValueError(f"there is no folder {folder} to send with the job")
        sizes |= packed_sizes(folder, environment["excludes"])
    mib = sum(sizes.values()) / 2**20
    if mib > LIMIT_MIB:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:SHOWN]
        named = ", ".join(f"{path} ({sizes[path] / 2**20:.1f} MiB)" for path in largest)
        raise ValueError(
            f"{' and '.join(folders)} would send {mib:.1f} MiB with the job, and {LIMIT_MIB} MiB is the most. "
            f"The largest of {len(sizes)} files: {named}. Name what the job doesn't need in a .rayignore there "
            "(it is written like a .gitignore); data belongs on storage that the nodes reach"
        )
    log.info("%d files, %.1f MiB, travel with the job: %s", len(sizes), mib, " and ".join(folders) or "none")
