"""Makes the ranker that comes with jet (`jet.ranking.pretrained`) anew: `make ranker DATA=FOLDER`.

    python -m benchmarks.pretraining --data ../shared/data [--output FILE] [--without SOURCE ...]

It learns from made-up books of several countries and trades, and from those sources whose licenses allow that
weights made of them are given away (SHIPPABLE), of each company the older 70 %: the windows in which
benchmarks ask aren't among them. Entries are seen with and without their totals, knowing all earlier ones; and,
in episodes, as a company's first ones, which know only the last 0, 10 or 50 before some day.

`--without` leaves sources out, so that what the ranker is worth to others can be measured on them.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np

import jet
from benchmarks.sources import Books, books_of, of_sources
from jet.books.split import TRAIN
from jet.config import JetConfig
from jet.demo import DemoSettings, write_demo_ledger
from jet.ranking.examples import Examples, with_and_without_totals
from jet.ranking.pretrained import FILE, save_ranker
from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.retrieval.hiding import hide
from jet.retrieval.neighbors import make_encoder
from jet.retrieval.retriever import Retriever
from jet.training.data import TrainingData
from jet.training.preparing import prepared

SHIPPABLE = ("hackclub", "sap_ides", "sie", "small_de", "tutorials_en", "tutorials_fr", "tutorials_zh")
"""ODC-By (hackclub), Apache-2.0 (sap_ides, small_de, tutorials) and MIT (sie); NOTICE names their authors."""

KIN = (("small_de", "tutorials_en", "tutorials_fr", "tutorials_zh"),)
"""Sources that have some books in common, in several languages: measuring one leaves all of them out."""

MADE_UP = DemoSettings(companies=40, entries=8_000, seed=11, open_entries=0, least=30)
KNOWN = (0, 10, 50)
"""The numbers of earlier entries that an episode knows of a company."""
PASSES = {"real": 12, "made up": 4}
"""Episodes for each of KNOWN; in each, every second company has one."""
ASKED = 20
"""The most entries of a company that are asked in an episode."""

SETTINGS = RankerSettings(prior="")

log = logging.getLogger("benchmarks.pretraining")


def main() -> None:
    """Train, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with a folder of ledger files for each source")
    parser.add_argument("--output", default=str(files("jet.ranking") / FILE))
    parser.add_argument("--without", nargs="*", default=[], choices=SHIPPABLE)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.basicConfig(level="WARNING")
    log.setLevel("INFO")
    books = books_of(Path(args.data))
    save_ranker(pretrained(books, args.without, args.seed), args.output)
    log.info("%s: %.0f kB", args.output, Path(args.output).stat().st_size / 1e3)


def prior_without(books: Books, source: str, folder: Path) -> Path:
    """The file in `folder` of a ranker that learned nothing of `source` and its kin, made if missing."""
    kin = next((names for names in KIN if source in names), (source,))
    path = folder / f"prior-without-{kin[0]}.safetensors"
    if not path.exists():
        save_ranker(pretrained(books, kin), str(path))
    return path


def pretrained(books: Books, without: Collection[str] = (), seed: int = 0) -> Ranker:
    """A ranker trained on made-up books and on those of the sources that may be shipped, but for the sources
    `without`."""
    real = of_sources(books, set(SHIPPABLE) - set(without))
    together = []
    with tempfile.TemporaryDirectory() as folder:
        write_demo_ledger(f"{folder}/made_up.jsonl", MADE_UP)
        made_up = jet.read(f"{folder}/made_up.jsonl")
    config = JetConfig()
    parts = (config.split, config.model, config.retrieval, make_encoder(config.retrieval))
    for kind, ledger in (("real", real), ("made up", made_up)):
        data = prepared(ledger.entries, ledger.accounts, *parts)
        examples = Examples.joined(list(_examples(data, PASSES[kind], seed)))
        log.info("%s: %d examples of %d companies", kind, len(examples.target), len(np.unique(examples.entity)))
        together.append(replace(examples, entity=examples.entity + 1_000 * len(together)))
    return Examples.joined(together).fit(SETTINGS, seed)


def _examples(data: TrainingData, passes: int, seed: int) -> Iterator[Examples]:
    """The training rows with all earlier entries known, and as episodes of young companies."""
    rows = data.learnable(TRAIN)
    statistics = Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
    twice, hidden = with_and_without_totals(rows)
    yield Examples.of(statistics, twice, data.hits.take(twice), SETTINGS, hidden)
    draw = np.random.default_rng(seed)
    for known in KNOWN:
        for number in range(passes):
            episode = Episode.drawn(data, rows, known, draw)
            if len(episode.kept) and len(episode.asked):  # of one or two companies, none or all may be young
                yield episode.examples(data, without_totals=number % 2 == 1)


@dataclass(frozen=True)
class Episode:
    """Some companies are young: before a day of each, only its last entries are known."""

    asked: np.ndarray  # int64 [B] rows
    day: np.ndarray  # int32 [B] before which an asked entry knows its company's entries
    kept: np.ndarray  # int64 rows that are known

    @classmethod
    def drawn(cls, data: TrainingData, rows: np.ndarray, known: int, draw: np.random.Generator) -> Episode:
        """About half of the companies become young, with their last `known` entries before a day of `rows`."""
        entity, date = data.corpus.rows.entity, data.corpus.rows.date
        kept = np.ones(len(entity), dtype=bool)
        asked, days = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for number in np.unique(entity[rows]):
            own = rows[entity[rows] == number]
            if len(own) < known + 8 or draw.random() < 0.5:
                continue
            day = date[own[draw.integers(min(known, len(own) - 6), len(own) - 5)]]
            of_company = np.flatnonzero(entity == number)
            kept[of_company] = False
            before = of_company[date[of_company] < day]
            kept[before[len(before) - min(known, len(before)) :]] = True
            later = own[date[own] >= day][:ASKED]
            asked.append(later)
            days.append(np.full(len(later), day, dtype=np.int32))
        return cls(np.concatenate(asked), np.concatenate(days), np.flatnonzero(kept))

    def examples(self, data: TrainingData, without_totals: bool) -> Examples:
        """The ranker's examples of the asked entries."""
        corpus = data.corpus.take(self.kept)
        statistics = Statistics.of(corpus, data.retrieval, data.model.max_lines)
        entries = data.corpus.rows.take(self.asked)
        if without_totals:
            entries = hide(entries, self.asked, np.ones(len(entries), dtype=bool))
        queries = replace(entries.queries(np.arange(len(entries))), cut=self.day)
        hits = Retriever.of(statistics.corpus, data.retrieval).hits(queries)
        return Examples.of_entries(statistics, entries, hits, SETTINGS, queries.known_before)


if __name__ == "__main__":
    main()
