"""The settings of retrieval: similarity, the number of hits, and indexes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from jet.books.words import SOURCES
from jet.texts.names import MULTILINGUAL, Precision, check_precision


@dataclass(frozen=True, kw_only=True)
class RetrievalSettings:
    """Similarity, the number of hits, and indexes."""

    neighbors: int = 48
    """The most similar entries of the same entity that an entry has as neighbors (K)."""
    encoder: str = MULTILINGUAL
    """Sentence encoder: packaged-multilingual, packaged-minilm, a folder, a name on the hub, or "" for n-grams
    alone."""
    max_tokens: int = 64
    """Where the encoder cuts a text, a multiple of 8."""
    encoder_precision: Precision = "fp32"
    """The precision of a transformer: fp32, or bf16, which is faster where the hardware has it (GPUs, CPUs with
    AVX512-BF16 or AMX) and changes the direction of a vector by a degree. The packaged multilingual encoder has
    fp32 alone."""
    sentence_weight: float = 0.5
    """Weight of the sentence vectors' cosine."""
    ngram_weight: float = 0.5
    """Weight of the n-gram similarity."""
    journal_bonus: float = 0.1
    """Added where both entries have the same journal, and it is known."""
    same_masked_text_bonus: float = 0.05
    """Added where the texts differ in nothing but their digits."""
    other_currency_penalty: float = 0.1
    """Taken off where both currencies are known and differ, and half of it where that of the earlier entry
    isn't known; nothing where that of the new one isn't."""
    other_direction_penalty: float = 0.3
    """Taken off where the directions of the money are opposite, and half of it where that of the earlier entry
    isn't known; nothing where that of the new one isn't."""
    recency_bonus: float = 0.01
    """Added times exp(-age in days / 365)."""
    latest: int = 4
    """The entity's newest earlier entries, whatever their text, that are neighbors too: who paid last week
    often pays this week."""
    peers: int = 12
    """The most similar entries of other companies with the same standard chart are neighbors too (see
    `jet.retrieval.peers`)."""
    peers_below: int = 500
    """Only entries whose entity had booked fewer than this get peers."""
    exact_below: int = 100_000
    """An entity (or a family) with more distinct texts than this is searched by ScaNN, where it has more than
    twice `block_rows` strictly earlier rows; all else is searched exactly."""
    block_rows: int = 65_536
    """Rows of an entity that make a block of exact search; at most 1,048,576, which bounds the memory of a
    search."""
    recall: float = 0.99
    """The share of the exact hits that ScaNN is to find: its effort is chosen for that, on a sample."""

    def __post_init__(self) -> None:
        for name in ("neighbors", "exact_below", "block_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"retrieval.{name} is {getattr(self, name)}, must be at least 1")
        for name in ("latest", "peers", "peers_below"):
            if getattr(self, name) < 0:
                raise ValueError(f"retrieval.{name} is {getattr(self, name)}, must be at least 0")
        if not 0 < self.recall <= 1:
            raise ValueError(f"retrieval.recall is {self.recall}, must be above 0 and at most 1")
        for name in (
            "sentence_weight",
            "ngram_weight",
            "journal_bonus",
            "same_masked_text_bonus",
            "other_currency_penalty",
            "other_direction_penalty",
            "recency_bonus",
        ):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"retrieval.{name} is {getattr(self, name)}, must be between 0 and 100")
        if self.sentence_weight + self.ngram_weight == 0:
            raise ValueError("retrieval.sentence_weight and ngram_weight are both 0: nothing would be similar")
        if self.block_rows > 1 << 20:
            raise ValueError(f"retrieval.block_rows is {self.block_rows}, must be at most {1 << 20}")
        check_precision(self.encoder, self.encoder_precision)
        if self.max_tokens < 8 or self.max_tokens % 8:
            raise ValueError(f"retrieval.max_tokens is {self.max_tokens}, must be a positive multiple of 8")


def source_widths(settings: RetrievalSettings) -> dict[str, int]:
    """How many columns of `Retriever.hits` each of SOURCES has, in their order."""
    return dict(zip(SOURCES, (settings.neighbors, settings.latest, settings.peers), strict=True))


def source_starts(settings: RetrievalSettings) -> dict[str, int]:
    """The first column of `Retriever.hits` that each of SOURCES has."""
    return dict(zip(SOURCES, accumulate(source_widths(settings).values(), initial=0), strict=False))
