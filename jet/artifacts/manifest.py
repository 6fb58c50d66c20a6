"""The manifest of an artifact, which is validated when it is read.

An artifact may come from a stranger's archive, so both the shape of the manifest and the location of the files
that it names are checked before they are used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pyarrow import fs as pafs

from jet.artifacts.storage import read_whole, resolve

MANIFEST = "manifest.json"
FORMAT = 1


class ArtifactError(ValueError):
    """An artifact is missing, unfinished, changed since it was published, or of another kind."""


@dataclass(frozen=True)
class Manifest:
    """The description of an artifact: its kind, files, settings and inputs."""

    kind: str
    fingerprint: str  # of the files' content
    rows: dict[str, int]
    files: dict[str, dict[str, Any]]  # path in the artifact: {"size", "sha256"}
    config: dict[str, Any]  # the settings that determine the content
    inputs: dict[str, str]  # name: fingerprint
    resolved: dict[str, Any] = field(default_factory=dict)  # all settings of the job that wrote it
    facts: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    folder: str = ""  # on an object store, the run's folder within the artifact, which has the files
    format: int = FORMAT
    writer: str = ""  # drawn at random, which tells two runs of the same work apart

    def as_dict(self) -> dict[str, Any]:
        """The content of `manifest.json`."""
        return dict(self.__dict__)


_WORDS: dict[type, str] = {str: "text", dict: "table"}
_PARTS: dict[str, type] = dict.fromkeys(("kind", "fingerprint", "created", "writer"), str)
_PARTS |= dict.fromkeys(("rows", "config", "inputs", "resolved", "facts"), dict)


def read_manifest(path: str) -> Manifest | None:
    """The manifest of the artifact at `path`; None where nothing was published.

    Raises `ArtifactError` where it is not valid, or names a file outside of the artifact.
    """
    filesystem, root = resolve(path)
    try:
        content = json.loads(read_whole(filesystem, f"{root}/{MANIFEST}"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:  # no JSON, not even text, or nested without end
        raise ArtifactError(f"{path}/{MANIFEST} is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = repr(content.get("format") if isinstance(content, dict) else content)[:40]
        raise ArtifactError(
            f"{path}/{MANIFEST} has format {found}; this jet reads {FORMAT}: run the job that wrote it again, "
            "or use the jet that it was written with"
        )
    try:
        manifest = Manifest(**content)
    except TypeError as error:
        raise ArtifactError(f"{path}/{MANIFEST} lacks what a manifest has: {str(error)[:200]}") from None
    files, folder = manifest.files, manifest.folder
    if not isinstance(files, dict) or not all(
        isinstance(facts, dict) and isinstance(facts.get("sha256"), str) for facts in files.values()
    ):
        raise ArtifactError(f"{path}/{MANIFEST} doesn't name files with their sizes and digests")
    if not isinstance(folder, str):
        raise ArtifactError(f"{path}/{MANIFEST} names a folder that is none: {repr(folder)[:40]}")
    for part, type_ in _PARTS.items():
        if not isinstance(getattr(manifest, part), type_):
            raise ArtifactError(f"{path}/{MANIFEST}: {part} is no {_WORDS[type_]}: fetch the artifact anew")
    if not all(isinstance(number, int) for number in manifest.rows.values()):
        raise ArtifactError(f"{path}/{MANIFEST}: rows are not all numbers: fetch the artifact anew")
    for name in files:
        if not _lies_inside(str(PurePosixPath(folder, name)), filesystem, root):
            raise ArtifactError(
                f"{path}/{MANIFEST} names {name!r}, which is outside of the artifact, or a link to there: "
                f"fetch the artifact anew, or copy it with what its links lead to (cp -rL)"
            )
    return manifest


def _lies_inside(name: str, filesystem: pafs.FileSystem, root: str) -> bool:
    """Whether a file that a manifest names is in the artifact's folder, symbolic links followed.

    A link in a stranger's archive must not make jet read a file elsewhere.
    """
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        return False
    if not isinstance(filesystem, pafs.LocalFileSystem):
        return True
    try:
        return Path(root, name).resolve().is_relative_to(Path(root).resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle, or no name at all, as with a NUL
        return False
