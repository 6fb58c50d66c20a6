"""The settings of the set ranker, which every process reads: without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from jet.model.settings import KEPT


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
    epochs: int = 7
    """Passes over the training rows, which have each entry twice: with and without its total."""
    batch_size: int = 128
    """Entries a step."""
    learning_rate: float = 3e-3
    """AdamW's peak learning rate; it falls to 0 along a cosine."""
    weight_decay: float = 0.02
    """AdamW's weight decay."""
    entity_power: float = 0.3
    """Each row of an entity with n rows has weight n^-entity_power."""
    rows: int = 30_000
    """The most entries to train on: the newest of each entity."""
    prior: str = "packaged"
    """The ranker that has a say beside the trained one: packaged (it comes with jet, see
    `jet.ranking.pretrained`), a file with another one, or "" for none."""
    prior_rows: int = 600
    """How many training rows the prior counts as, an entry being two. With n rows of its own, the trained
    ranker has n / (n + prior_rows) of the probability."""

    def __post_init__(self) -> None:
        for name in ("hidden", "nets", "epochs", "batch_size", "rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"ranker.{name} must be at least 1, got {getattr(self, name)}")
        if self.candidates < KEPT:
            raise ValueError(f"ranker.candidates must be at least {KEPT}, got {self.candidates}")
        if self.prior_rows < 0:
            raise ValueError(f"ranker.prior_rows must be at least 0, got {self.prior_rows}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"ranker.dropout must be at least 0 and below 1, got {self.dropout}")
