"""The set ranker: a small network that scores all candidates of an entry together.

Each candidate is encoded together with the mean and the maximum over all candidates of its entry, and "none of
these" has a logit too. Training is listwise, on features of earlier entries only, so no company needs a
separate model, and companies that weren't in the training work too. The log-probabilities of two networks are
averaged.

Few entries can't teach how evidence is weighed. So a prior has a share of the probability, the more the fewer
entries there were to train on: a ranker that learned it from other books (`jet.ranking.pretrained`).

Shapes: B entries, D candidates, F features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jet.ranking.features import stacked
from jet.ranking.settings import RankerSettings

_CONSTANT = 1e-3  # a feature with a smaller standard deviation counts as constant
_BATCH = 64  # entries scored at once, always exactly so many: a product's last bits differ with its shape
_LEAST = 1e-30  # of a share whose logarithm is taken
_PRIOR = "prior."


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
    """The trained networks, with the scaling of their inputs, and those of the prior."""

    names: tuple[str, ...]
    """[F] names of the features, in order."""
    weights: Mapping[str, np.ndarray]
    """The weights of all networks, and "mean" and "scale" [F] of the features; the same of the prior, where
    there is one, with the prefix "prior.", and its "share" of the probability."""
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
    ) -> Ranker:
        """Train on `features` float32 [B, D, F], called `names`, of candidates; `exists` [B, D] are not
        padding.

        `target` int64 [B] is the place of the right candidate, D where none is; `entity` int64 [B] the entry's
        entity. There may be no candidate at all. The prior isn't added: see `with_prior`.
        """
        raw, used = torch.tensor(features), torch.tensor(exists)
        values = raw[used] if exists.any() else torch.zeros(1, len(names))
        mean, spread = values.mean(0), values.std(0, correction=0)
        scale = torch.where(
            spread < _CONSTANT, 0.0, 1 / spread
        )  # a feature that is constant in training is ignored
        counts = np.bincount(entity)[entity].astype(np.float64)
        weight = torch.from_numpy((counts**-settings.entity_power).astype(np.float32))
        weights = {"mean": mean.numpy(), "scale": scale.numpy()}
        for number in range(settings.nets):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1000 * seed + number)
                net = RankerNet(len(names), settings.hidden, settings.dropout)
                inputs = (raw - mean) * scale
                _train(net, inputs, used, torch.tensor(target), weight / weight.mean(), settings)
            weights |= {f"{number}.{name}": value.numpy().copy() for name, value in net.state_dict().items()}
        return cls(tuple(names), weights, settings)

    def with_prior(self, prior: Ranker, rows: int) -> Ranker:
        """This ranker, which was trained on `rows` rows, with `prior` beside it."""
        share = self.settings.prior_rows / max(1, self.settings.prior_rows + rows)
        weights = {f"{_PRIOR}{name}": value for name, value in prior.weights.items()}
        return replace(self, weights={**self.weights, **weights, "share": np.array([share], np.float32)})

    @cached_property
    def _networks(self) -> list[tuple[float, _Networks]]:
        """The share of the probability of each part, and its networks."""
        own: dict[str, np.ndarray] = {}
        prior: dict[str, np.ndarray] = {}
        for name, value in self.weights.items():
            (prior if name.startswith(_PRIOR) else own)[name.removeprefix(_PRIOR)] = value
        if not prior:
            return [(1.0, _Networks(own))]
        share = float(own.pop("share")[0])
        return [(1 - share, _Networks(own)), (share, _Networks(prior))]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("_networks", None)  # computed from `weights`, which processes can share
        return state

    @torch.inference_mode()
    def __call__(self, features: Mapping[str, np.ndarray], exists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The log-probabilities of the candidates, float32 [B, D], and of "none of these", float32 [B].

        `features` are [B, D] by name. Raises ValueError where they are not the ones it was trained on.
        """
        if tuple(features) != self.names:
            raise ValueError("the ranker was trained on other features than this jet computes: train again")
        size = len(exists)
        raw = np.zeros((-(-size // _BATCH) * _BATCH, *exists.shape[1:], len(features)), dtype=np.float32)
        mask = np.zeros(raw.shape[:2], dtype=bool)
        raw[:size], mask[:size] = stacked(features), exists
        batches = zip(torch.from_numpy(raw).split(_BATCH), torch.from_numpy(mask).split(_BATCH), strict=True)
        log_probs = np.concatenate([self._log_probs(*each) for each in batches])[:size]
        return log_probs[:, :-1], log_probs[:, -1]

    def _log_probs(self, features_BDF: Tensor, exists_BD: Tensor) -> np.ndarray:
        """float32 [B, D + 1]: the log-probabilities of the candidates, and of "none of these" last."""
        parts = [
            math.log(max(share, _LEAST)) + networks(features_BDF, exists_BD)
            for share, networks in self._networks
        ]
        return torch.stack(parts).logsumexp(0).numpy()


class _Networks:
    """Trained networks of one ranker, whose log-probabilities are averaged."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.mean, self.scale = torch.tensor(weights["mean"]), torch.tensor(weights["scale"])
        self.nets = []
        for number in sorted({name.split(".")[0] for name in weights} - {"mean", "scale"}):
            prefix = f"{number}."
            state = {
                name.removeprefix(prefix): torch.tensor(value)
                for name, value in weights.items()
                if name.startswith(prefix)
            }
            hidden, features = state["each.0.weight"].shape
            net = RankerNet(features, hidden, dropout=0.0)
            net.load_state_dict(state)
            self.nets.append(net.eval())

    def __call__(self, features_BDF: Tensor, exists_BD: Tensor) -> Tensor:
        """[B, D + 1] log-probabilities, "none of these" last."""
        scaled = (features_BDF - self.mean) * self.scale
        logs = torch.stack([torch.log_softmax(net(scaled, exists_BD), dim=-1) for net in self.nets]).mean(0)
        return torch.log_softmax(logs, dim=-1)


def _train(
    net: RankerNet, inputs: Tensor, exists: Tensor, target: Tensor, weight: Tensor, settings: RankerSettings
) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    batches = -(-len(inputs) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs * batches)
    for _ in range(settings.epochs):
        for rows in torch.randperm(len(inputs)).split(settings.batch_size):
            logits = net(inputs[rows], exists[rows])
            loss = nn.functional.cross_entropy(logits, target[rows], reduction="none")
            optimizer.zero_grad()
            (loss * weight[rows]).mean().backward()
            optimizer.step()
            schedule.step()
