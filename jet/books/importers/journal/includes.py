"""The files of an `include`, and the files of a run that others include.

Files are included only from within one folder, by their real path, so that neither `..` nor a link leads out of
it. An absolute path or `~` is refused even where it leads into the folder, since on another machine it
wouldn't.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jet.artifacts.uris import is_uri
from jet.books.checks import Rule
from jet.books.importers.common import BrokenRuleError, UnreadableFile, has_suffix, without_mark
from jet.books.importers.files import expand, open_file, parent

SUFFIXES = (".ledger", ".ldg", ".journal", ".hledger")

MOST_DEEP = 32
MOST_FILES = 10_000
"""The most files that one journal may include; repeats count."""

_INCLUDE = re.compile(rb"[!@]?include[ \t]+(\S.*)")
_READ_AS_JOURNAL = re.compile(r"(?:journal|ledger|hledger):")


def included(target: str, file: str, folder: str, whole_glob: bool) -> list[str]:
    """The files of an include in `file`, sorted paths or URIs, all within `folder`.

    With `whole_glob` (hledger) a pattern may match folders too, and `**` any of them; otherwise (ledger) only
    the file's name. Raises BrokenRuleError where there is no such file, or where it is outside of the folder.
    """
    target = target.strip()
    if whole_glob:
        target = _READ_AS_JOURNAL.sub("", target, count=1)
    if "\0" in target:
        raise BrokenRuleError(Rule.INCLUDE, "include: a path holds a NUL character: remove it")
    if target.startswith(("/", "\\", "~")) or is_uri(target):
        raise _outside(target, folder)
    pattern = _joined(parent(file), target)
    head, _, name = pattern.rpartition("/")
    is_pattern = bool(re.search(r"[*?\[]", target))
    if is_pattern and not whole_glob and re.search(r"[*?\[]", target.rpartition("/")[0]):
        raise BrokenRuleError(
            Rule.INCLUDE,
            f"include {target[:60]}: ledger takes a pattern only for the file's name: name the folders",
        )
    if not is_pattern:
        found = [pattern]
    else:
        if not _is_within(re.split(r"/[^/]*[*?\[]", pattern, maxsplit=1)[0] or "/", folder):
            raise _outside(target, folder)
        found = _matching(pattern, head, name)
    for path in found:
        if not _is_within(path, folder):
            raise _outside(target, folder)
    if not found or (not is_pattern and not is_uri(found[0]) and not Path(found[0]).exists()):
        raise BrokenRuleError(
            Rule.INCLUDE, f"include {target[:60]}: there is no such file: correct the path, or add it"
        )
    return found


def _matching(pattern: str, head: str, name: str) -> list[str]:
    """The files that match a pattern, without those in folders that match."""
    try:
        found = list(expand([pattern]))
    except (UnreadableFile, OSError, re.error, ValueError):
        return []
    if "**" in pattern:
        return found
    depth = pattern.count("/")
    return [path for path in found if path.count("/") == depth and name and head]


def _joined(folder: str, target: str) -> str:
    if is_uri(folder):
        scheme, _, rest = folder.partition("://")
        return f"{scheme}://{posixpath.normpath(posixpath.join(rest, target))}"
    return os.path.normpath(Path(folder) / target)


def _is_within(path: str, folder: str) -> bool:
    if is_uri(path) or is_uri(folder):
        return path == folder or path.startswith(folder.rstrip("/") + "/")
    real, root = os.path.realpath(path), os.path.realpath(folder)
    return real == root or real.startswith(root.rstrip("/") + "/")


def _outside(target: str, folder: str) -> BrokenRuleError:
    return BrokenRuleError(
        Rule.INCLUDE,
        f"include {target[:60]} leads out of {folder or '.'}, and isn't followed: put the file into it "
        "and write its path from here, or read a folder that holds both",
    )


class Includes(NamedTuple):
    """The files that the journals of a run include."""

    by_others: set[str]
    """Files of the run that another one includes, which aren't read by themselves too."""
    beyond: list[str]
    """Included files that aren't among the run's files, sorted; their content is part of the input too."""


def includes_of(files: Mapping[str, str], format_: str = "auto") -> Includes:
    """The includes of a run of `files`, which map each file's name to the folder that it may include from.

    Only files with a journal's extension are read; all are where `format_` says that they are journals. Of
    files that include each other in a circle, the first by name counts as not included.
    """
    names = {_real(file): file for file in files}
    journals = sorted(file for file in files if format_ == "ledger" or has_suffix(file, *SUFFIXES))
    known: dict[tuple[str, str], set[str]] = {}
    reached = {file: _reached(file, files[file], known) for file in journals}
    direct = {file: {names[path] for path in reached[file] if path in names} - {file} for file in journals}
    everyone = set().union(*direct.values())
    kept = {file for file in journals if file not in everyone}
    taken = set().union(*(direct[file] for file in kept))
    for file in journals:  # what nothing includes is read, and what it includes isn't: only circles are left
        if file not in kept and file not in taken:
            kept.add(file)
            taken |= direct[file] - kept
    beyond = set().union(*reached.values()) - names.keys()
    return Includes(taken - kept, sorted(beyond))


def _reached(file: str, folder: str, known: dict[tuple[str, str], set[str]]) -> set[str]:
    """The real paths of all files that a file includes, directly or through others."""
    found: set[str] = set()
    waiting = [file]
    while waiting:
        path = waiting.pop()
        key = _real(path), folder
        if key not in known:
            known[key] = set(_targets(path, folder))
        for target in known[key]:
            name = _real(target)
            if name not in found and len(found) < MOST_FILES:
                found.add(name)
                waiting.append(target)
    return found


def _targets(file: str, folder: str) -> Iterator[str]:
    """The files that a journal's own lines include."""
    try:
        with open_file(file) as stream:
            for line in include_lines(stream):
                try:
                    yield from included(line, file, folder, whole_glob=True)
                except BrokenRuleError:
                    continue
    except (UnreadableFile, OSError):
        return


def include_lines(stream: Iterator[bytes] | object) -> Iterator[str]:
    """The targets of a journal's include lines, except those in comment blocks."""
    ends: tuple[bytes, ...] = ()
    for number, line in enumerate(_lines(stream)):
        line = line if number else without_mark(line)
        if ends:
            ends = () if line.startswith(ends) else ends
        elif line.startswith((b"comment", b"test")) and line.split()[0] in (b"comment", b"test"):
            ends = (b"end comment", b"end test")
        elif line[:1] in (b"i", b"!", b"@") and (found := _INCLUDE.match(line)):
            yield found[1].decode("utf-8", "replace").strip()


def _lines(stream: object, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    """The lines of a stream; of one that is longer than a chunk, its beginning."""
    rest = b""
    while chunk := stream.read(chunk_bytes):  # type: ignore[attr-defined]
        *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        yield from lines
        rest = rest[:chunk_bytes]
    yield rest


def _real(path: str) -> str:
    return path if is_uri(path) else os.path.realpath(path)
