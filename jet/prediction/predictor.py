"""Predicts tables of entries with a bundle; notebooks and clusters use the same code.

Every row in gives one row out, in order; an entry that can't be predicted gets the decision "none" with the
reason. Of the entry's own lines only known ones are used (`jet.prediction.known_lines`). Candidates come from
the neighbors, the set ranker scores them, and the calibration computes the confidence. Where the company has
nothing booked yet, the decoder is asked too: its beams join the candidates, and its scores those of the ranker.
Where no candidate has the known lines, it is asked for sets that have. Results don't depend on which entries
are predicted together: where a product's result differs with its shape, the shape is fixed or follows from an
entry's own chart (see `Group`; batches are filled up with repeats).

Shapes: N entries of a table, B entries of a batch, D candidates, K neighbors, T lines, S shown neighbors.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from jet.artifacts.tables import validate
from jet.books.schema import ENTRIES
from jet.books.tokens import NOTHING, set_key
from jet.books.withheld import without_lines
from jet.bundle.bundle import Bundle
from jet.confidence.holds import HoldFacts
from jet.confidence.scores import WEIGHED, Scores, confidence_features, distribution, line_bits
from jet.model.batch import collate, held_hits
from jet.model.decode import DEAD, beam_search, score_sets
from jet.model.network import Encoded, JetNetwork, Tables
from jet.model.settings import KEPT
from jet.model.tables import with_new_texts
from jet.prediction.amounts import PastAmounts, Proposal, minor_units, propose_amounts
from jet.prediction.answers import Answers
from jet.prediction.known_lines import KnownLines
from jet.prediction.reasons import guessed, shown_evidence
from jet.prediction.reviews import reviewed_answers
from jet.prediction.scored import Group, ScoredCandidates, line_shares
from jet.prediction.settings import PredictSettings
from jet.prediction.table import predictions_table
from jet.ranking.candidates import Candidates, padded, propose, without_opposite
from jet.ranking.evidence import Evidence, gather
from jet.ranking.expert import line_scores
from jet.ranking.features import ranking_features
from jet.ranking.statistics import Statistics
from jet.retrieval.collection import Hits
from jet.retrieval.columns import EntryColumns, entry_columns, longest_lines
from jet.retrieval.products import view
from jet.retrieval.retriever import Retriever
from jet.texts.encoder import Encoder
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore

_TOGETHER = 256  # entries that are scored together where the decoder isn't asked
_MOST_ASKED = (
    16  # entries of a batch for the decoder beside the ranker: mostly few are asked, and a batch is filled up
)
_NARROWEST_CHART = 64
_SCORED = 8  # of the ranker's best candidates beside the beams, which the decoder scores too
_LEAST = 1e-12  # the least probability of an answer that reviewed entries decide


@dataclass(frozen=True)
class _Decoder:
    """The decoder's encoding of B entries, and its beams."""

    encoded: Encoded
    start: np.ndarray  # int64 [B, 1, 1] the first token of each entry's chart
    beams: np.ndarray  # int64 [B, W, T] tokens
    log_probs: np.ndarray  # float32 [B, W]


