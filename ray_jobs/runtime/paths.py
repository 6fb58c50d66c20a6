"""The paths that a command line names, checked before Ray and PyTorch are imported.

Only local paths are looked at here: what lies on an object store the job itself finds out. What is wrong with a
path is told by the function that the job would have failed in.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path

import jsonargparse

from jet.artifacts.uris import is_uri

LEDGERS = "ledgers"
"""Ledger files, folders of them, or patterns; or an artifact with entries."""
DATA = "data"
"""A folder with the artifacts `entries` and `neighbors`."""
BOOKS = "books"
"""The artifact `entries`, or the folder that it lies in."""
REPORTS = "reports"
"""The artifact `report`, or the folder that it lies in."""
NEW = "new"
"""A folder that can become an artifact, or is one already. All other words are kinds of artifacts."""


def refuse_wrong_paths(given: jsonargparse.Namespace, paths: Mapping[str, str]) -> None:
    """Raise `ValueError` where an option of `paths` names what isn't there, or something else than it must."""
    for option, wanted in paths.items():
        named = [given[option]] if isinstance(given[option], str) else given[option] or ()
        for path in named:
            if not is_uri(path):
                _refuse_wrong(path, wanted)


def _refuse_wrong(path: str, wanted: str) -> None:
    from jet.artifacts.artifact import refuse_other  # imports pyarrow
    from jet.artifacts.places import finished_at, refuse_foreign

    if wanted == LEDGERS:
        _refuse_no_files(path)
    elif wanted == NEW:
        if not path or finished_at(path) is None:
            refuse_foreign(path)
    elif wanted == DATA:
        if not Path(path).exists():
            refuse_other(f"{path}/entries", "entries")
    elif wanted == BOOKS:
        if not Path(path, "entries").exists():
            refuse_other(path, "entries")
    elif wanted == REPORTS:
        if not Path(path, "report").exists():
            refuse_other(path, "report")
    else:
        refuse_other(path, wanted)


def _refuse_no_files(path: str) -> None:
    if path and (Path(path).exists() or next(glob.iglob(path, recursive=True), None) is not None):  # noqa: PTH207
        return
    from jet.books.importers.files import expand  # imports all importers

    expand([path])
