"""Objects that are made once: of several writers one wins, and the others are told.

S3 and Google's store do it with one request, a put that they refuse where there is an object already. pyarrow
has none such; obstore has. `Exclusive` asks the store when it is made, so that keys which obstore doesn't find
end a job before its work.

Notable: the answer to a put may get lost after the store has done it, and the next try is then refused because
of the first. So contents must differ between writers, by a number drawn at random, and whoever is refused looks
whether the object is its own.
"""

from __future__ import annotations

import configparser
import logging
import os
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError
from obstore.store import GCSStore, S3Store
from pyarrow import fs as pafs

from jet.artifacts.storage import S3, S3_RETRIES, patiently, read_whole, write_whole

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

PATIENCE = timedelta(seconds=25)
"""How long a store may fail until that counts; as with pyarrow's requests (`jet.artifacts.storage`)."""
NOT_MADE = re.compile("status code: 501")
"""What a store answers that knows no conditional put."""

log = logging.getLogger("jet.artifacts.artifact")


class Exclusive:
    """An object at `path` on `filesystem` (a store of `jet.artifacts.storage.resolve`), to be made once.

    Raises `OSError` where the store can't be asked.
    """

    def __init__(self, filesystem: pafs.FileSystem, path: str) -> None:
        self.filesystem, self.path = filesystem, path
        bucket, _, self.name = path.partition("/")
        self.store = _store(filesystem, bucket)
        if self.store is not None:
            try:
                obstore.get(self.store, self.name)
            except FileNotFoundError:
                pass
            except BaseError as error:
                raise OSError(f"{path} can't be looked for: {_short(error)}") from None

    def create(self, content: bytes) -> bool:
        """Make the object; False where another's is there. Raises `OSError` where the store fails."""
        if self.store is None:
            return self._look_and_put(content)
        until = time.monotonic() + PATIENCE.total_seconds()
        pause = 0.025
        while True:
            try:
                obstore.put(self.store, self.name, content, mode="create", use_multipart=False)
                return True
            except AlreadyExistsError:
                return read_whole(self.filesystem, self.path) == content
            except GenericError as error:  # obstore itself doesn't repeat a put whose connection broke
                if NOT_MADE.search(str(error)):
                    log.warning(
                        "the store of %s can't refuse a second put: two jobs that publish there at the same "
                        "moment aren't told apart",
                        self.path,
                    )
                    return self._look_and_put(content)
                if time.monotonic() > until:
                    raise OSError(f"{self.path} can't be put: {_short(error)}") from None
            except (BaseError, OSError) as error:
                raise OSError(f"{self.path} can't be put: {_short(error)}") from None
            time.sleep(pause)
            pause *= 2

    def _look_and_put(self, content: bytes) -> bool:
        """The same with a moment between look and put."""
        if patiently(self.filesystem.get_file_info, self.path).type != pafs.FileType.NotFound:
            return False
        write_whole(self.filesystem, self.path, content)
        return True


def _store(filesystem: pafs.FileSystem, bucket: str) -> S3Store | GCSStore | None:
    """obstore's client for the store that `filesystem` is of; None for one that only pyarrow knows."""
    patience: RetryConfig = {"max_retries": S3_RETRIES, "retry_timeout": PATIENCE}
    if isinstance(filesystem, S3):
        endpoint = filesystem.endpoint or ""
        options: dict[str, Any] = {"region": filesystem.region, "skip_signature": filesystem.anonymous}
        if endpoint:
            options |= {"endpoint": endpoint}
        options |= {} if filesystem.anonymous else _profile()
        return S3Store(bucket, client_options=_plain(endpoint), retry_config=patience, **options)
    if isinstance(filesystem, pafs.GcsFileSystem):
        # pyarrow's name for it is CLOUD_STORAGE_EMULATOR_ENDPOINT; this one is that of Google's other clients.
        emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
        options = {"base_url": emulator, "bearer_token": "an emulator asks for none"} if emulator else {}
        return GCSStore(bucket, client_options=_plain(emulator), retry_config=patience, **options)
    return None


def _plain(endpoint: str) -> ClientConfig:
    return {"allow_http": endpoint.startswith("http://")}


def _profile() -> dict[str, str]:
    """The keys of the profile in AWS's file, where the environment has none: pyarrow reads that file, obstore
    doesn't."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return {}
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials"
    profiles = configparser.RawConfigParser()
    profiles.read(file)
    name = os.environ.get("AWS_PROFILE") or "default"
    found = dict(profiles[name]) if profiles.has_section(name) else {}
    names = {"aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key"}
    names |= {"aws_session_token": "session_token"}
    return {ours: found[theirs] for theirs, ours in names.items() if theirs in found}


def _short(error: Exception) -> str:
    """The first line of what obstore says, which goes on with how it came to say so."""
    return str(error).partition("\n")[0][:300]
