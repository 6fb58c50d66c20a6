"""Random books of a few entries, and what prediction makes of them step by step.

Two companies follow the same chart but for one account each; a third has its own. What a training decides
(catalog, token order, n-gram weights, texts) is fixed, so that only the books vary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import made_up
import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from jet.books.sorting import sort_entries
from jet.bundle.bundle import Bundle
from jet.ranking.candidates import Candidates, propose
from jet.ranking.evidence import Evidence, gather
from jet.ranking.expert import LineScores, line_scores
from jet.ranking.features import ranking_features
from jet.ranking.statistics import Statistics
from jet.retrieval.columns import EntryColumns, entry_columns
from jet.retrieval.corpus import Corpus
from jet.retrieval.retriever import Retriever
from jet.texts.normalize import normalize_all, stable_hash
from jet.training.data import TrainingData

STANDARD = {
    "1930": "bank account",
    "2440": "accounts payable",
    "2641": "input tax",
    "3001": "sales",
    "5010": "office rent",
    "6110": "paper and pens",
    "6200": "telephone",
}
CHARTS = {
    "ash": STANDARD | {"1510": "customers"},
    "beech": STANDARD | {"7010": "salaries"},
    "oak": {"10": "cash", "20": "income", "30": "groceries", "40": "travel"},
}
LAST_OF_6110 = 40
FIRST_OF_6200 = 20
LONGEST = made_up.MAX_LINES
RETRIEVAL = replace(made_up.RETRIEVAL, neighbors=6, latest=2, peers=3)

TEXTS = ("office rent", "office rent 2", "telephone", "paper", "invoice 7", "zebra", "")
_SHARED = (
    "D5010 C1930",
    "D2641 D5010 C2440",
    "D6110 C1930",
    "D2641 D6200 C2440",
    "D6200 D6200 C1930",
    "D1930 C3001",
    "D5010 D6110 C1930 C2440",
    "D1930 C1930",
)
SETS = {
    "ash": (*_SHARED, "D1510 C3001"),
    "beech": (*_SHARED, "D7010 C1930"),
    "oak": ("D30 C10", "D40 C10", "D10 C20", "D30 D40 C10"),
}
ENTITIES = tuple(CHARTS)


@dataclass(frozen=True)
class Drawn:
    """An encoder that draws a vector for each text, always the same one."""

    dimension: int = 8
    identity: str = "drawn@1"

    def encode(self, texts):
        drawn = [np.random.default_rng(abs(stable_hash(text))).normal(size=self.dimension) for text in texts]
        vectors = np.array(drawn).reshape(len(drawn), self.dimension)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def priced(spelled: str, cents: int) -> str:
    """The lines with amounts: each side has `cents` in all, in parts as even as can be."""
    words = spelled.split()
    made = []
    for side in "DC":
        own = [word for word in words if word[0] == side]
        parts = [cents // len(own) + (place < cents % len(own)) for place in range(len(own))]
        made += [f"{word}:{part / 100:.2f}" for word, part in zip(own, parts, strict=True)]
    return " ".join(made)


def entries(first_day: int, last_day: int, most: int, least: int = 0):
    """A strategy: lists of (entity, day, text, set, cents or None, journal)."""
    one = st.tuples(
        st.sampled_from(ENTITIES),
        st.integers(first_day, last_day),
        st.sampled_from(TEXTS),
        st.integers(0, 8),
        st.sampled_from([None, 10_000, 12_345, 99, 10_001]),
        st.sampled_from(["A", "B", ""]),
    )
    return st.lists(one, min_size=least, max_size=most)


def table(rows, prefix: str, with_lines: bool = True) -> pa.Table:
    """Rows of `entries` as a table, ids numbered behind `prefix`."""
    made = []
    for number, (entity, day, text, place, cents, journal) in enumerate(rows):
        spelled = SETS[entity][place % len(SETS[entity])]
        if cents is not None:
            spelled = priced(spelled, cents)
        total = None if cents is None else f"{cents / 100:.2f}"
        lines = spelled if with_lines else None
        made.append(made_up.entry(entity, f"{prefix}{number:03}", day, text, lines, total, journal))
    return made_up.entries_table(made)


def fixed_data() -> TrainingData:
    """What a training on some such books leaves behind."""
    draw = np.random.default_rng(3)
    rows = [
        (entity, day, TEXTS[draw.integers(len(TEXTS))], int(draw.integers(9)), 10_000, "A")
        for entity in ENTITIES
        for day in range(40)
    ]
    chart = [
        made_up.account(entity, code, name) for entity, names in CHARTS.items() for code, name in names.items()
    ]
    for row in chart:
        if row["code"] == "6110":
            row["closed"] = made_up.FIRST_DAY + timedelta(days=LAST_OF_6110)
        if row["code"] == "6200":
            row["opened"] = made_up.FIRST_DAY + timedelta(days=FIRST_OF_6200)
    accounts = made_up.accounts_table(chart)
    return made_up.training_data(table(rows, "f"), accounts, retrieval=RETRIEVAL, encoder=Drawn())


@dataclass(frozen=True)
class Weighed:
    """All that is made of unbooked entries before the ranker sees them."""

    ids: np.ndarray
    statistics: Statistics
    queries: EntryColumns
    evidence: Evidence
    scores: LineScores
    candidates: Candidates
    features: dict[str, np.ndarray]

    def spelled(self, tokens) -> str:
        """A set of tokens as words, in order: "D5010 C1930"."""
        codes = self.statistics.corpus.catalog.accounts["code"].to_pylist()
        return " ".join("DC"[token % 2] + codes[token // 2] for token in tokens if token >= 0)

    def tokens(self, entity: str, spelled: str) -> np.ndarray:
        """int64 [L]: the inverse, padded, in the order in which it is spelled."""
        catalog = self.statistics.corpus.catalog
        words = spelled.split()
        rows = catalog.rows(pa.array([entity] * len(words)), pa.array([word[1:] for word in words]))
        result = np.full(self.statistics.longest, -1)
        result[: len(words)] = 2 * rows + [word[0] == "C" for word in words]
        return result

    def sets(self, proposer: int | None = None, entry: int = 0) -> list[str]:
        """The candidates of an entry as words, of one proposer or of all."""
        return [
            self.spelled(tokens)
            for tokens, by in zip(self.candidates.tokens[entry], self.candidates.proposer[entry], strict=True)
            if by >= 0 and proposer in (None, by)
        ]


def weigh(
    data: TrainingData,
    booked: pa.Table,
    unbooked: pa.Table,
    kept: int = 32,
    known_before: np.ndarray | None = None,
) -> Weighed:
    """Retrieval, evidence, the expert, candidates and features of `unbooked`, from `booked` entries: of those
    before the day `known_before` int32 [N], if it is given."""
    booked = sort_entries(booked)
    texts = data.corpus.store.missing(normalize_all(pa.concat_tables([booked, unbooked])["description"]))
    store = data.corpus.store.extend(texts, Drawn().encode(texts))
    corpus = Corpus.of(booked, data.corpus.catalog, store, data.corpus.idf)
    statistics = Statistics.of(corpus, data.retrieval, data.model.max_lines)
    queries = entry_columns(unbooked, data.corpus.catalog, store)
    rows = np.arange(len(queries))
    asked = replace(queries.queries(rows), cut=known_before)
    hits = Retriever.of(statistics.corpus, data.retrieval).hits(asked)
    evidence = gather(statistics, queries, rows, hits, asked.known_before)
    scores = line_scores(evidence)
    candidates = propose(statistics, evidence, scores, kept)
    features = ranking_features(statistics, evidence, scores, candidates)
    ids = np.array(booked["entry_id"].to_pylist())
    return Weighed(ids, statistics, queries, evidence, scores, candidates, features)


def with_books(bundle: Bundle, booked: pa.Table) -> Bundle:
    """The bundle as if it remembered `booked` entries, whose texts it knows, and no others."""
    booked = sort_entries(booked)
    known = bundle.corpus
    corpus = Corpus.of(booked, known.catalog, known.store, known.idf)
    return replace(bundle, corpus=replace(corpus, family=known.family))