class Predictor:
    """Predicts tables of entries with one bundle.

    Its data are arrays, so that the processes of a machine share one pickled copy.
    """

    def __init__(self, bundle: Bundle, settings: PredictSettings, *, decoder: bool = True) -> None:
        """A predictor with the bundle's texts; `with_store` adds others. Without `decoder`, the ranker never
        asks it."""
        self.bundle, self.settings, self.decoder = bundle, settings, decoder
        self.statistics = Statistics.of(bundle.corpus, bundle.retrieval, bundle.model.max_lines)
        self.retriever = Retriever.of(self.statistics.corpus, bundle.retrieval).indexed()

    @classmethod
    def for_entries(
        cls, bundle: Bundle, settings: PredictSettings, entries: pa.Table, encoder: Encoder | None
    ) -> Predictor:
        """A predictor with the texts of `entries`, for use in one process."""
        return cls(bundle, settings).with_store(extended_store(bundle, entries["description"], encoder))

    def with_store(self, store: TextStore) -> Predictor:
        """The same predictor with the texts of `store`, which extends its own."""
        if len(store) == len(self.statistics.corpus.store):
            return self
        extended = copy(self)  # without the tables, which have the vectors of the old texts: see `__getstate__`
        extended.statistics = self.statistics.with_store(store)
        return extended

    def __getstate__(self) -> dict[str, Any]:
        kept = ("bundle", "settings", "decoder", "statistics", "retriever")
        return {name: self.__dict__[name] for name in kept}

    @cached_property
    def device(self) -> torch.device:
        """The device on which the network computes."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def network(self) -> JetNetwork:
        """The bundle's network on `device`."""
        return self.bundle.network.to(self.device)

    def __call__(self, entries: pa.Table, known_before: np.ndarray | None = None) -> pa.Table:
        """Predictions (`PREDICTIONS`) of `entries` (`ENTRIES`), one row each, in order; `known_before` is as in
        `batches`."""
        entries = without_lines(validate(entries, ENTRIES, "entries to predict"))
        answers = self.answers(entries, known_before)
        return predictions_table(self.bundle, self.settings.method, self.settings.promise, entries, answers)

    # --- answers ----------------------------------------------------------------------------------------

    def answers(self, entries: pa.Table, known_before: np.ndarray | None = None) -> Answers:
        """The answers to `entries`, which have no lines, in order; `known_before` is as in `batches`."""
        answers = self.empty_answers(len(entries))
        for rows, columns, scored in self.batches(entries, known_before):
            self.choose(answers, rows, columns, scored)
        return answers

    def batches(
        self, entries: pa.Table, known_before: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, EntryColumns, ScoredCandidates]]:
        """Row numbers of `entries`, all their columns, and the scored candidates of these rows.

        Where the decoder is asked, the scored candidates are of `batch_size` entries, of which the first are
        those of the rows. Entries of unknown entities are left out. Those without a candidate, as where all
        accounts that the company booked on are closed, come again, with the decoder's. Booked entries of the
        day `known_before` int32 [N] and later are not known to an entry; None: those of its own day and later.
        """
        corpus = self.statistics.corpus
        columns = entry_columns(entries, corpus.catalog, corpus.store)
        known = KnownLines.of(entries, columns, corpus.catalog)
        if known.exists.any():
            limit = corpus.limits(columns.entity, columns.date if known_before is None else known_before)
            columns = known.told(columns, self.statistics.money.directions(known.possible, limit))
        queries = replace(columns.queries(np.arange(len(columns))), store=corpus.store, cut=known_before)
        hits = self.retriever.hits(queries)
        asked = self._asked(columns, queries.known_before)
        rows = np.flatnonzero((columns.entity >= 0) & ~asked)
        # Of a company, which share its chart, and with neighbors of about as many lines, to save padding.
        longest = longest_lines(corpus.rows, hits.row[rows], self.statistics.longest)
        rows = rows[np.lexsort((columns.entity[rows], np.ceil(np.log2(np.maximum(longest, 2)))))]
        # Entries with known lines have more candidates, and the last bits of a product differ with its shape.
        for kind in (~known.exists, known.exists):
            of_kind = rows[kind[rows]]
            for start in range(0, len(of_kind), _TOGETHER):
                some = of_kind[start : start + _TOGETHER]
                scored = self._score(columns, queries.known_before, hits, Group(some, 0), known)
                yield some, columns, scored
                asked[some] = self.decoder & ~scored.agreeing.exists.any(axis=1)
            for group in self.groups(columns, asked & kind):
                yield group.rows, columns, self._score(columns, queries.known_before, hits, group, known)

    def groups(self, columns: EntryColumns, asked: np.ndarray) -> Iterator[Group]:
        """The entries `asked`, bool [N], in groups for the decoder, of up to `batch_size`."""
        sizes = np.diff(self.bundle.corpus.catalog.offsets)[columns.entity[asked]]
        widths = np.zeros(len(columns), dtype=np.int64)
        widths[asked] = 2 ** np.ceil(np.log2(np.maximum(sizes, _NARROWEST_CHART))).astype(np.int64)
        size = self.settings.batch_size
        size = size if self.settings.method == "decoder" else min(size, _MOST_ASKED)
        for width in np.unique(widths[asked]).tolist():
            alike = np.flatnonzero(widths == width)
            for start in range(0, len(alike), size):
                yield Group(alike[start : start + size], width, size)

    def _asked(self, columns: EntryColumns, known_before: np.ndarray) -> np.ndarray:
        """bool [N]: the entries of known entities for which the decoder is asked before anything is scored."""
        corpus = self.statistics.corpus
        if not self.decoder:
            return np.zeros(len(columns), dtype=bool)
        if self.settings.method == "decoder":
            return columns.entity >= 0
        nothing = corpus.limits(columns.entity, known_before) == corpus.offsets[columns.entity]
        return nothing & (columns.entity >= 0)

    def _score(
        self, columns: EntryColumns, known_before: np.ndarray, hits: Hits, group: Group, known: KnownLines
    ) -> ScoredCandidates:
        """The scored candidates of a group, of its `filled` rows."""
        bundle = self.bundle
        filled = group.filled
        known = known.take(filled)
        hits = hits.take(filled)
        evidence = gather(self.statistics, columns, filled, hits, known_before[filled])
        line_support = line_scores(evidence)
        candidates = propose(self.statistics, evidence, line_support, bundle.ranker.settings.candidates)
        if known.exists.any():
            mended = known.mended(candidates.tokens, self.statistics.longest)
            mended = without_opposite(self.statistics, evidence, mended)
            candidates = candidates.joined("substituted", mended, evidence.date, bundle.corpus.catalog)
        decoder = None
        if group.asked:
            decoder = self._decoder(columns, filled, hits, group.width, evidence, known)
            beams = without_opposite(self.statistics, evidence, decoder.beams)
            candidates = candidates.joined("decoder", beams, evidence.date, bundle.corpus.catalog)
        features = ranking_features(self.statistics, evidence, line_support, candidates)
        ranked, none = bundle.ranker(features, candidates.exists)
        decoded = np.full(candidates.key.shape, -np.inf, dtype=np.float32)
        if decoder is not None:
            decoded = self._decoded(decoder, candidates, ranked)
        exchanged = evidence.swapped.any(axis=1, keepdims=True)  # such evidence supports nothing
        scores = Scores(
            exists=candidates.exists,
            ranked=ranked,
            none=none,
            asked=np.full(len(filled), group.asked),
            decoded=decoded,
            support=np.where(exchanged, 0, features["count"]).astype(np.float32),
            text_share=np.where(exchanged, 0, features["votes_text_currency"]).astype(np.float32),
            similarity=evidence.similarity.max(axis=1, initial=0).astype(np.float32),
            same_text=np.log1p((evidence.as_booked & evidence.same_text).sum(axis=1)).astype(np.float32),
            guess=np.asarray(guessed(evidence, candidates.tokens).any(axis=2)),
            lines=line_bits(candidates.tokens),
        )
        hold_facts = HoldFacts.of(self.statistics, evidence)
        return ScoredCandidates(evidence, candidates, scores, hold_facts, known)

    @torch.inference_mode()
    def _decoder(
        self,
        columns: EntryColumns,
        rows: np.ndarray,
        hits: Hits,
        width: int,
        evidence: Evidence,
        known: KnownLines,
    ) -> _Decoder:
        """The decoder's encoding of `rows`, and its beams, which have the `known` lines."""
        bundle = self.bundle
        opposite = self.statistics.opposite_direction(columns, rows, hits)
        hits = Hits(np.where(opposite, NOTHING, hits.row), hits.similarity)
        batch = collate(
            columns,
            rows,
            self.statistics.corpus,
            held_hits(hits, bundle.model, bundle.retrieval),
            bundle.model.max_lines,
            width=width,
        )
        encoded = self.network.encode(batch.to(self.device), self._tables)
        start = 2 * bundle.corpus.catalog.offsets[evidence.entity][:, None, None]
        required = None
        if known.exists.any():
            local = np.where(known.possible == NOTHING, NOTHING, known.possible - start[:, :, 0])
            required = torch.from_numpy(local).to(self.device)
        decoded = beam_search(self.network, encoded, self.settings.beams, required).cpu()
        exists = (decoded.log_probs > DEAD).numpy()[:, :, None] & (decoded.tokens != NOTHING).numpy()
        beams = np.where(exists, decoded.tokens.numpy() + start, NOTHING)
        return _Decoder(encoded, start, beams, decoded.log_probs.numpy())

    @torch.inference_mode()
    def _decoded(self, decoder: _Decoder, candidates: Candidates, ranked: np.ndarray) -> np.ndarray:
        """float32 [B, D]: the decoder's log-probability of its beams and of the ranker's best candidates.

        The others, which both parts score low, have -inf, to save time.
        """
        same = candidates.key[:, :, None] == set_key(decoder.beams)[:, None, :]
        same &= candidates.exists[:, :, None]
        in_beams = same.any(axis=2)
        beam = np.take_along_axis(decoder.log_probs, same.argmax(axis=2), 1)
        decoded = np.where(in_beams, beam, -np.inf).astype(np.float32)
        rest = np.where(candidates.exists & ~in_beams, ranked, -np.inf)
        place = np.argsort(-rest, axis=1, kind="stable")[:, :_SCORED]
        exists = np.isfinite(np.take_along_axis(rest, place, 1))
        tokens = np.take_along_axis(candidates.tokens, place[:, :, None], 1)
        tokens = padded(tokens, self.bundle.model.max_lines)
        local = np.where(exists[:, :, None] & (tokens != NOTHING), tokens - decoder.start, NOTHING)
        log_probs = score_sets(self.network, decoder.encoded, torch.from_numpy(local).to(self.device))
        scores = np.where(exists, log_probs.float().cpu().numpy(), np.take_along_axis(decoded, place, 1))
        np.put_along_axis(decoded, place, scores, 1)
        return decoded

    @cached_property
    def _tables(self) -> Tables:
        """The network's vectors of all texts; those of new ones are computed when an entry asks the decoder."""
        bundle = self.bundle
        corpus = replace(bundle.corpus, store=self.statistics.corpus.store)
        texts = with_new_texts(bundle.text_vectors, bundle.network.cpu(), corpus)
        return Tables(view(texts), view(bundle.account_vectors)).to(self.device)

    @cached_property
    def _record_figures(self) -> np.ndarray:
        """float64 [E]: the record of each entity."""
        return self.bundle.judgment.records.figures(self.bundle.corpus.catalog.entities)

    def empty_answers(self, size: int) -> Answers:
        """Empty answers to `size` entries."""
        return Answers.empty(size, self.bundle.model.max_lines)

    def choose(
        self, answers: Answers, rows: np.ndarray, columns: EntryColumns, scored: ScoredCandidates
    ) -> None:
        """Write the best candidates of a batch, with their evidence and amounts, into `answers`."""
        candidates, evidence, known = scored.agreeing, scored.evidence, scored.known
        probability = distribution(scored.scores, self.settings.method)
        chance, none = scored.shares(probability)
        place, review = reviewed_answers(evidence, candidates, self.bundle.corpus.reviewed)
        decided = np.arange(chance.shape[1]) == place[:, None]
        chance = np.where(decided, np.maximum(chance, _LEAST), chance)
        order = np.argsort(np.where(decided, -2, -chance), axis=1, kind="stable")[:, :WEIGHED]
        chance = np.take_along_axis(chance, order, 1)
        exists = (chance > 0)[:, :, None]
        tokens = np.where(exists, np.take_along_axis(candidates.tokens, order[:, :, None], 1), NOTHING)
        key = np.where(exists[:, 0, 0], np.take_along_axis(candidates.key, order, 1)[:, 0], np.uint64(0))
        shown = shown_evidence(evidence, key)
        proposal = self.amounts(columns, np.resize(rows, len(evidence)), evidence, tokens[:, 0], known)
        kept = tokens[:, :KEPT]
        shares = line_shares(kept, tokens, chance)
        values = {
            "tokens": kept,
            "probability": chance[:, :KEPT],
            "none": none,
            "line_share": shares,
            "weakest_line": scored.weakest_line(kept[:, 0], shares[:, 0], probability),
            "guess": guessed(evidence, kept),
            "amounts": proposal.amounts,
            "amount_features": proposal.features,
            "amount_rule": proposal.rule,
            "features": confidence_features(
                scored.scores,
                probability,
                np.where(known.exists, order[:, 0], place),
                self._record_figures[evidence.entity],
            ),
            "review": review,
            "evidence_kind": shown.kind,
            "text_known": evidence.text_known,
            "nearest": evidence.nearest,
            **{each.name: getattr(shown, each.name) for each in fields(shown) if each.name != "kind"},
        }
        for name, array in values.items():
            # Sets may be narrower than an answer, which is padded.
            getattr(answers, name)[(rows, *map(slice, array.shape[1:]))] = array[: len(rows)]
        answers.hold_facts.put(rows, scored.hold_facts)

    def amounts(
        self,
        columns: EntryColumns,
        rows: np.ndarray,
        evidence: Evidence,
        tokens: np.ndarray,
        known: KnownLines | None = None,
    ) -> Proposal:
        """Amounts for the sets `tokens` int64 [B, T] of `rows` of `columns`.

        They follow the amounts of the entity's own neighbors in the same currency, and those of `known` lines.
        """
        past = self.statistics.corpus.rows
        usable = evidence.same_entity & (past.currency[evidence.row] == columns.currency[rows][:, None])
        there = (evidence.lines != NOTHING) & usable[:, :, None]
        place = past.offsets[evidence.row][:, :, None] + np.arange(evidence.lines.shape[2])
        amounts = past.amounts[np.where(there, place, 0)] if len(past.amounts) else np.empty(there.shape)
        past_amounts = PastAmounts(
            tokens=np.where(there, evidence.lines, NOTHING),
            amounts=np.where(there, amounts, np.nan),
            similarity=np.where(usable, evidence.similarity, -np.inf),
            age_days=evidence.age,
        )
        total, given = minor_units(columns.total[rows]), None
        if known is not None and known.exists.any():
            total, given = np.where(known.exists, known.totals(tokens), total), known.placed(tokens)
        return propose_amounts(total, tokens, past_amounts, given)


def extended_store(bundle: Bundle, descriptions: pa.ChunkedArray, encoder: Encoder | None) -> TextStore:
    """The bundle's texts and those of `descriptions`; new ones are encoded.

    Raises `ValueError` where `encoder` (None: no sentence vectors) is not the one that the bundle was trained
    with.
    """
    bundle.refuse_other_encoder(encoder.identity if encoder is not None else "")
    missing = sorted(bundle.corpus.store.missing(normalize_all(descriptions)))
    if not missing:
        return bundle.corpus.store
    return bundle.corpus.store.extend(missing, encoder.encode(missing) if encoder is not None else None)
