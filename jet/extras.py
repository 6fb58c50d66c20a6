"""Packages that only a part of jet needs: which extra brings each, and what is said where one is missing.

pyproject.toml declares the extras. What the core needs is imported at the top of a file, as usual. What an
extra brings is imported where it is used, inside of `needed_for`, so that every module of the library can be
imported with the core alone. The `jet` command asks for all that a job needs before it begins (`require`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

EXTRA_OF = {
    "ray": "ray",
    "aiohttp": "ray",
    "yaml": "ray",
    "optuna": "tune",
    "wandb": "wandb",
    "peft": "finetune",
    "jinja2": "report",
    "markupsafe": "report",
    "matplotlib": "report",
    "deltalake": "delta",
    "adbc_driver_postgresql": "postgres",
    "duckdb": "duckdb",
}
"""The extra that brings a package, by the name that it is imported by."""


class MissingExtra(ImportError):  # noqa: N818 (it is told to people as it is)
    """A package isn't installed that an extra brings; the message names both."""


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Import what an extra brings in here. Raises `MissingExtra` where it isn't installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF:
            raise
        raise missing(what, [package]) from None


def require(what: str, *extras: str) -> None:
    """Raise `MissingExtra` where a package of one of the extras isn't installed."""
    absent = [name for name, extra in EXTRA_OF.items() if extra in extras and not installed(name)]
    if absent:
        raise missing(what, absent)


def installed(package: str) -> bool:
    """Whether a package can be imported. It isn't."""
    return importlib.util.find_spec(package) is not None


def missing(what: str, packages: list[str]) -> MissingExtra:
    """The error that names what is missing, and how to install it."""
    extras = ",".join(dict.fromkeys(EXTRA_OF[name] for name in packages))
    return MissingExtra(f"{what} needs {', '.join(packages)}: pip install 'jet-ledger[{extras}]'")
