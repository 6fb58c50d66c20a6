"""Files that killed runs left behind, found by their names.

A job keeps its temporary files in hidden folders beside its output (`jet.artifacts.artifact.beside`), and on an
object store in folders of the run. They stay when the job is killed, so that the same command can resume.
Notable: only the time of the last write tells a killed job from a running one, so callers skip what changed
recently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pyarrow import fs as pafs

from jet.artifacts.artifact import RUN_FOLDER, read_manifest
from jet.artifacts.storage import has_rename, listed, resolve
from jet.artifacts.uris import is_uri

KINDS = {
    "staging": "parts of an unfinished output",
    "training": "checkpoints of an unfinished training, fine-tuning or ablation",
    "tuning": "trials of an unfinished sweep",
    "entries": "entries imported for an unfinished prediction",
    "reviewed": "reviewed entries imported for an unfinished prediction",
    "unfinished": "a file that was not written to its end",
}
NAME = re.compile(
    r"\.(?P<output>.+)\.(?:(?P<run>staging|tuning|unfinished)-[0-9a-f]+|(?P<kind>training|entries|reviewed))"
)
RUN = re.compile(f"{RUN_FOLDER}[0-9a-f]+")


@dataclass(frozen=True)
class Leftover:
    """A folder or file that a killed run left."""

    path: str
    """Path or URI, as a user would write it."""
    kind: str
    """One of KINDS."""
    output: str
    """The path of the unfinished output."""
    files: int
    size: int
    """In bytes."""
    changed: datetime
    """The time of the last write to it."""

    def __str__(self) -> str:
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        return (
            f"{self.path}: {KINDS[self.kind]} ({self.output}), {files}, {self.size / 1e6:.1f} MB, last written "
            f"{self.changed:%Y-%m-%d %H:%M} UTC"
        )


def leftovers(path: str) -> list[Leftover]:
    """The leftovers of the output `path`, beside it and anywhere in it, sorted by path.

    On Google Cloud Storage those beside it aren't found, since pyarrow doesn't list folders there that are only
    prefixes of object names: pass the folder above. Raises `FileNotFoundError` where there is nothing at all.
    """
    filesystem, root = resolve(path)
    prefix = path[: path.index(root.partition("/")[0])] if is_uri(path) else ""  # such as gs://anonymous@
    parent, _, name = root.rpartition("/")
    places = [
        info.path
        for info in listed(filesystem, parent)
        if (match := NAME.fullmatch(info.base_name)) and match["output"] == name
    ]
    inside = listed(filesystem, root, recursive=True)
    if not places and not inside and filesystem.get_file_info(root).type == pafs.FileType.NotFound:
        raise FileNotFoundError(f"{path}: nothing is there, and nothing was left for it")
    on_a_store = not has_rename(filesystem)
    for info in inside:
        place = _place(PurePosixPath(info.path).relative_to(root).parts, on_a_store)
        if place:
            places.append(f"{root}/{place}")
    described = [
        _described(filesystem, each, prefix)
        for each in dict.fromkeys(places)
        if not _is_current(PurePosixPath(each), prefix)
    ]
    return sorted(described, key=lambda each: each.path)


def _place(parts: tuple[str, ...], on_a_store: bool) -> str:
    """The outermost leftover on the path with these `parts`; "" where there is none."""
    for depth, part in enumerate(parts, 1):
        if NAME.fullmatch(part) or (on_a_store and RUN.fullmatch(part)):
            return "/".join(parts[:depth])
    return ""


def _is_current(place: PurePosixPath, prefix: str) -> bool:
    """Whether the folder holds the files of the published artifact itself."""
    if not RUN.fullmatch(place.name):
        return False
    manifest = read_manifest(f"{prefix}{place.parent}")
    return manifest is not None and manifest.folder == place.name


def _described(filesystem: pafs.FileSystem, place: str, prefix: str) -> Leftover:
    info = filesystem.get_file_info(place)
    inside = [] if info.type == pafs.FileType.File else listed(filesystem, place, recursive=True)
    files = [each for each in (info, *inside) if each.type == pafs.FileType.File]
    match = NAME.fullmatch(PurePosixPath(place).name)
    kind = (match["run"] or match["kind"]) if match else "staging"
    folder = PurePosixPath(place).parent
    output = str(folder / match["output"]) if match else str(folder)
    times = [each.mtime for each in (info, *inside) if each.mtime is not None]
    changed = max(times, default=datetime.now(UTC))
    size = sum(each.size or 0 for each in files)
    return Leftover(prefix + place, kind, prefix + output, len(files), size, changed.astimezone(UTC))
