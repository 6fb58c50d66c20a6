from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.texts.normalize import mask_digits, normalize, normalize_all, stable_hash, stable_hashes


def test_normalize_folds_width_case_controls_and_whitespace() -> None:
    assert normalize(" Ｉnvoice\t No\u200b.\r\n 12\x00 STRASSE Straße ") == "invoice no. 12 strasse strasse"
    assert normalize("Ａ\u00a0Å") == normalize("a A\u030a")


@settings(deadline=None)
@given(st.text(max_size=12))
def test_normalize_is_idempotent(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_normalized_text_has_no_controls_and_no_outer_or_double_spaces(text: str) -> None:
    normal = normalize(text)
    assert normal == " ".join(normal.split())
    assert not any(ord(c) < 32 for c in normal)


def test_normalize_all_agrees_with_normalize_on_chunks() -> None:
    texts = ["B ", "a", "B ", ""]
    chunked = pa.chunked_array([texts[:1], texts[1:]], pa.string())
    assert normalize_all(chunked).to_pylist() == [normalize(text) for text in texts]


def test_masking_makes_numbers_alike_whatever_their_length() -> None:
    assert mask_digits("faktura 4711 av 3") == mask_digits("faktura 12 av 99") == "faktura 0 av 0"


def test_hashes_are_the_same_in_another_process() -> None:
    program = "from jet.texts.normalize import stable_hash; print(stable_hash('hyra åäö'))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(answer.stdout) == stable_hash("hyra åäö")
    assert stable_hash("a") == 1702698405120146464


def test_hashes_of_many_are_those_of_each() -> None:
    texts = ["x", "y", "x", ""]
    hashes = stable_hashes(pa.chunked_array([texts[:2], texts[2:]]))
    assert hashes.dtype == np.int64
    assert hashes.tolist() == [stable_hash(text) for text in texts]
    assert (hashes >= 0).all()
    assert stable_hashes([]).shape == (0,)


def test_a_null_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        stable_hashes(pa.array(["a", None]))
