"""Files on local or mounted folders and on object stores (`s3://`, `gs://`), through one function.

Every path that a job is given goes through `resolve`, on the driver and on every worker. Endpoint and
credentials of a store come from the environment of each process, never from a path, since paths are written to
manifests and logs.

Notable: an object store has no rename and no folders, and a stream that an error closes still becomes a
truncated object. Files that must be complete are therefore written in one piece (`write_whole`). On a disk they
are flushed too (`jet.artifacts.disk`).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, ParamSpec, TypeVar

from pyarrow import fs as pafs

from jet.artifacts import disk
from jet.artifacts.uris import is_uri, refuse_keys

P = ParamSpec("P")
R = TypeVar("R")

S3_RETRIES = 10
"""How often a request to S3 is sent before it counts as failed; with the SDK's backoff, about 25 s in all."""
LOOKS = 10
"""How often a folder that other processes change meanwhile is listed before that counts as an error."""


class S3(pafs.S3FileSystem):
    """pyarrow's S3 filesystem, pickled as the name of its bucket.

    pyarrow's own loses its retry strategy when pickled. And the process that unpickles this one uses the
    credentials of its own environment.
    """

    bucket = ""
    anonymous = False
    endpoint: str | None = None

    def __reduce__(self) -> tuple:
        return s3_filesystem, (self.bucket, self.anonymous)


@lru_cache(64)
def s3_filesystem(bucket: str, anonymous: bool) -> S3:
    """The filesystem of a bucket. Raises `OSError` where its region is needed and can't be looked up."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not (region or endpoint):
        region = pafs.resolve_s3_region(bucket)
    filesystem = S3(
        anonymous=anonymous,
        region=region,
        endpoint_override=endpoint,
        # Not pyarrow's default, the "standard" strategy: as Arrow wraps it, its quota of 100 retries is never
        # refilled, and a process that has used it up retries nothing more.
        retry_strategy=pafs.AwsDefaultS3RetryStrategy(max_attempts=S3_RETRIES),
        allow_delayed_open=True,  # writes a small file in one request
    )
    filesystem.bucket, filesystem.anonymous, filesystem.endpoint = bucket, anonymous, endpoint
    return filesystem


def absolute(path: str) -> str:
    """`path` with this process's folder in front where it is relative, so that it means the same in another
    process on this machine; a URI stays as it is."""
    return path if is_uri(path) else str(Path(path).absolute())


def resolve(path: str) -> tuple[pafs.FileSystem, str]:
    """The pyarrow filesystem of a local path or URI (`s3://`, `gs://`), and the path on it.

    Raises `ValueError` for an empty path, a URI with credentials or options, and an unknown scheme.
    """
    if not path:
        raise ValueError("a path is empty: name a file or a folder")
    if not is_uri(path):
        return pafs.LocalFileSystem(), str(Path(path).absolute())
    refuse_keys(path)
    scheme, _, rest = path.partition("://")
    if scheme not in ("s3", "gs"):
        return pafs.FileSystem.from_uri(path.rstrip("/"))
    anonymous = rest.startswith("anonymous@")
    bucket, *folders = rest.removeprefix("anonymous@").split("/")
    if re.search(r"\?\w+=", rest):
        raise ValueError(
            f"{path.partition('?')[0]}: a path takes no options such as those after its ?; give them in the "
            "environment (AWS_ENDPOINT_URL, AWS_REGION)"
        )
    if not bucket:
        raise ValueError(f"{path} names no bucket: {scheme}://BUCKET/FOLDER")
    name = "/".join([bucket, *filter(None, folders)])
    if scheme == "s3":
        return s3_filesystem(bucket, anonymous), name
    return pafs.GcsFileSystem(anonymous=anonymous), name


def has_rename(filesystem: pafs.FileSystem) -> bool:
    """Whether files and folders can be renamed atomically; object stores copy and delete instead."""
    return isinstance(filesystem, pafs.LocalFileSystem)


def write_whole(filesystem: pafs.FileSystem, path: str, content: bytes | memoryview) -> None:
    """Write a file completely or not at all: by rename, or on an object store by one request.

    (A larger object is uploaded in parts, and exists from the last request on.)
    """
    with opened(filesystem, path) as stream:
        stream.write(content)


@contextlib.contextmanager
def opened(filesystem: pafs.FileSystem, path: str) -> Iterator[BinaryIO]:
    """A file to write piece by piece. On a disk it is there from the end of the context on, and after an error
    not at all; on an object store an error leaves a truncated object."""
    stream = disk.whole_file(path) if has_rename(filesystem) else filesystem.open_output_stream(path)
    with stream as file:
        yield file


def read_whole(filesystem: pafs.FileSystem, path: str) -> bytes:
    """The content of a small file. Raises `FileNotFoundError` or `NotADirectoryError` where there is none."""

    def read() -> bytes:
        with filesystem.open_input_stream(path) as stream:
            return stream.read()

    return patiently(read)


def patiently(read: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call `read`, and retry where S3 was too busy to answer a small read.

    pyarrow reads into a buffer of the requested size. A busy S3 answers with some hundred bytes of XML, which
    may not fit; the SDK reports that as an internal failure and doesn't retry.
    """
    for attempt in range(S3_RETRIES):
        try:
            return read(*args, **kwargs)
        except OSError as error:
            if "flush response stream" not in str(error):
                raise
            time.sleep(0.025 * 2**attempt)
    return read(*args, **kwargs)


