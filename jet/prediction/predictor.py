"""Entries in, predictions out: the one way from a bundle to answers, for a laptop and for a cluster.

One row out for every row in, in order; an entry that can't be predicted gets the decision "none" with the
reason. The entry's own lines are never looked at. Numbers don't depend on which entries are predicted
together: retrieval and the network always work on shapes that an entry's own chart fixes (charts are
padded to powers of two, batches filled up with repeats).

Shapes: N entries of a table, B entries of a batch, W beams, K neighbors, T lines.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import torch

from jet.books.schema import ALTERNATIVE, ENTRIES, EVIDENCE, PREDICTED_LINE, PREDICTIONS, validate
from jet.bundle import Bundle, text_vectors
from jet.model.features import NOTHING, EntryColumns, collate, entry_columns
from jet.model.network import Tables
from jet.prediction.calibration import FIGURES
from jet.prediction.decode import DEAD, KEPT, Decoded, beam_search
from jet.retrieval.encoder import Encoder
from jet.retrieval.index import BlockIndex, Hits, build_block, plan_blocks, search
from jet.retrieval.store import TextStore
from jet.retrieval.text import normalize_all

_NARROWEST_CHART = 64
_SHOWN_EVIDENCE = 5
_LEAST_EVIDENCE = 0.01


@dataclass(kw_only=True)
class PredictSettings:
    """Decoding, and what becomes of the answer."""

    beams: int = 8
    """Beams of the search."""
    batch_size: int = 64
    """Entries decoded together."""
    promise: float = 0.95
    """Precision that entries with the decision `auto` shall have; the threshold comes from the calibration."""

    def __post_init__(self) -> None:
        if self.beams < KEPT:
            raise ValueError(f"predict.beams must be at least {KEPT}, got {self.beams}")
        if self.batch_size < 1:
            raise ValueError(f"predict.batch_size must be at least 1, got {self.batch_size}")
        if not 0 < self.promise < 1:
            raise ValueError(f"predict.promise must be between 0 and 1, got {self.promise}")


@dataclass(frozen=True)
class Answers:
    """What the decoder answered to N entries, before it is put into words."""

    tokens: np.ndarray  # int64 [N, KEPT, T] catalog row * 2 + side, padded with NOTHING
    probability: np.ndarray  # float32 [N, KEPT]; 0 where there is no such set
    line_share: np.ndarray  # float32 [N, KEPT, T] share of the decoder's mass on sets with that line
    neighbor: np.ndarray  # int64 [N, K] rows of the books
    similarity: np.ndarray  # float32 [N, K]
    carried: np.ndarray  # float32 [N, K]
    figures: np.ndarray  # float64 [N, len(FIGURES)] for the calibration


class Predictor:
    """Predicts tables of entries with one bundle.

    `store` holds the texts of the bundle and of all entries to come (`Bundle.store`, extended); `vectors` are
    `text_vectors` of it and `blocks` the index of the books by block number. All three are computed where not
    given; on a cluster they are shared.
    """

    def __init__(
        self,
        bundle: Bundle,
        settings: PredictSettings,
        store: TextStore | None = None,
        vectors: np.ndarray | None = None,
        blocks: Mapping[int, BlockIndex] | None = None,
    ) -> None:
        self.bundle, self.settings = bundle, settings
        self.store = store if store is not None else bundle.store
        self.vectors = vectors if vectors is not None else text_vectors(bundle, self.store)
        self.memory = bundle.books.columns.memory(len(bundle.catalog.entities))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = bundle.network.to(self.device)
        self.blocks = blocks if blocks is not None else build_blocks(bundle, self.store)

    @classmethod
    def for_entries(
        cls, bundle: Bundle, settings: PredictSettings, entries: pa.Table, encoder: Encoder | None
    ) -> Predictor:
        """A predictor whose store knows the texts of `entries`; for use in one process."""
        return cls(bundle, settings, store=extended_store(bundle, entries["description"], encoder))

    @cached_property
    def threshold(self) -> float | None:
        """The confidence from which on an answer is automated."""
        return self.bundle.calibration.threshold(self.settings.promise)

    def __call__(self, entries: pa.Table) -> pa.Table:
        """Predictions (`PREDICTIONS`) of `entries` (`ENTRIES`), one row each, in order."""
        entries = without_lines(validate(entries, ENTRIES, "entries to predict"))
        answers = self.answers(entries)
        return self._table(entries, answers)

    def answers(self, entries: pa.Table) -> Answers:
        """The decoder's answers to `entries`, in order. Their lines must not be given."""
        columns = entry_columns(entries, self.bundle.catalog, self.store)
        queries = columns.queries(np.arange(len(columns)))
        bundle = self.bundle
        hits = search(self.memory, self.store, bundle.idf, queries, bundle.retrieval, self.blocks)
        answers = self._nothing(len(columns), hits)
        widths = self._widths(columns)
        with torch.inference_mode():
            for width in np.unique(widths[widths > 0]):
                rows = np.flatnonzero(widths == width)
                for start in range(0, len(rows), self.settings.batch_size):
                    self._answer(columns, hits, rows[start : start + self.settings.batch_size], width, answers)
        return answers

    def _widths(self, columns: EntryColumns) -> np.ndarray:
        """int64 [N]: the padded size of each entry's chart, a power of two; 0 where the entity is not known."""
        sizes = np.append(np.diff(self.bundle.catalog.offsets), 0)[columns.entity]
        padded = 2 ** np.ceil(np.log2(np.maximum(sizes, _NARROWEST_CHART))).astype(np.int64)
        return np.where(sizes > 0, padded, 0)

    def _nothing(self, size: int, hits: Hits) -> Answers:
        longest = self.bundle.model.max_lines
        return Answers(
            tokens=np.full((size, KEPT, longest), NOTHING, dtype=np.int64),
            probability=np.zeros((size, KEPT), dtype=np.float32),
            line_share=np.zeros((size, KEPT, longest), dtype=np.float32),
            neighbor=hits.row,
            similarity=hits.similarity,
            carried=np.zeros(hits.row.shape, dtype=np.float32),
            figures=np.zeros((size, len(FIGURES))),
        )

    def _answer(
        self, columns: EntryColumns, hits: Hits, rows: np.ndarray, width: int, answers: Answers
    ) -> None:
        """Decode `rows` together and write what comes out into `answers`."""
        filled = np.resize(rows, self.settings.batch_size)
        batch = collate(
            columns,
            filled,
            self.bundle.books.columns,
            Hits(hits.row[filled], hits.similarity[filled]),
            self.bundle.catalog,
            self.bundle.model.max_lines,
            width=int(width),
        )
        encoded = self.network.encode(batch.to(self.device), self._tables)
        decoded = beam_search(self.network, encoded, self.settings.beams).cpu()
        start = self.bundle.catalog.offsets[columns.entity[rows]]
        count = len(rows)
        exists = decoded.log_probs[:count].numpy() > DEAD
        local = np.where(exists[:, :, None], decoded.tokens[:count].numpy(), NOTHING)
        answers.tokens[rows] = np.where(local >= 0, local + 2 * start[:, None, None], NOTHING)[:, :KEPT]
        probability = np.where(exists, np.exp(decoded.log_probs[:count].numpy().astype(np.float64)), 0)
        answers.probability[rows] = probability[:, :KEPT]
        answers.line_share[rows] = _line_shares(local, probability)[:, :KEPT]
        answers.carried[rows] = decoded.carried[:count, 0].numpy()
        answers.figures[rows] = self._figures(columns, rows, hits, probability, decoded)

    @cached_property
    def _tables(self) -> Tables:
        return Tables(_view(self.vectors), _view(self.bundle.account_vectors)).to(self.device)

    def _figures(
        self, columns: EntryColumns, rows: np.ndarray, hits: Hits, probability: np.ndarray, decoded: Decoded
    ) -> np.ndarray:
        """float64 [B, len(FIGURES)], in the order of `FIGURES`."""
        best, second = (np.clip(probability[:, i], 1e-6, 1 - 1e-6) for i in (0, 1))
        hit = hits.row[rows]
        there = hit >= 0
        memory = self.bundle.books.columns
        same_text = there & (memory.text[hit] == columns.text[rows][:, None])
        carried = decoded.carried[: len(rows), 0].numpy().astype(np.float64)
        figures = {
            "log_odds": np.log(best / (1 - best)),
            "margin": np.log(best / second).clip(0, 10),
            "similarity": np.where(there, hits.similarity[rows], 0).max(axis=1, initial=0),
            "same_text": np.log1p(same_text.sum(axis=1)),
            "support": (carried > _LEAST_EVIDENCE).sum(axis=1) / max(1, hit.shape[1]),
            "evidence": carried.sum(axis=1),
        }
        return np.stack([figures[name] for name in FIGURES], axis=1)

    # --- into words -------------------------------------------------------------------------------------

    def _table(self, entries: pa.Table, answers: Answers) -> pa.Table:
        confidence = self.bundle.calibration(answers.figures).astype(np.float32)
        answered = answers.tokens[:, 0, 0] != NOTHING
        confidence[~answered] = 0
        decisions, reasons = self._decide(entries, confidence, answered)
        lines, offsets = self._lines(answers)
        chosen = pa.ListArray.from_arrays(*_sublist(lines, offsets, np.arange(len(entries)) * KEPT))
        return pa.Table.from_arrays(
            [
                entries["entity"],
                entries["entry_id"],
                chosen,
                pa.array(confidence),
                pa.array(decisions),
                pa.array(reasons, pa.string()),
                self._alternatives(answers, lines, offsets),
                self._evidence(entries, answers),
                pa.array([self.bundle.fingerprint] * len(entries), pa.string()),
            ],
            schema=PREDICTIONS,
        )

    def _decide(
        self, entries: pa.Table, confidence: np.ndarray, answered: np.ndarray
    ) -> tuple[list[str], list[str | None]]:
        promise = f"{self.settings.promise:.0%}"
        known = set(self.bundle.catalog.entities)
        decisions: list[str] = []
        reasons: list[str | None] = []
        for entity, sure, answer in zip(entries["entity"].to_pylist(), confidence, answered, strict=True):
            if not answer:
                decisions.append("none")
                reasons.append(
                    "no debit and credit account of the entity is open on this date"
                    if entity in known
                    else f"entity {entity!r} is not in the model's catalog: train with its books"
                )
            elif self.threshold is None:
                decisions.append("review")
                reasons.append(f"no confidence was high enough in the calibration to promise {promise}")
            elif sure >= self.threshold:
                decisions.append("auto")
                reasons.append(None)
            else:
                decisions.append("review")
                reasons.append(f"confidence is below {self.threshold:.3f}, where {promise} are promised")
        return decisions, reasons

    def _lines(self, answers: Answers) -> tuple[pa.StructArray, np.ndarray]:
        """All lines of all kept sets, flat, and int64 [N * KEPT + 1] where each set begins."""
        inside = answers.tokens != NOTHING
        tokens = answers.tokens[inside]
        accounts = self.bundle.catalog.accounts.take(pa.array(tokens // 2))
        columns = [
            _whole(accounts["code"]),
            _whole(accounts["name"]),
            pa.array(np.array(["D", "C"])[tokens % 2], pa.string()),
            pa.array(answers.line_share[inside]),
        ]
        lines = pa.StructArray.from_arrays(columns, fields=list(PREDICTED_LINE))
        return lines, np.concatenate([[0], np.cumsum(inside.sum(axis=2).ravel())])

    def _alternatives(self, answers: Answers, lines: pa.StructArray, offsets: np.ndarray) -> pa.ListArray:
        exists = answers.probability > 0
        exists[:, 0] = False
        sets = np.flatnonzero(exists.ravel())
        of_set = pa.ListArray.from_arrays(*_sublist(lines, offsets, sets))
        found = pa.StructArray.from_arrays(
            [of_set, pa.array(answers.probability.ravel()[sets])], fields=list(ALTERNATIVE)
        )
        ends = np.concatenate([[0], np.cumsum(exists.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), found)

    def _evidence(self, entries: pa.Table, answers: Answers) -> pa.ListArray:
        """Per entry the neighbors that carried the answer, by weight; ties go to the nearer one."""
        books = self.bundle.books
        order = np.argsort(-answers.carried, axis=1, kind="stable")[:, :_SHOWN_EVIDENCE]
        neighbor = np.take_along_axis(answers.neighbor, order, axis=1)
        weight = np.take_along_axis(answers.carried, order, axis=1)
        shown = (neighbor >= 0) & (weight >= _LEAST_EVIDENCE)
        rows = neighbor[shown]
        own = np.broadcast_to(np.arange(len(entries))[:, None], shown.shape)[shown]
        texts = self.store.rows(normalize_all(entries["description"]))
        dates = _whole(entries["date"]).cast(pa.int32()).to_numpy(zero_copy_only=False)
        columns = [
            books.ids.take(pa.array(rows)),
            pa.array(weight[shown]),
            pa.array(np.take_along_axis(answers.similarity, order, axis=1)[shown]),
            pa.array(books.columns.text[rows] == texts[own]),
            pa.array((dates[own] - books.columns.date[rows]).astype(np.int32)),
        ]
        found = pa.StructArray.from_arrays(columns, fields=list(EVIDENCE))
        ends = np.concatenate([[0], np.cumsum(shown.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), found)


def judge(predictor: Predictor, entries: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """For booked `entries`: the figures that calibration reads [N, len(FIGURES)], and whether the best set of
    lines, found without looking at their own, is right [N]."""
    entries = validate(entries, ENTRIES, "entries to judge")
    answers = predictor.answers(without_lines(entries))
    true = entry_columns(entries, predictor.bundle.catalog, predictor.store)
    best = answers.tokens[:, 0]
    longest = best.shape[1]
    place = np.arange(longest)
    inside = place < true.lengths[:, None]
    at = np.where(inside, true.offsets[:-1, None] + place, 0)
    wanted = np.where(inside, true.tokens[at], NOTHING)
    return answers.figures, (best == wanted).all(axis=1) & (true.lengths <= longest)


def build_blocks(bundle: Bundle, store: TextStore) -> dict[int, BlockIndex]:
    """The index of a bundle's books by block number; `store` is the bundle's, perhaps extended."""
    memory = bundle.books.columns.memory(len(bundle.catalog.entities))
    return {
        block.number: build_block(block, memory, store, bundle.idf, bundle.retrieval)
        for block in plan_blocks(memory.offsets, bundle.retrieval)
    }


def without_lines(entries: pa.Table) -> pa.Table:
    """`entries` as if nobody had booked them; the total stays, where it is known."""
    index = entries.schema.get_field_index("lines")
    nothing = pa.nulls(len(entries), ENTRIES.field("lines").type)
    return entries.set_column(index, ENTRIES.field("lines"), nothing)


def extended_store(bundle: Bundle, descriptions: pa.ChunkedArray, encoder: Encoder | None) -> TextStore:
    """The bundle's texts and those of `descriptions`; new ones are encoded.

    Raises `ValueError` where `encoder` is not the one that the bundle was trained with. None stands for a
    bundle without sentence vectors.
    """
    identity = encoder.identity if encoder is not None else ""
    if identity != bundle.encoder:
        raise ValueError(f"the bundle was trained with encoder {bundle.encoder!r}, this is {identity!r}")
    missing = sorted(bundle.store.missing(normalize_all(descriptions)))
    if not missing:
        return bundle.store
    return bundle.store.extend(missing, encoder.encode(missing) if encoder is not None else None)


def _line_shares(tokens: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """float32 [B, W, T]: of the mass of all W sets, the share on sets that have the line too."""
    share = probability / np.maximum(probability.sum(axis=1, keepdims=True), 1e-12)
    result = np.zeros(tokens.shape, dtype=np.float32)
    for other in range(tokens.shape[1]):
        has = (tokens[:, :, :, None] == tokens[:, None, None, other, :]).any(axis=3)
        result += has * share[:, other, None, None]
    return np.where(tokens == NOTHING, 0, result).astype(np.float32)


def _sublist(lines: pa.StructArray, offsets: np.ndarray, sets: np.ndarray) -> tuple[pa.Array, pa.StructArray]:
    """Offsets and values of a list array that holds just `sets`."""
    lengths = offsets[sets + 1] - offsets[sets]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.arange(ends[-1]) + np.repeat(offsets[sets] - ends[:-1], lengths)
    return pa.array(ends.astype(np.int32)), lines.take(pa.array(rows))


def _view(array: np.ndarray) -> torch.Tensor:
    """A tensor over `array`, which may be a read-only view of shared memory: nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
