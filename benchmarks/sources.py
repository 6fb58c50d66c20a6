"""The ledgers of many sources as one, cut by date into entries that are known and entries that are asked.

A source is a folder of ledger files, or a file of the folder `ledgers`. Of a company with more than MOST
entries, every second (third, ...) is taken.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import jet
from jet.books.catalog import Catalog
from jet.books.reading import Ledger
from jet.books.schema import FILES, REJECTED, empty
from jet.books.sorting import sort_entries
from jet.books.split import CALIBRATION, TEST, SplitSettings, split_by_date

MOST = 1_800
"""The most entries of a company."""


@dataclass(frozen=True)
class Books:
    """The booked entries of all sources, known or asked."""

    entries: pa.Table  # ENTRIES, sorted
    accounts: pa.Table  # ACCOUNTS
    source: dict[str, str]  # of each company
    is_asked: np.ndarray  # bool [N]

    @property
    def known(self) -> pa.Table:
        """The entries that are known from the start."""
        return self.entries.filter(pa.array(~self.is_asked))

    @property
    def asked(self) -> pa.Table:
        """The entries that are asked."""
        return self.entries.filter(pa.array(self.is_asked))


def books_of(data: Path) -> Books:
    """The booked entries of all sources in a folder, none of them asked."""
    entries, accounts, source = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _sources(data, Path(folder)):
            ledger = jet.read(path)
            booked = ledger.entries.filter(pc.is_valid(ledger.entries["lines"]))
            entries.append(_thinned(booked))
            accounts.append(ledger.accounts)
            source |= dict.fromkeys(booked["entity"].unique().to_pylist(), name)
    together = sort_entries(pa.concat_tables(entries))
    catalog = Catalog.from_accounts(pa.concat_tables(accounts))
    return Books(together, catalog.accounts, source, np.zeros(len(together), dtype=bool))


def _sources(data: Path, unpacked: Path) -> Iterator[tuple[str, Path]]:
    """The name and the path of each source; packed files are unpacked into a folder."""
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        if folder.name != "ledgers":
            yield folder.name, folder
            continue
        for file in sorted(folder.iterdir()):
            if file.suffix == ".gz":
                plain = unpacked / file.stem
                plain.write_bytes(gzip.decompress(file.read_bytes()))
                file = plain
            yield file.stem, file


def _thinned(entries: pa.Table) -> pa.Table:
    """At most MOST of each company's entries: every second, third, ... by date."""
    entries = sort_entries(entries)
    entity = entries["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
    place = np.arange(len(entity)) - np.searchsorted(entity, entity)
    step = -(-np.bincount(entity) // MOST)
    return entries.filter(pa.array(place % step[entity] == 0))


def window_of(books: Books, window: str) -> Books:
    """The books with the entries of a window asked, and later ones left out."""
    if window == "calibration":
        return window_from(books, SplitSettings().train)
    return Books(books.entries, books.accounts, books.source, _split(books.entries, SplitSettings()) == TEST)


def window_from(books: Books, start: float) -> Books:
    """The books with 15 % of each company's entries asked, those after its first share `start`, and later ones
    left out."""
    split = _split(books.entries, SplitSettings(train=start, calibration=0.15))
    kept = split != TEST
    asked = split[kept] == CALIBRATION
    return Books(books.entries.filter(pa.array(kept)), books.accounts, books.source, asked)


def of_sources(books: Books, sources: Collection[str]) -> Books:
    """The books of some sources."""
    names = {name: source for name, source in books.source.items() if source in sources}
    is_asked = books.is_asked[_is_of(books.entries, names).to_numpy()]
    return Books(of_companies(books.entries, names), of_companies(books.accounts, names), names, is_asked)


def of_companies(table: pa.Table, names: Collection[str]) -> pa.Table:
    """The rows of the companies `names`."""
    return table.filter(_is_of(table, names))


def _is_of(table: pa.Table, names: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(table["entity"], pa.array(sorted(names), pa.string()))


def ledger_of(entries: pa.Table, accounts: pa.Table) -> Ledger:
    """What `jet.fit` trains on."""
    return Ledger(entries, accounts, empty(REJECTED), empty(FILES))


def _split(entries: pa.Table, settings: SplitSettings) -> np.ndarray:
    entity = entries["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
    return split_by_date(entity, entries["date"].cast(pa.int32()).to_numpy(), settings)
