"""The library's interface: train on books, predict new entries, learn from reviewed ones. In one process,
without Ray.

`fit` trains as the jobs `neighbors` and `train` do: the same books, settings and seed give the same bundle, to
the bit. `docs/library.md` says what is stable.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from os import PathLike, fspath
from typing import Any

import pyarrow as pa
import torch

from jet.artifacts.artifact import artifact_writer
from jet.artifacts.manifest import ArtifactError, read_manifest
from jet.artifacts.places import refuse_foreign
from jet.books.frames import entries_of
from jet.books.importers import Tables
from jet.books.reading import Ledger
from jet.bundle.additions import Addition
from jet.bundle.bundle import Bundle
from jet.bundle.extension import extended, with_addition
from jet.bundle.saved import KIND, load_bundle, save_bundle
from jet.config import JetConfig, with_settings
from jet.evaluation.exam import Exam
from jet.evaluation.executor import InProcess
from jet.evaluation.figures import figures_table
from jet.evaluation.measure import measure
from jet.evaluation.settings import ExamSettings
from jet.prediction.calibrating import calibrate
from jet.prediction.checking import checked_answers
from jet.prediction.explaining import Explanations, explained
from jet.prediction.session import Session
from jet.ranking.pretrained import read_prior
from jet.retrieval.neighbors import make_encoder
from jet.texts.encoder import Encoder
from jet.training.fitting import fit_network, fit_ranker, refuse_too_few
from jet.training.preparing import prepared

__all__ = ["Explanations", "Ledger", "Model", "fit", "load"]


def fit(ledger: Ledger, *, device: str = "cpu", **settings: Mapping[str, Any]) -> Model:
    """Train on the entries of `ledger` that have lines, and return a calibrated model.

    `settings` are those of the jobs, part by part: `jet.fit(books, train={"max_epochs": 4})`; with a config
    file of the jobs, `jet.fit(books, **yaml.safe_load(text))`. `device` is the torch device that trains the
    network. Progress is logged: `logging.basicConfig(level="INFO")` shows it. Raises `ValueError` for an
    unknown setting, and where there are too few entries.

    >>> model = jet.fit(books, **small)
    >>> model
    <Model: 3 entities, 274 accounts, 380 booked entries>
    """
    config = _config(settings)
    encoder = make_encoder(config.retrieval)
    with torch.random.fork_rng():  # the caller's random numbers stay as they are
        bundle = _trained(ledger, config, encoder, torch.device(device))
    return Model(bundle, config, encoder)


def _trained(ledger: Ledger, config: JetConfig, encoder: Encoder | None, device: torch.device) -> Bundle:
    read_prior(config.ranker)
    data = prepared(ledger.entries, ledger.accounts, config.split, config.model, config.retrieval, encoder)
    refuse_too_few(data)
    network, facts = fit_network(data, config.train, config.losses, config.optim, config.predict.beams, device)
    facts |= {f"{name}_entries": count for name, count in data.sizes().items()}
    ranker = fit_ranker(data, config.ranker, config.train.seed)
    bundle = Bundle.assemble(data, network, ranker, encoder.identity if encoder else "", facts)
    return calibrate(bundle, data, config.predict)


def load(path: str | PathLike[str], **settings: Mapping[str, Any]) -> Model:
    """The model that `Model.save`, `jet train` or `jet learn` wrote to the folder or URI `path`.

    `settings` are as in `fit`; those that a trained model still uses have an effect: `jet.load(path,
    predict={"promise": 0.99})`. Raises `ArtifactError` where the folder isn't what was saved.
    """
    return Model(load_bundle(fspath(path)), _config(settings))


class Model:
    """A trained bundle with the settings of its predictions. It never changes: `learn` returns another model.

    The `entries` of its methods are a table of pandas, polars or Arrow, a list of dictionaries, or a `Ledger`.
    An entry has a `date` and a `description`, and may have `total`, `currency`, `journal`, `direction`,
    `entity` and `entry_id`. A missing `entity` is the model's, where it has only one; a missing `entry_id` is
    made of the date and the content. Raises `ValueError`, with the row, for values that can't be read.
    """

    def __init__(self, bundle: Bundle, config: JetConfig, encoder: Encoder | None = None) -> None:
        self.bundle, self.config = bundle, config
        self._session = Session(bundle, config.predict, encoder)

    def __repr__(self) -> str:
        catalog, books = self.bundle.corpus.catalog, self.bundle.corpus
        return (
            f"<Model: {len(catalog.entities):,} entities, {len(catalog):,} accounts, "
            f"{len(books.ids):,} booked entries>"
        )

    def predict(self, entries: Any) -> pa.Table:
        """The predictions (`PREDICTIONS`) of `entries`: lines, confidence and reason, one row each, in order.

        Always an Arrow table, as `jet predict` writes it, since pandas has no columns of lists; `.to_pandas()`
        and `polars.from_arrow` convert it. Lines of `entries` are not used. The vectors of texts are kept, so
        that a call encodes its new texts only.

        >>> frame = [{"entity": company, "date": "2025-06-02", "description": "Telia", "total": 100}]
        >>> model.predict(frame).column_names[6:10]
        ['lines', 'confidence', 'none_of_these', 'decision']
        """
        return self._predictions(entries)[2]

    def explain(self, entries: Any) -> Explanations:
        """The predictions of `entries` as text: the lines, the decision, its reason, and the earlier entries
        that support it.

        >>> print(model.explain([{"entity": company, "date": "2025-06-02", "description": "Telia"}]))
        2025-06-02  Telia  ...
            D  ...
        """
        bundle, table, predictions = self._predictions(entries)
        return explained(bundle, table, predictions)

    def learn(self, reviewed: Any, reviewer: str = "") -> Model:
        """A model that has also learned the `reviewed` entries, which `reviewer` (by default the current user)
        vouches for.

        This model stays as it is. The entries have lines; one with the id of an earlier entry replaces it.
        Nothing is trained: entries with the same text on later days are predicted like them. Before it learns
        them it answers them, and what comes out is kept as the record of their companies
        (`jet.confidence.record`).

        >>> lines = [{"account": "6540", "side": "D"}, {"account": "1930", "side": "C"}]
        >>> entry = {"entity": company, "date": "2025-06-02", "description": "A new text", "lines": lines}
        >>> model.learn([entry], reviewer="Ann")
        <Model: 3 entities, 274 accounts, 381 booked entries>
        """
        tables = self._tables(reviewed)
        who = reviewer.strip() or getpass.getuser()
        checked = self._checked(tables)
        addition = Addition.after(self.bundle.additions, who, tables.entries, tables.accounts, checked)
        bundle = with_addition(self.bundle, addition, self._session.encode)
        return Model(bundle, self.config, self._session.encoder)

    def evaluate(self, ledger: Ledger, **settings: Any) -> pa.Table:
        """The metrics of `jet evaluate` on the test split of `ledger`, beside those of baselines.

        A table (`FIGURES` of `jet.evaluation.figures`) with a row for each method, for all entities and for
        each. The test split is the newest 15 % of each entity's entries: where the model was trained on the
        same books, it has not seen them. Each is predicted without its lines, from the strictly earlier
        entries. `settings` are those of `evaluate`: `baselines="all"` for every baseline, `parts=True` for
        the decoder alone.

        >>> model.evaluate(books, baselines="majority")["method"].unique().to_pylist()
        ['jet', 'majority']
        """
        quick = {"parts": False, "regimes": False, "curve_rows": 0}
        config = _config({"evaluate": quick | settings})
        exam = ExamSettings(
            split=self.config.split,
            predict=self.config.predict,
            drift=self.config.drift,
            evaluate=config.evaluate,
            seed=self.config.train.seed,
        )
        measured = measure(
            Exam(ledger.entries, ledger.accounts, self.bundle, exam), InProcess(self._session.encoder)
        )
        return figures_table(measured.metrics, self.config.predict.promise)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a folder or URI, as `jet train` does, for `jet.load` and `jet predict`.

        A folder is written once: where it has this very model, nothing happens. Raises `ArtifactError` where it
        has anything else.

        >>> model.save("model")
        >>> jet.load("model")
        <Model: 3 entities, 274 accounts, 380 booked entries>
        """
        path = fspath(path)
        manifest = read_manifest(path)
        if manifest is not None and manifest.facts.get("fingerprint") == self.bundle.fingerprint:
            return
        if manifest is not None:
            raise ArtifactError(
                f"{path} holds {manifest.kind} already, and another than this: save to another folder, or "
                "remove that one"
            )
        refuse_foreign(path)
        made = {"bundle": self.bundle.fingerprint}
        with artifact_writer(path, KIND, made, {}, resolved=asdict(self.config)) as writer:
            save_bundle(self.bundle, writer)
            writer.publish(self.bundle.sizes, self.bundle.manifest_facts)

    def _predictions(self, entries: Any) -> tuple[Bundle, pa.Table, pa.Table]:
        """The bundle that predicts, the entries as a table (`ENTRIES`), and their predictions."""
        tables = self._tables(entries)
        session = self._session
        if isinstance(entries, Ledger):  # its charts may have new accounts and companies
            bundle = extended(self.bundle, tables.accounts, session.encode)
            if bundle is not self.bundle:
                session = Session(bundle, self.config.predict, session.encoder)
        return session.bundle, tables.entries, session(tables.entries)

    def _checked(self, tables: Ledger | Tables) -> pa.Table:
        """The answers (`CHECKED`) to reviewed entries, before they are learned."""
        known = extended(self.bundle, tables.accounts, self._session.encode)
        settings = replace(self.config.predict, method="ranker")  # whose answers the records count
        session = self._session
        if known is not self.bundle or settings != self.config.predict:
            session = Session(known, settings, session.encoder)
        return checked_answers(session.predictor(tables.entries["description"]), tables.entries)

    def _tables(self, entries: Any) -> Ledger | Tables:
        if isinstance(entries, Ledger):
            return entries
        return entries_of(entries, self.bundle.corpus.catalog.entities)


def _config(settings: Mapping[str, Mapping[str, Any]]) -> JetConfig:
    """The settings of all parts, with `settings` in place of defaults. Raises `ValueError` as a job does."""
    config = JetConfig()
    parts = [each.name for each in fields(JetConfig)]
    given: dict[str, Any] = {}
    for part, values in settings.items():
        if part not in parts or not isinstance(values, Mapping):
            raise ValueError(
                f"{part}={values!r:.40} is no setting: give a part and its settings, as in "
                f"train={{'max_epochs': 4}}; the parts are {', '.join(parts)}"
            )
        given |= {f"{part}.{name}": value for name, value in values.items()}
    return with_settings(config, given)
