"""The settings of predictions, which every process reads: without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from jet.confidence.settings import METHODS, Method
from jet.model.settings import KEPT


@dataclass(kw_only=True)
class PredictSettings:
    """Decoding and decisions."""

    method: Method = "ranker"
    """ranker: the ranker, which asks the decoder where a company has nothing booked yet; decoder: the decoder
    alone, whose confidence is not calibrated, so that nothing is `auto`."""
    beams: int = 8
    """Beams of the decoder's search; the sets it finds join the candidates."""
    batch_size: int = 64
    """Entries predicted together."""
    promise: float = 0.95
    """Precision that entries with the decision `auto` shall have; the threshold comes from the calibration."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"predict.method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if self.beams < KEPT:
            raise ValueError(f"predict.beams must be at least {KEPT}, got {self.beams}")
        if self.batch_size < 1:
            raise ValueError(f"predict.batch_size must be at least 1, got {self.batch_size}")
        if not 0 < self.promise < 1:
            raise ValueError(f"predict.promise must be between 0 and 1, got {self.promise}")
