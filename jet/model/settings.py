"""The settings of the network, which every process reads: without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KEPT = 3
"""Sets that a prediction needs: the best one and two alternatives."""


@dataclass(kw_only=True)
class ModelSettings:
    """The network."""

    hidden: int = 128
    """H, the width of every vector in the network."""
    max_lines: int = 32
    """Longest entry that is learned, copied or written, in lines."""
    l2_norm: bool = True
    """Cosine pointer with a learned scale; off: plain dot products."""
    memory: Literal["texts", "labels", "none"] = "texts"
    """What the memory holds of the neighbors: their texts, or also what they were booked to (an ablation: the
    copy reads that in any case); none: no neighbors at all, and no copy."""
    neighbors: int = 12
    """How many of the similar entries are in the memory, beside the latest ones."""
    peers: int = 4
    """How many similar entries of other companies with the same standard chart."""
    copy_share: float = 0.88
    """Share of the copy in the mix where there are neighbors; 0: pointer only."""
    dropout: float = 0.3
    """On the entry vector and on the decoder's output; 0: no neighbor, entity or account is hidden either."""

    def __post_init__(self) -> None:
        if self.hidden < 1 or self.max_lines < 2:
            raise ValueError("model: hidden must be at least 1 and max_lines at least 2")
        if self.neighbors < 0 or self.peers < 0:
            raise ValueError("model: neighbors and peers must be at least 0")
        for name in ("copy_share", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"model.{name} must be at least 0 and below 1, got {getattr(self, name)}")
