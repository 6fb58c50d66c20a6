"""A check of ledger files: all that is wrong with them in one go, and nothing written.

It reads the files as an import does, in this process, and goes on where a file can't be read at all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from jet.books.importers import ImportSettings, Tables, Undecided, UnreadableFile
from jet.books.reading import Ledger, Reading, batches, together
from jet.books.reconcile import guesses_of

EXAMPLES = 3
"""So many rejected rows are shown of each rule."""


@dataclass
class Checked:
    """What was found in some files."""

    ledger: Ledger
    unreadable: list[str] = field(default_factory=list)
    """Why files can't be read at all, a line each."""
    configs: dict[str, list[str]] = field(default_factory=dict)
    """Configs (the part `ingest` as JSON) of tables of which something was guessed, with their files."""

    @property
    def rejected(self) -> dict[str, list[dict[str, Any]]]:
        """The rejected rows by their rule, the most frequent first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.ledger.rejected.to_pylist():
            found.setdefault(row["rule"], []).append(row)
        return dict(sorted(found.items(), key=lambda each: -len(each[1])))

    def said(self) -> Iterator[str]:
        """What the files have, a line each: in all, then by company."""
        files: dict[str, set[str]] = {}
        entries = Counter(self.ledger.entries["entity"].to_pylist())
        for entity, file in zip(
            *(self.ledger.entries[name].to_pylist() for name in ("entity", "file")), strict=True
        ):
            files.setdefault(entity, set()).add(file)
        yield f"{entries.total():,} entries of {len(files)} companies in {len(self.ledger.files)} files"
        for entity, own in files.items():
            names = ", ".join(sorted(own)[:EXAMPLES]) + (" and so on" if len(own) > EXAMPLES else "")
            yield f"company {entity}: {entries[entity]:,} entries of {len(own)} files: {names}"

    def wrong(self) -> Iterator[str]:
        """What is wrong, and what may be, a line each."""
        yield from self.unreadable
        for rule, rows in self.rejected.items():
            yield f"{rule}: {len(rows):,} rows are rejected, or used in part:"
            for row in islice(rows, EXAMPLES):
                yield f"  {row['file']}:{row['file_line']}: {row['message']}"
        yield from self.ledger.notes


def check(paths: Sequence[str], settings: ImportSettings) -> Checked:
    """Check ledger files, globs, folders or databases. Raises UnreadableFile where a path stands for none."""
    reading = Reading.of(paths, settings)
    parts: list[Tables] = []
    unreadable: list[str] = []
    configs: dict[str, list[str]] = {}
    for file in reading.files:
        try:
            parts += batches(reading, [file], settings)
        except UnreadableFile as error:
            unreadable.append(str(error))
            if isinstance(error, Undecided):
                configs.setdefault(json.dumps(error.config, ensure_ascii=False), []).append(file)
                if error.config.get("columns", {}).get("account"):  # read by the config as far as it is known
                    with suppress(UnreadableFile):
                        parts += batches(reading, [file], ImportSettings(**error.config))
    ledger = together(parts)
    return Checked(ledger, unreadable, guesses_of(ledger.files) | configs)
