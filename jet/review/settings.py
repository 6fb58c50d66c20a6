"""The settings of a review, which every process reads: without pyarrow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class ReviewSettings:
    """What comes before a person."""

    audit: float = 0.02
    """Share of the entries with the decision `auto` that are mixed in, by chance, and marked as such: what
    people say of them shows whether the promise is kept. 0: none."""

    def __post_init__(self) -> None:
        if not 0 <= self.audit <= 1:
            raise ValueError(f"review.audit must be a share from 0 to 1, got {self.audit}")
