"""Scores a trained network's predictions by the inference of a row of the grid.

The predictions are those of the copy decoder alone, without the ranker; free-running unless the row says
otherwise. The scores are exact match, F1, and the log-likelihood of the true lines.

Shapes: R entries, B entries of a batch, T tokens of an entry with its stop, S tokens of a prediction.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from jet.books.tokens import NOTHING
from jet.model.batch import Batch
from jet.model.decode import beam_search
from jet.model.network import JetNetwork, Step, Tables, TextProjection
from jet.retrieval.collection import Hits
from jet.training.data import TrainingData
from jet.training.loop import TrainBatch
from jet.training.losses import entry_losses

Inference = Literal[
    "free",
    "rebuilt-catalog",
    "forgotten-residuals",
    "zeroed-retrieval",
    "teacher-forced",
    "teacher-forced-length",
    "cut-at-length",
]
"""How a network predicts; see `INFERENCE_STEPS`."""


@dataclass(frozen=True)
class EntryScores:
    """The scores of the predictions of R entries."""

    right: np.ndarray  # bool [R] every line is right
    f1: np.ndarray  # float64 [R] of the predicted lines against the true ones
    likelihood: np.ndarray  # float64 [R] log P(true lines); nan where the network can't predict them


def score_rows(  # noqa: PLR0913 - what is varied, and how it is computed
    network: JetNetwork,
    data: TrainingData,
    rows: np.ndarray,
    inference: Inference = "free",
    *,
    beams: int,
    batch_size: int,
    seed: int = 0,
) -> EntryScores:
    """The scores of `rows` int64 [R] of `data`; `seed` is that of the random numbers of `inference`."""
    steps = INFERENCE_STEPS[inference]
    network, data = steps.network(network, seed).eval(), steps.data(data)
    learnable = np.isin(rows, np.concatenate([data.learnable(part) for part in range(3)]))
    scores = EntryScores(np.zeros(len(rows), bool), np.zeros(len(rows)), np.full(len(rows), np.nan))
    # Sorted by length, to pad batches less; no prediction depends on the rest of its batch.
    order = np.argsort(data.corpus.rows.lengths[rows], kind="stable")
    for start in range(0, len(rows), batch_size):
        places = order[start : start + batch_size]
        parts = data.batch(rows[places])
        with torch.inference_mode():
            [step] = network(*parts)
            losses = entry_losses(step.log_probs, parts.batches[0].target)
            tokens = steps.tokens(network, parts, step, beams)
        log_probs = -(losses["pointer"] + losses["side"] + losses["stop"]).double().numpy()
        scores.likelihood[places] = np.where(learnable[places], log_probs, np.nan)
        pairs = zip(_lines(tokens), _lines(_true(parts.batches[0])), strict=True)
        scores.f1[places] = [_f1(*pair) for pair in pairs]
    scores.right[:] = scores.f1 == 1
    return scores


def _true(batch: Batch) -> Tensor:
    return torch.where(batch.target == batch.stop, NOTHING, batch.target)


def _lines(tokens: Tensor) -> list[Counter[int]]:
    return [Counter(token for token in row if token != NOTHING) for row in tokens.tolist()]


def _f1(predicted: Counter[int], true: Counter[int]) -> float:
    return 2 * (predicted & true).total() / max(1, predicted.total() + true.total())


# --- predicted tokens ----------------------------------------------------------------------------------


def free_running(network: JetNetwork, parts: TrainBatch, _step: Step, beams: int) -> Tensor:
    """[B, S] the best set of the beam search."""
    tables = Tables(network.text_table(parts.texts), network.account_table(parts.accounts, parts.account_rows))
    return beam_search(network, network.encode(parts.batches[0], tables), beams).tokens[:, 0]


def cut_at_length(network: JetNetwork, parts: TrainBatch, step: Step, beams: int) -> Tensor:
    """[B, S] the same, cut at the true number of lines, as the ancestor was measured."""
    tokens = free_running(network, parts, step, beams)
    length = (_true(parts.batches[0]) != NOTHING).sum(1, keepdim=True)
    return torch.where(torch.arange(tokens.shape[1]) < length, tokens, NOTHING)


def teacher_forced(_network: JetNetwork, parts: TrainBatch, step: Step, _beams: int) -> Tensor:
    """[B, T] the likeliest token after each prefix of the true lines, the whole included."""
    [batch] = parts.batches
    predicted = step.log_probs.argmax(-1)
    return torch.where((batch.target != NOTHING) & (predicted != batch.stop), predicted, NOTHING)


def teacher_forced_length(_network: JetNetwork, parts: TrainBatch, step: Step, _beams: int) -> Tensor:
    """[B, T] the likeliest line after each prefix of the true lines; as many lines as these, without the
    stop."""
    [batch] = parts.batches
    return torch.where(_true(batch) != NOTHING, step.log_probs[..., : batch.stop].argmax(-1), NOTHING)


# --- changed networks and data -------------------------------------------------------------------------


def rebuilt_catalog(network: JetNetwork, seed: int) -> JetNetwork:
    """The network with account vectors of an untrained one: a random projection, and no residuals."""
    rebuilt = forgotten_residuals(network, seed)
    old = network.account_text
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rebuilt.account_text = TextProjection(
            old.sentence.in_features if old.sentence is not None else 0,
            old.ngrams.num_embeddings,
            network.settings.hidden,
        )
    return rebuilt


def forgotten_residuals(network: JetNetwork, _seed: int) -> JetNetwork:
    """The network without the residuals of its accounts, so that only their texts are left."""
    changed = copy.deepcopy(network)
    torch.nn.init.zeros_(changed.residual.weight)
    return changed


def without_neighbors(data: TrainingData) -> TrainingData:
    """The data without neighbors."""
    return replace(data, hits=Hits.none(*data.hits.row.shape))


@dataclass(frozen=True)
class _Steps:
    tokens: Callable[[JetNetwork, TrainBatch, Step, int], Tensor] = free_running
    network: Callable[[JetNetwork, int], JetNetwork] = lambda network, _seed: network
    data: Callable[[TrainingData], TrainingData] = lambda data: data


INFERENCE_STEPS: Mapping[Inference, _Steps] = {
    "free": _Steps(),
    "rebuilt-catalog": _Steps(network=rebuilt_catalog),
    "forgotten-residuals": _Steps(network=forgotten_residuals),
    "zeroed-retrieval": _Steps(data=without_neighbors),
    "teacher-forced": _Steps(tokens=teacher_forced),
    "teacher-forced-length": _Steps(tokens=teacher_forced_length),
    "cut-at-length": _Steps(tokens=cut_at_length),
}
