"""The exam of a bundle: booked entries split by date, and how answers are put beside the truth.

Calibration entries decide the thresholds of the baselines (a bundle brings its own). Every figure is of the
test entries, which are the newest of each entity.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jet.books.catalog import Catalog
from jet.books.schema import joined_keys
from jet.books.sorting import sort_entries
from jet.books.split import CALIBRATION, TEST, TRAIN, split_by_date
from jet.bundle.bundle import Bundle
from jet.confidence.settings import Method
from jet.evaluation.automation import PROMISES, AutomationThresholds
from jet.evaluation.baselines.protocol import BaselinePredictions, score_baseline
from jet.evaluation.scored import Scored, score_predictions
from jet.evaluation.settings import ExamSettings
from jet.evaluation.strata import strata
from jet.retrieval.collection import Hits
from jet.retrieval.corpus import Corpus
from jet.retrieval.retriever import Retriever
from jet.texts.normalize import mask_digits, normalize_all
from jet.training.data import TrainingData


class Exam:
    """The entries that a bundle is measured on.

    `entries` (`ENTRIES`) may come in any order, and those without lines are left out; `accounts` (`ACCOUNTS`)
    are their charts. `fingerprint`, where there is one, is of the artifact that both come from. `hits` reads
    the neighbors of the booked ones, in the order of `sort_entries`, when they are needed; without it they are
    found anew. `without_test` says whether the confidence of `bundle` is fitted without the test split, which
    the given one is fitted on. Raises ValueError where the split leaves no entries to test on.
    """

    def __init__(
        self,
        entries: pa.Table,
        accounts: pa.Table,
        bundle: Bundle,
        settings: ExamSettings,
        fingerprint: str | None = None,
        hits: Callable[[], Hits] | None = None,
    ) -> None:
        self._hits = hits
        self.entries = sort_entries(entries.filter(pc.is_valid(entries["lines"])))
        self.accounts, self.settings = accounts, settings
        self.fingerprint = fingerprint
        self.entity = bundle.corpus.catalog.entity_numbers(self.entries["entity"])
        days = self.entries["date"].cast(pa.int32()).to_numpy()
        self.split = split_by_date(self.entity, days, settings.split)
        self.test_rows = self.rows(TEST)
        if not len(self.test_rows):
            raise ValueError(f"the split leaves no entries to test on, of {len(self.entries)} booked ones")
        self.promises = sorted({*PROMISES, settings.predict.promise})
        self.model = bundle.fingerprint  # as it was given: that of the figures is fitted anew
        # What was calibrated on the test entries may not judge them.
        known = pc.is_in(
            joined_keys(self.test["entity"], self.test["entry_id"]),
            value_set=joined_keys(bundle.corpus.entities, bundle.corpus.ids),
        )
        self.bundle = bundle.for_report() if pc.any(known).as_py() else bundle
        self.without_test = self.bundle.judgment is not bundle.judgment

    def rows(self, part: int) -> NDArray[np.int64]:
        """int64: the rows of a part of the split."""
        return np.flatnonzero(self.split == part)

    @cached_property
    def test(self) -> pa.Table:
        """The test entries, booked."""
        return self.entries.take(pa.array(self.test_rows))

    @cached_property
    def strata(self) -> dict[str, NDArray]:
        """The strata of the test entries."""
        return strata(self.entries, self.test_rows)

    @cached_property
    def training_data(self) -> TrainingData:
        """The entries as `jet train` reads them, with neighbors found by the bundle's settings."""
        entries, known, retrieval = self.entries, self.bundle.corpus, self.bundle.retrieval
        if self._hits is not None:
            hits = self._hits()
        else:
            corpus = Corpus.of(entries, known.catalog, known.store, known.idf)
            hits = Retriever.of(corpus, retrieval).hits(corpus.rows.queries(np.arange(len(corpus))))
        corpus = Corpus.of(entries, Catalog.from_accounts(self.accounts), known.store, known.idf)
        return TrainingData.build(entries, corpus, hits, self.settings.split, self.bundle.model, retrieval)

    @cached_property
    def books_split(self) -> NDArray[np.int8]:
        """int8: the split of the rows of the bundle's books; TRAIN where the exam doesn't have one."""
        keys = joined_keys(self.entries["entity"], self.entries["entry_id"])
        books = self.bundle.corpus
        place = pc.index_in(joined_keys(books.entities, books.ids), value_set=keys)
        found = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
        return np.where(found >= 0, self.split[found], TRAIN)

    def thresholds(self, method: Method) -> AutomationThresholds:
        """What the bundle automates by, where it answers by this method."""
        return AutomationThresholds.of_judgment(self.bundle.judgment.of_method(method), self.promises)

    def scored(self, predictions: pa.Table) -> Scored:
        """`PREDICTIONS` of the test entries beside the truth."""
        return score_predictions(self.test, predictions, strata=self.strata, accounts=self.accounts)

    def scored_baseline(self, predictions: BaselinePredictions) -> Scored:
        """A baseline's answers to the test entries beside the truth."""
        return score_baseline(
            self.entries, predictions, self.test_rows, strata=self.strata, accounts=self.accounts
        )

    def baseline_thresholds(self, predictions: BaselinePredictions) -> AutomationThresholds:
        """The thresholds that a baseline's answers to the calibration entries decide, by the bound of jet's:
        entries of a company whose texts differ in digits alone are a group."""
        rows = self.rows(CALIBRATION)
        scored = score_baseline(self.entries, predictions, rows, accounts=self.accounts)
        asked = self.entries.take(pa.array(rows))
        texts = [mask_digits(text) for text in normalize_all(asked["description"]).to_pylist()]
        keys = joined_keys(asked["entity"], pa.chunked_array([texts], pa.string()))
        group = keys.dictionary_encode().indices.to_numpy()
        return AutomationThresholds.of_scored(scored, self.promises, group)
