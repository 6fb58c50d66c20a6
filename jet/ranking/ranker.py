"""The set ranker: a small network that scores all candidates of an entry together.

Each candidate is encoded together with the mean and the maximum over all candidates of its entry, and "none of
these" has a logit too. Training is listwise, on features of earlier entries only, so no company needs a
separate model, and companies that weren't in the training work too. The log-probabilities of two networks are
averaged.

Shapes: B entries, D candidates, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jet.model.decode import KEPT
from jet.ranking.features import stacked

_CONSTANT = 1e-3  # a feature with a smaller standard deviation counts as constant


@dataclass(kw_only=True)
class RankerSettings:
    """The set ranker, its training, and the number of candidates."""

    candidates: int = 32
    """The most candidates of an entry (D), not counting the decoder's."""
    hidden: int = 48
    """Width of the hidden layers."""
    dropout: float = 0.1
    """Dropout on the candidates' vectors."""
    nets: int = 2
    """The number of networks that are averaged."""
    start: str = "packaged"
    """Where training starts: packaged (the ranker that comes with jet, see `jet.ranking.pretrained`), a file
    with another one, or "" for random weights, which take a `learning_rate` of 0.003."""
    epochs: int = 7
    """Passes over the training rows, which have each entry twice: with and without its total. With 0 the ranker
    to start from is used as it is."""
    batch_size: int = 128
    """Entries a step."""
    learning_rate: float = 1e-3
    """AdamW's peak learning rate; it falls to 0 along a cosine."""
    weight_decay: float = 0.02
    """AdamW's weight decay."""
    entity_power: float = 0.3
    """Each row of an entity with n rows has weight n^-entity_power."""
    rows: int = 30_000
    """The most entries to train on: the newest of each entity."""

    def __post_init__(self) -> None:
        if self.epochs < 0 or (self.epochs == 0 and not self.start):
            raise ValueError("ranker.epochs must be at least 1; 0 only where ranker.start names a ranker")
        for name in ("candidates", "hidden", "nets", "batch_size", "rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"ranker.{name} must be at least 1, got {getattr(self, name)}")
        if self.candidates < KEPT:
            raise ValueError(f"ranker.candidates must be at least {KEPT}, got {self.candidates}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"ranker.dropout must be at least 0 and below 1, got {self.dropout}")


class RankerNet(nn.Module):
    """The network: logits of D candidates and of "none of these"."""

    def __init__(self, features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.each = nn.Sequential(
            nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.among = nn.Sequential(nn.Linear(3 * hidden, hidden), nn.GELU(), nn.Linear(hidden, 1))
        self.none = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(self, features_BDF: Tensor, exists_BD: Tensor) -> Tensor:
        """The logits [B, D + 1], "none of these" last; -1e9 where there is no candidate."""
        each = self.each(features_BDF)
        mask = exists_BD.unsqueeze(-1)
        count = mask.sum(1).clamp(min=1)
        mean = (each * mask).sum(1) / count
        most = each.masked_fill(~mask, -10.0).amax(1)
        context = torch.cat([mean, most], dim=-1)
        spread = context.unsqueeze(1).expand(-1, each.shape[1], -1)
        logits = self.among(torch.cat([each, spread], dim=-1)).squeeze(-1).masked_fill(~exists_BD, -1e9)
        return torch.cat([logits, self.none(context)], dim=-1)


@dataclass(frozen=True)
class Ranker:
    """The trained networks, with the scaling of their inputs."""

    names: tuple[str, ...]
    """[F] names of the features, in order."""
    weights: Mapping[str, np.ndarray]
    """The weights of all networks, and "mean" and "scale" [F] of the features."""
    settings: RankerSettings

    @classmethod
    def fit(  # noqa: PLR0913 - the columns of `jet.ranking.examples.Examples`, which stands above
        cls,
        names: Sequence[str],
        features: np.ndarray,
        exists: np.ndarray,
        target: np.ndarray,
        entity: np.ndarray,
        settings: RankerSettings,
        seed: int,
        start: Ranker | None = None,
    ) -> Ranker:
        """Train on `features` float32 [B, D, F], called `names`, of candidates; `exists` [B, D] are not
        padding.

        `target` int64 [B] is the place of the right candidate, D where none is; `entity` int64 [B] the entry's
        entity. `start` has the same features and shape; None: random weights.
        """
        raw, used = torch.tensor(features), torch.tensor(exists)
        mean, scale = _scaling(raw[used], start)
        counts = np.bincount(entity)[entity].astype(np.float64)
        weight = torch.from_numpy((counts**-settings.entity_power).astype(np.float32))
        weights = {"mean": mean.numpy(), "scale": scale.numpy()}
        for number in range(settings.nets):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1000 * seed + number)
                net = RankerNet(len(names), settings.hidden, settings.dropout)
                if start is not None:
                    net.load_state_dict(start.state(number))
                inputs = (raw - mean) * scale
                _train(net, inputs, used, torch.tensor(target), weight / weight.mean(), settings)
            weights |= {f"{number}.{name}": value.numpy().copy() for name, value in net.state_dict().items()}
        return cls(tuple(names), weights, settings)

    @cached_property
    def _nets(self) -> list[RankerNet]:
        nets = []
        for number in range(self.settings.nets):
            net = RankerNet(len(self.names), self.settings.hidden, self.settings.dropout)
            net.load_state_dict(self.state(number))
            nets.append(net.eval())
        return nets

    def state(self, number: int) -> dict[str, Tensor]:
        """The weights of the network of that number, as its `state_dict`."""
        prefix = f"{number}."
        return {
            name[len(prefix) :]: torch.tensor(value)
            for name, value in self.weights.items()
            if name.startswith(prefix)
        }

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("_nets", None)  # computed from `weights`, which processes can share
        return state

    @torch.inference_mode()
    def __call__(self, features: Mapping[str, np.ndarray], exists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The log-probabilities of the candidates, float32 [B, D], and of "none of these", float32 [B].

        `features` are [B, D] by name. Raises ValueError where they are not the ones it was trained on.
        """
        if tuple(features) != self.names:
            raise ValueError("the ranker was trained on other features than this jet computes: train again")
        scaled = (torch.from_numpy(stacked(features)) - torch.tensor(self.weights["mean"])) * torch.tensor(
            self.weights["scale"]
        )
        mask = torch.from_numpy(exists)
        logs = torch.stack([torch.log_softmax(net(scaled, mask), dim=-1) for net in self._nets]).mean(0)
        log_probs = torch.log_softmax(logs, dim=-1).numpy()
        return log_probs[:, :-1], log_probs[:, -1]


def _scaling(values: Tensor, start: Ranker | None) -> tuple[Tensor, Tensor]:
    """Mean and scale [F] of the features, from `values` [n, F], or as `start` has them.

    A feature that is constant in training has the scale 0, which ignores it.
    """
    if not len(values):  # the training entries have no candidates: there was nothing before them
        values = torch.zeros(1, values.shape[1])
    mean = values.mean(0)
    spread = values.std(0, correction=0)
    scale = torch.where(spread < _CONSTANT, 0.0, 1 / spread)
    if start is None:
        return mean, scale
    known = torch.tensor(start.weights["scale"])
    return torch.where(known > 0, torch.tensor(start.weights["mean"]), mean), torch.where(
        known > 0, known, scale
    )


def _train(
    net: RankerNet, inputs: Tensor, exists: Tensor, target: Tensor, weight: Tensor, settings: RankerSettings
) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    batches = -(-len(inputs) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, settings.epochs * batches))
    for _ in range(settings.epochs):
        for rows in torch.randperm(len(inputs)).split(settings.batch_size):
            logits = net(inputs[rows], exists[rows])
            loss = nn.functional.cross_entropy(logits, target[rows], reduction="none")
            optimizer.zero_grad()
            (loss * weight[rows]).mean().backward()
            optimizer.step()
            schedule.step()
