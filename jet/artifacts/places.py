"""Checks of output paths, and the reasons why no artifact is found at a path.

An output path is checked before any work is done: otherwise a job would fail only when it publishes, or spoil a
finished artifact around it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pyarrow import fs as pafs

from jet.artifacts.manifest import MANIFEST, ArtifactError, Manifest, read_manifest
from jet.artifacts.storage import has_rename, listed, resolve
from jet.artifacts.uris import is_uri

RUN_FOLDER = "files-"
"""The prefix of the runs' folders in an artifact on an object store."""
WRITERS = {
    "entries": "`jet ingest`",
    "neighbors": "`jet neighbors`",
    "model": "`jet train` or `jet learn`",
    "predictions": "`jet predict`",
    "report": "`jet evaluate`",
    "bookings": "`jet export`",
}
"""The commands that write each kind of artifact."""

log = logging.getLogger("jet.artifacts.artifact")


def refuse_foreign(path: str) -> None:
    """Raise `ArtifactError` where `path` can't become an artifact.

    It must not be a file or a folder that isn't empty, nor lie inside of a file or of a finished artifact. On
    an object store its bucket must exist, and it may hold files of unfinished runs.
    """
    filesystem, root = resolve(path)
    bucket = root.partition("/")[0]
    if not has_rename(filesystem) and filesystem.get_file_info(bucket).type == pafs.FileType.NotFound:
        raise ArtifactError(f"{path}: there is no bucket {bucket!r}: check its name, or make it first")
    if filesystem.get_file_info(root).type == pafs.FileType.File:
        raise ArtifactError(
            f"{path} is a file; an output must be a folder that does not exist yet: give another one"
        )
    _refuse_inside(path)
    infos = listed(filesystem, root)
    names = sorted(info.base_name for info in infos)
    runs = [] if has_rename(filesystem) else [name for name in names if name.startswith(RUN_FOLDER)]
    foreign = next((name for name in names if name not in runs), None)
    if foreign is not None:
        raise ArtifactError(f"{path} is not empty (it has {foreign}): give an output that does not exist yet")
    if runs:
        log.info(
            "%s has files of runs that didn't end (%s); nobody reads them, and they can be removed once nobody "
            "goes on with them",
            path,
            ", ".join(runs),
        )


def _refuse_inside(path: str) -> None:
    """Raise `ArtifactError` where a folder above `path` is a file, or a finished artifact."""
    for above in folders_above(path):
        if not is_uri(path) and Path(above).is_file():
            raise ArtifactError(f"{path} can't be made: {above} is a file: give another output")
        manifest = finished_at(above)
        if manifest is not None:
            raise ArtifactError(
                f"{path} lies inside of {above}, which holds finished {manifest.kind} and is never changed: "
                "give an output outside of it"
            )


def folders_above(path: str) -> Iterator[str]:
    """The folders that `path` lies in, the nearest first, as paths or URIs."""
    above = path.rstrip("/") if is_uri(path) else str(Path(path).absolute())
    while (above := above.rpartition("/")[0]) and not above.rstrip("/").endswith(":"):
        yield above


def finished_at(path: str) -> Manifest | None:
    """The manifest of the artifact at `path`; None where there is none or it isn't valid."""
    with suppress(ArtifactError, OSError):
        return read_manifest(path)
    return None


def why_none(path: str, kind: str) -> str:
    """The reason why there is no finished artifact of `kind` at `path`, with the way out."""
    filesystem, root = resolve(path)
    found = filesystem.get_file_info(root).type
    by = f"; {WRITERS[kind]} writes it" if kind in WRITERS else ""
    if found == pafs.FileType.NotFound:
        why = f"there is no such folder: check the path{by}"
    elif found == pafs.FileType.File:
        why = f"it is a file, and a folder is wanted{by}"
    else:
        names = [info.base_name for info in listed(filesystem, root)]
        places = [f"{path.rstrip('/')}/{name}" for name in sorted(names)]
        inside = [place for place in places if (other := finished_at(place)) and other.kind == kind]
        if inside:
            why = f"it is the folder above: name {inside[0]}"
        elif names:
            why = f"there is no {MANIFEST} in it: was the job that writes it ended?"
        else:
            why = f"it is an empty folder: check the path{by}"
    return f"{path} holds no finished {kind}: {why}"