def listed(filesystem: pafs.FileSystem, root: str, *, recursive: bool = False) -> list[pafs.FileInfo]:
    """What is in a folder, in no order; nothing where there is no such folder.

    pyarrow's `allow_not_found` asks whether the folder is there only after it couldn't be listed. One that
    another process makes between the two is therefore reported as missing, and a folder inside that another
    process removes meanwhile ends the whole list. Both are over at the next look.
    """
    selector = pafs.FileSelector(root, recursive=recursive, allow_not_found=True)
    for _ in range(LOOKS):
        try:
            return filesystem.get_file_info(selector)
        except FileNotFoundError:
            continue
    return filesystem.get_file_info(selector)


def files_under(filesystem: pafs.FileSystem, root: str) -> dict[str, pafs.FileInfo]:
    """All files below a folder by their relative path, sorted."""
    files = [info for info in listed(filesystem, root, recursive=True) if info.type == pafs.FileType.File]
    return {PurePosixPath(info.path).relative_to(root).as_posix(): info for info in sorted(files, key=_path)}


def _path(info: pafs.FileInfo) -> str:
    return info.path


@contextlib.contextmanager
def fetched(path: str) -> Iterator[Path]:
    """A local file or folder with the content of `path`: itself, or for a URI a copy that the context removes.

    Raises `FileNotFoundError` where there is nothing at a URI.
    """
    if not is_uri(path):
        yield Path(path)
        return
    filesystem, root = resolve(path)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / PurePosixPath(root).name
        if filesystem.get_file_info(root).type == pafs.FileType.File:
            patiently(_copy, filesystem, root, target)
        else:
            names = files_under(filesystem, root)
            if not names:
                raise FileNotFoundError(f"{path}: nothing is there")
            for name, info in names.items():
                patiently(_copy, filesystem, info.path, target / name)
        yield target


def _copy(filesystem: pafs.FileSystem, path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with filesystem.open_input_stream(path) as source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)


@contextlib.contextmanager
def kept_in(path: str) -> Iterator[str]:
    """A local folder to write to: `path` itself, or for a URI one that is copied there at the context's end."""
    if not is_uri(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield folder
        filesystem, root = resolve(path)
        for name in files_under(pafs.LocalFileSystem(), folder):
            write_whole(filesystem, f"{root}/{name}", (Path(folder) / name).read_bytes())


def remove(path: str) -> None:
    """Delete a file, or a folder with everything in it; does nothing where there is none."""
    filesystem, root = resolve(path)
    found = filesystem.get_file_info(root).type
    if found == pafs.FileType.File:
        remove_file(filesystem, root)
    elif found == pafs.FileType.Directory:
        with contextlib.suppress(FileNotFoundError):  # Google's reports the folder itself as missing in the end
            disk.remove_folder(root) if has_rename(filesystem) else filesystem.delete_dir(root)


def remove_file(filesystem: pafs.FileSystem, path: str) -> None:
    """Delete a file. On a disk, `FileNotFoundError` is raised where there is none."""
    if has_rename(filesystem):
        disk.remove_file(path)
    else:
        filesystem.delete_file(path)
