"""A disk that loses what wasn't flushed when the power is cut, in every way that a real one may.

`Recorder` stands for `os`, `open` and `shutil` in `jet.artifacts.disk`: it does what it is asked on the real
disk, and writes it down. `after_a_cut` takes what was written down up to some moment, keeps all that was
flushed by then and, by a seed, any part of the rest: a name without its content, one of two renames, half a
write, zeros in place of one, a removal that didn't happen. Steps that touch different names and files so come
in any order.
"""

from __future__ import annotations

import io
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jet.artifacts import disk

TOP = 0
"""The number of the folder that all others are in."""
FATES = ("kept", "lost", "zeros", "torn")


@dataclass(frozen=True)
class Step:
    """Something that was done: to a folder's names, or to a file's content."""

    what: str  # make, create, rename, remove; write; flush
    node: int  # the file or folder that gets or loses the name, is written to or flushed
    folder: int = -1  # whose name it is
    name: str = ""
    source: tuple[int, str] = (-1, "")  # of a rename: the folder and name from which
    offset: int = 0
    content: bytes = b""


class Tree:
    """Files and folders by number."""

    def __init__(self) -> None:
        self.nodes: dict[int, dict[str, int] | bytearray] = {TOP: {}}

    def find(self, parts: tuple[str, ...]) -> int:
        node = TOP
        for part in parts:
            node = self.nodes[node][part]
        return node

    def apply(self, step: Step) -> None:
        """Do a step; one whose source or target was lost takes no effect."""
        if step.what in ("make", "create"):
            self.nodes.setdefault(step.node, {} if step.what == "make" else bytearray())
        if step.what == "write":
            content = self.nodes.setdefault(step.node, bytearray())
            content.extend(bytes(max(0, step.offset + len(step.content) - len(content))))
            content[step.offset : step.offset + len(step.content)] = step.content
        elif step.what in ("make", "create", "rename"):
            folder, name = step.source
            if self.nodes.get(folder, {}).get(name) == step.node:
                del self.nodes[folder][name]
            self.nodes.setdefault(step.node, bytearray())
            self.nodes.setdefault(step.folder, {})[step.name] = step.node
        elif step.what == "remove" and self.nodes.get(step.folder, {}).get(step.name) == step.node:
            del self.nodes[step.folder][step.name]

    def read(self, folder: Path) -> Tree:
        """Take over what is in a real folder."""
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            node = len(self.nodes)
            self.apply(Step("make" if path.is_dir() else "create", node, self.find(parts[:-1]), parts[-1]))
            if path.is_file():
                self.nodes[node].extend(path.read_bytes())
        return self

    def write(self, folder: Path, node: int = TOP) -> None:
        """Write everything to a real folder."""
        folder.mkdir(exist_ok=True)
        for name, each in self.nodes[node].items():
            content = self.nodes[each]
            if isinstance(content, dict):
                self.write(folder / name, each)
            else:
                (folder / name).write_bytes(content)

    def listed(self, node: int = TOP, above: str = "") -> dict[str, bytes | None]:
        """The content of each file by its path; None for folders."""
        found: dict[str, bytes | None] = {}
        for name, each in self.nodes[node].items():
            content = self.nodes[each]
            is_folder = isinstance(content, dict)
            found[above + name] = None if is_folder else bytes(content)
            found |= self.listed(each, f"{above}{name}/") if is_folder else {}
        return found


class Recorder:
    """Does and writes down what `jet.artifacts.disk` does below a real folder."""

    O_RDONLY, O_DIRECTORY = os.O_RDONLY, os.O_DIRECTORY

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before, self.now = Tree().read(folder), Tree().read(folder)
        self.numbers = len(self.now.nodes)
        self.handles: dict[int, int] = {}
        self.steps: list[Step] = []

    def note(self, step: Step) -> None:
        self.steps.append(step)
        self.now.apply(step)

    def parts(self, path: Any) -> tuple[str, ...]:
        return Path(path).relative_to(self.folder).parts

    def place(self, path: Any) -> tuple[int, str]:
        *above, name = self.parts(path)
        return self.now.find(tuple(above)), name

    def mkdir(self, path: Any) -> None:
        Path(path).mkdir()
        self.numbers += 1
        self.note(Step("make", self.numbers, *self.place(path)))

    def new(self, path: Any, mode: str) -> io.BufferedWriter:
        assert mode == "wb"
        assert not Path(path).exists(), "a file is never written to again"
        raw = _File(path, mode)
        self.numbers += 1
        raw.recorder, raw.number = self, self.numbers
        self.handles[raw.fileno()] = self.numbers
        self.note(Step("create", self.numbers, *self.place(path)))
        return io.BufferedWriter(raw)

    def open(self, path: Any, flags: int) -> int:
        handle = os.open(path, flags)
        self.handles[handle] = self.now.find(self.parts(path))
        return handle

    def close(self, handle: int) -> None:
        os.close(handle)

    def fsync(self, handle: int) -> None:  # no need to do it: no power is cut
        self.note(Step("flush", self.handles[handle]))

    def rename(self, source: Any, target: Any) -> None:
        Path(source).rename(target)
        old, new = self.place(source), self.place(target)
        self.note(Step("rename", self.now.nodes[old[0]][old[1]], *new, source=old))

    def unlink(self, path: Any) -> None:
        Path(path).unlink()
        self._gone(path)

    def rmtree(self, path: Any) -> None:
        below = sorted(Path(path).rglob("*"), reverse=True)
        shutil.rmtree(path)
        for each in [*below, path]:
            self._gone(each)

    def _gone(self, path: Any) -> None:
        folder, name = self.place(path)
        self.note(Step("remove", self.now.nodes[folder][name], folder, name))


class _File(io.FileIO):
    recorder: Recorder
    number: int

    def write(self, content: Any) -> int:
        offset, size = self.tell(), super().write(content)
        self.recorder.note(Step("write", self.number, offset=offset, content=bytes(content[:size])))
        return size


@contextmanager
def recorded(folder: Path) -> Iterator[Recorder]:
    """Write down what jet does below a folder. At the end, that leads to what is there: nothing was written
    past `jet.artifacts.disk`."""
    recorder = Recorder(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "os", recorder)
        patch.setattr(disk, "shutil", recorder)
        patch.setattr(disk, "open", recorder.new, raising=False)
        yield recorder
    assert recorder.now.listed() == Tree().read(folder).listed()


def after_a_cut(recorder: Recorder, moment: int, seed: int) -> Tree:
    """What is left when the power is cut after so many steps."""
    draw = random.Random(seed)
    unsure = draw.choice([0.1, 0.5, 0.9])  # how much is lost of what may be
    flushed: set[int] = set()
    fates = []
    for step in reversed(recorder.steps[:moment]):
        if step.what == "flush":
            flushed.add(step.node)
            continue
        safe = (step.node if step.what == "write" else step.folder) in flushed
        fates.append((step, "kept" if safe or draw.random() > unsure else draw.choice(FATES[1:])))
    tree = Tree()
    tree.nodes = {number: _copy(node) for number, node in recorder.before.nodes.items()}
    for step, fate in reversed(fates):
        if fate == "kept":
            tree.apply(step)
        elif step.what == "write" and fate != "lost":
            content = step.content if fate == "torn" else bytes(len(step.content))
            size = draw.randint(0, len(content)) if fate == "torn" else len(content)
            tree.apply(Step("write", step.node, offset=step.offset, content=content[:size]))
    return tree


def _copy(node: dict[str, int] | bytearray) -> dict[str, int] | bytearray:
    return dict(node) if isinstance(node, dict) else bytearray(node)
