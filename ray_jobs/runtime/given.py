"""Books that a command line names for a job without Ray, which holds them in memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from jet.artifacts.artifact import Artifact, open_artifact
from jet.artifacts.manifest import read_manifest
from jet.artifacts.uris import is_database
from jet.books.reading import Reading, read
from jet.books.schema import ACCOUNTS, ENTRIES
from ray_jobs.runtime.settings import JobConfig

log = logging.getLogger("jet.read")


@dataclass(frozen=True)
class Given:
    """Books that the command line names: an artifact, or ledger files, which are read when they are needed."""

    paths: Sequence[str]
    config: JobConfig
    artifact: Artifact | None
    inputs: dict[str, str]

    @classmethod
    def of(cls, paths: Sequence[str], config: JobConfig) -> Given:
        """What `paths` name."""
        if len(paths) == 1 and not is_database(paths[0]) and read_manifest(paths[0]) is not None:
            artifact = open_artifact(paths[0], "entries")
            return cls(paths, config, artifact, {"entries": artifact.manifest.fingerprint})
        return cls(paths, config, None, dict(Reading.of(paths, config.ingest).inputs))

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Entries and accounts, in memory."""
        if self.artifact is not None:
            return self.artifact.read_table(ENTRIES), self.artifact.read_table(ACCOUNTS, "accounts")
        found = read(self.paths, **asdict(self.config.ingest))
        for note in found.notes:
            log.warning(note)
        if len(found.rejected):
            log.warning(
                "%d rows of %s are rejected: `jet ingest` tells why", len(found.rejected), self.paths[0]
            )
        return found.entries, found.accounts
