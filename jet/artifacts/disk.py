"""Files on a disk that outlast a power cut: each function returns when its work is on the disk.

A disk keeps what was flushed to it. Of the rest it may keep any part: a name without its content, one of two
renames, half a file. So a file is written under a hidden name, flushed, and then renamed, and each folder in
which a name comes or goes is flushed too. Whoever goes on after a power cut finds whole files only.

Notable: every write and removal on a disk goes through the few calls here, and `tests/durability` cuts the
power at each of them. On macOS a flush reaches the drive, which may still hold it in its own cache.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

CANT_FLUSH = (errno.EINVAL, errno.ENOTSUP)
"""What some mounted filesystems say when a folder is flushed: they have nothing to flush."""


def make_folder(folder: str) -> None:
    """Make a folder and those above it; does nothing where it is there. Raises `OSError`."""
    missing = []
    path = Path(folder)
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for path in reversed(missing):
        with suppress(FileExistsError):  # somebody else was faster
            os.mkdir(path)  # noqa: PTH102 (all calls of this module are os's, where tests look at them)
        flush_folder(str(path.parent))


@contextmanager
def new_file(path: str) -> Iterator[BinaryIO]:
    """A new file to write, flushed at the end of the context. Its name is flushed when it is moved."""
    with open(path, "wb") as stream:  # noqa: PTH123 (as above)
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A file to write that is there, in place of an older one, from the end of the context on; not at all after
    an error. Its folder is made."""
    folder, _, name = path.rpartition("/")
    make_folder(folder)
    # Two runs of the same work write the same parts: with one hidden name, one would publish what the other has
    # half written.
    unfinished = f"{folder}/.{name}.unfinished-{uuid.uuid4().hex[:8]}"
    try:
        with new_file(unfinished) as stream:
            yield stream
        move(unfinished, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)  # noqa: PTH108
        raise


def move(source: str, target: str) -> None:
    """Rename a flushed file, or a folder whose content is flushed. A file replaces a file; a folder only an
    empty one, so of several that are moved to one place the first is there to stay. Raises `OSError`."""
    os.rename(source, target)  # noqa: PTH104
    flush_folder(target.rpartition("/")[0])


def remove_file(path: str) -> None:
    """Delete a file. Raises `FileNotFoundError` where there is none."""
    os.unlink(path)  # noqa: PTH108
    flush_folder(path.rpartition("/")[0])


def remove_folder(path: str) -> None:
    """Delete a folder with everything in it. Raises `OSError`; what can't be deleted stays."""
    shutil.rmtree(path)
    flush_folder(path.rpartition("/")[0])


def flush_folder(folder: str) -> None:
    """Flush the names in a folder."""
    handle = os.open(folder or "/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in CANT_FLUSH:
            raise
    finally:
        os.close(handle)
