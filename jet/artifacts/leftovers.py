"""What runs that were killed left behind: found by its name, and removed by whoever asks for it.

A job keeps what it needs beside its output, in hidden folders (`jet.artifacts.artifact.beside`), and on an
object store its files in folders of the run. The same command goes on with them, so they stay when a job is
killed; nobody reads them otherwise. Notable: nothing here can tell a killed job from one at work, but for the
time since its last write. What changed lately is therefore left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pyarrow import fs as pafs

from jet.artifacts.artifact import RUN_FOLDER, read_manifest
from jet.artifacts.storage import has_rename, is_uri, resolve

KINDS = {
    "staging": "parts of an unfinished output",
    "training": "checkpoints of an unfinished training, fine-tuning or ablation",
    "tuning": "trials of an unfinished sweep",
    "entries": "entries imported for an unfinished prediction",
    "reviewed": "reviewed entries imported for an unfinished prediction",
    "unfinished": "a file that was not written to its end",
}
NAME = re.compile(
    r"\.(?P<output>.+)\.(?:(?P<run>staging|tuning)-[0-9a-f]+|(?P<kind>training|entries|reviewed|unfinished))"
)
RUN = re.compile(f"{RUN_FOLDER}[0-9a-f]+")


@dataclass(frozen=True)
class Leftover:
    """A folder, or a file, that a run left."""

    path: str
    """As the caller would write it: with the scheme of a store."""
    kind: str
    """One of KINDS."""
    output: str
    """What it would have become."""
    files: int
    size: int
    """Bytes."""
    changed: datetime
    """When its newest file was written."""

    def __str__(self) -> str:
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        return (
            f"{self.path}: {KINDS[self.kind]} ({self.output}), {files}, {self.size / 1e6:.1f} MB, last written "
            f"{self.changed:%Y-%m-%d %H:%M} UTC"
        )


def leftovers(path: str) -> list[Leftover]:
    """All that was left beside `path`, for it, and anywhere in it; sorted by path.

    On Google's store nothing beside it is found: pyarrow shows no folder there that is only the beginning of
    names. Give the folder above. Raises `FileNotFoundError` where nothing is there.
    """
    filesystem, root = resolve(path)
    prefix = path[: path.index(root.partition("/")[0])] if is_uri(path) else ""  # gs://anonymous@, say
    parent, _, own = root.rpartition("/")
    there = [
        info.path
        for info in filesystem.get_file_info(pafs.FileSelector(parent, allow_not_found=True))
        if (match := NAME.fullmatch(info.base_name)) and match["output"] == own
    ]
    inside = filesystem.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True))
    if not there and not inside and filesystem.get_file_info(root).type == pafs.FileType.NotFound:
        raise FileNotFoundError(f"{path}: nothing is there, and nothing was left for it")
    on_a_store = not has_rename(filesystem)
    for info in inside:
        place = _place(PurePosixPath(info.path).relative_to(root).parts, on_a_store)
        if place:
            there.append(f"{root}/{place}")
    found = [
        _described(filesystem, each, prefix)
        for each in dict.fromkeys(there)
        if not _is_current(PurePosixPath(each), prefix)
    ]
    return sorted(found, key=lambda each: each.path)


def _place(parts: tuple[str, ...], on_a_store: bool) -> str:
    """The outermost of the folders (and file) named by `parts` that a run leaves; "" where none is."""
    for depth, part in enumerate(parts, 1):
        if NAME.fullmatch(part) or (on_a_store and RUN.fullmatch(part)):
            return "/".join(parts[:depth])
    return ""


def _is_current(place: PurePosixPath, prefix: str) -> bool:
    """Whether it is what the manifest beside it names: the files of the artifact itself."""
    if not RUN.fullmatch(place.name):
        return False
    manifest = read_manifest(f"{prefix}{place.parent}")
    return manifest is not None and manifest.folder == place.name


def _described(filesystem: pafs.FileSystem, place: str, prefix: str) -> Leftover:
    info = filesystem.get_file_info(place)
    selector = pafs.FileSelector(place, recursive=True, allow_not_found=True)
    inside = [] if info.type == pafs.FileType.File else filesystem.get_file_info(selector)
    files = [each for each in (info, *inside) if each.type == pafs.FileType.File]
    match = NAME.fullmatch(PurePosixPath(place).name)
    kind = (match["run"] or match["kind"]) if match else "staging"
    folder = PurePosixPath(place).parent
    output = str(folder / match["output"]) if match else str(folder)
    times = [each.mtime for each in (info, *inside) if each.mtime is not None]
    changed = max(times, default=datetime.now(UTC))
    size = sum(each.size or 0 for each in files)
    return Leftover(prefix + place, kind, prefix + output, len(files), size, changed.astimezone(UTC))
