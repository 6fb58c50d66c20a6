"""Products of vectors: a row's is the same at every place of a batch, with any kernels."""

import os
import subprocess
import sys

import numpy as np
import pytest

from jet.retrieval.products import products

CHECK = """
import numpy as np
from jet.retrieval.products import products
draw = np.random.default_rng(1)
for dimension, texts in ((512, 50), (384, 333), (16, 2000)):
    rows, others = (draw.standard_normal((size, dimension), dtype=np.float32) for size in (64, texts))
    there = products(rows, others)
    order = draw.permutation(64)
    assert np.array_equal(products(rows[order], others), there[order])
"""


def test_products_are_those_of_numpy():
    draw = np.random.default_rng(0)
    rows, others = (draw.standard_normal((size, 512), dtype=np.float32) for size in (64, 7))
    assert products(rows, others) == pytest.approx(rows @ others.T, abs=1e-3)


@pytest.mark.parametrize("kernels", [None, "Haswell", "Zen"])
def test_the_place_of_a_row_does_not_matter_with_any_kernels(kernels):
    others = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    environment = others | ({} if kernels is None else {"OPENBLAS_CORETYPE": kernels})
    subprocess.run([sys.executable, "-c", CHECK], check=True, env=environment)
