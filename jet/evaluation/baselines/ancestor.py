"""The model that jet descends from, trained and decoded like jet, to measure what the changes since are worth.

It has separate heads for account, side and stop, and attends to the neighbors' texts without their labels and
without other companies; it copies nothing and ranks nothing. The rest (retrieval, losses, optimizer, order of
the rows, beam search) is jet's.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from jet.books.split import CALIBRATION, TEST, TRAIN
from jet.books.tokens import NOTHING
from jet.books.words import SIDES
from jet.confidence.calibration import Calibration, CalibrationRows
from jet.evaluation.baselines.protocol import (
    MOST_SETS,
    BaselinePrediction,
    BaselinePredictions,
    collected,
    places_of,
)
from jet.model.batch import collate, held_hits
from jet.model.decode import DEAD, beam_search
from jet.model.network import JetNetwork, Tables, TextInputs
from jet.model.pointer import Pointer
from jet.model.tables import account_vectors
from jet.training.data import TrainingData
from jet.training.loop import Trainer, epoch_rows
from jet.training.settings import LossSettings, OptimSettings, TrainSettings

_BEAMS = 8
_BATCH = 64
_FEATURES = ("log_odds", "margin")


class SeparateHeads(nn.Module):
    """The ancestor's heads: which account, which side, stop or not, each decided by itself.

    Their product is a distribution over the tokens of `jet.model.pointer.JointHead`. Shapes: as there.
    """

    def __init__(self, hidden: int, l2_norm: bool) -> None:
        super().__init__()
        self.l2_norm = l2_norm
        self.account = Pointer(hidden, l2_norm)
        self.side = nn.Linear(hidden, 2)
        self.stop = nn.Linear(hidden, 1)

    def keys(self, accounts_UH: Tensor) -> Tensor:
        """[U, H] accounts as the pointer compares them."""
        return F.normalize(accounts_UH, dim=-1) if self.l2_norm else accounts_UH

    def forward(self, state_BSH: Tensor, keys_BCH: Tensor, open_BC: Tensor) -> Tensor:
        """[B, S, 2C + 1] logits (log-probabilities before tokens that may not follow are masked).

        Accounts share out their softmax among the `open` ones, or a padded chart would make stop likelier.
        """
        scores = self.account(state_BSH, keys_BCH)
        scores = scores.masked_fill(~open_BC.unsqueeze(1), torch.finfo(scores.dtype).min)
        account = torch.log_softmax(scores, dim=-1)
        side = torch.log_softmax(self.side(state_BSH), dim=-1)
        stop = self.stop(state_BSH)
        pairs = (account.unsqueeze(-1) + side.unsqueeze(2)).flatten(2) + F.logsigmoid(-stop)
        return torch.cat([pairs, F.logsigmoid(stop)], dim=-1)

    def scale(self) -> float:
        """The learned scale, for logging; 1 without L2 norm."""
        return self.account.scale()


class AncestorNetwork(JetNetwork):
    """jet's network with the ancestor's heads."""

    head_type = SeparateHeads


class Ancestor:
    """The ancestor's decoder over all entities together, trained once, on train.

    As with jet's own model, the calibration rows decide when the training stops, and fit the calibration of the
    confidence; nothing is learned from the test rows. Memory is rolling.
    """

    name = "ancestor"

    def __init__(self, data: TrainingData, seed: int = 0) -> None:
        """`data` has the entries to predict; its settings of the network are used, but for the ancestor's
        own."""
        model = replace(data.model, memory="texts", copy_share=0.0, peers=0)
        self.data = replace(data, model=model)
        self.seed = seed

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`. Trains first.

        Raises ValueError where `entries` and `split` are not those of the training data, or nothing is left
        to learn from.
        """
        place = places_of(self.data, entries, split)
        data, network = self.data, self._trained()
        queries = {part: data.rows(part) for part in (CALIBRATION, TEST)}
        tokens, log_probs = _decoded(network, data, np.concatenate(list(queries.values())))
        features = _features(log_probs)
        count = len(queries[CALIBRATION])
        right = [_is(own, data, row) for own, row in zip(tokens[:count, 0], queries[CALIBRATION], strict=True)]
        owner = data.entries["entity"].take(pa.array(queries[CALIBRATION])).to_pylist()
        rows = CalibrationRows.independent(owner, np.array(right, dtype=bool))
        confidence = Calibration.fit(_FEATURES, features[:count], rows)(features)
        codes = data.corpus.catalog.accounts["code"].to_pylist()
        predictions: dict[int, BaselinePrediction] = {}
        for number, row in enumerate(np.concatenate(list(queries.values())).tolist()):
            token_sets = [own[own != NOTHING].tolist() for own in tokens[number]]
            sets = [tuple(sorted((codes[t // 2], SIDES[t % 2]) for t in own)) for own in token_sets if own]
            predictions[int(place[row])] = BaselinePrediction(sets, float(confidence[number]) if sets else 0.0)
        return collected(predictions)

    def _trained(self) -> JetNetwork:
        """The network of the epoch with the best likelihood of the calibration rows."""
        data, settings = self.data, TrainSettings(seed=self.seed)
        rows, held_out = data.learnable(TRAIN), data.learnable(CALIBRATION)
        if not len(rows) or not len(held_out):
            raise ValueError(
                f"too few entries for the ancestor: {len(rows)} train, {len(held_out)} calibration"
            )
        torch.manual_seed(settings.seed)
        network = AncestorNetwork.for_corpus(data.model, data.corpus)
        steps = math.ceil(len(rows) / settings.batch_size)
        trainer = Trainer(network, settings, LossSettings(), OptimSettings(), steps)
        batches = np.array_split(held_out, math.ceil(len(held_out) / settings.batch_size))
        best: dict[str, torch.Tensor] = {}
        while not trainer.progress.stopped(settings):
            order = epoch_rows(rows, settings.seed, trainer.progress.epoch, settings.batch_size, 0, 1)
            averages = trainer.train_epoch(data.batches(order)) | trainer.evaluate(data.batches(batches))
            if trainer.record(averages):
                best = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(best)
        return network.eval()


@torch.inference_mode()
def _decoded(network: JetNetwork, data: TrainingData, rows: NDArray) -> tuple[NDArray, NDArray]:
    """The best sets for `rows`: tokens (catalog row * 2 + side) [rows, MOST_SETS, T] and log-probabilities."""
    texts = TextInputs.of(data.corpus, np.arange(len(data.corpus.store)))
    accounts = torch.from_numpy(account_vectors(network, data.corpus))
    tables = Tables(network.text_table(texts), accounts)
    tokens = np.full((len(rows), MOST_SETS, data.model.max_lines), NOTHING, dtype=np.int64)
    log_probs = np.empty((len(rows), MOST_SETS))
    columns = data.corpus.rows
    for start in range(0, len(rows), _BATCH):
        own = rows[start : start + _BATCH]
        hits = held_hits(data.hits.take(own), data.model, data.retrieval)
        batch = collate(columns, own, data.corpus, hits, data.model.max_lines)
        beams = beam_search(network, network.encode(batch, tables), _BEAMS)
        local, log_prob = beams.tokens[:, :MOST_SETS].numpy(), beams.log_probs[:, :MOST_SETS].numpy()
        first = 2 * data.corpus.catalog.offsets[columns.entity[own]][:, None, None]
        exists = (local != NOTHING) & (log_prob > DEAD)[:, :, None]
        tokens[start : start + _BATCH] = np.where(exists, local + first, NOTHING)
        log_probs[start : start + _BATCH] = log_prob
    return tokens, log_probs


def _features(log_probs: NDArray) -> NDArray[np.float64]:
    """[rows, len(_FEATURES)] for the calibration, of log-probabilities [rows, MOST_SETS]."""
    best, second = np.clip(np.exp(log_probs[:, :2]), 1e-6, 1 - 1e-6).T
    return np.column_stack([np.log(best / (1 - best)), np.log(best / second).clip(0, 10)])


def _is(tokens: NDArray, data: TrainingData, row: int) -> bool:
    """Whether `tokens` [T] are the lines of a row; both are in the catalog's order."""
    true = data.corpus.rows.tokens[data.corpus.rows.offsets[row] : data.corpus.rows.offsets[row + 1]]
    return np.array_equal(tokens[tokens != NOTHING], true)
