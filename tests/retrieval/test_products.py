"""Products of vectors: a row's is the same at every place of every batch, with any kernels."""

import os
import subprocess
import sys

import numpy as np
import pytest

from jet.retrieval.products import gram_matrices, products

CHECK = """
import hashlib
import numpy as np
from jet.retrieval.products import gram_matrices, products
draw = np.random.default_rng(1)
sizes = [(dimension, texts) for dimension in (8, 33, 512) for texts in range(1, 20)]
sizes += [(512, 50), (384, 333), (16, 2000)]
for dimension, texts in sizes:
    rows, others = (draw.standard_normal((size, dimension), dtype=np.float32) for size in (64, texts))
    rows.flags.writeable = others.flags.writeable = False  # as in shared memory
    there = products(rows, others)
    order = draw.permutation(64)
    assert np.array_equal(products(rows[order], others), there[order]), (dimension, texts)
    by_column = np.asfortranarray(others)  # as the exact search has them
    there = products(rows, by_column)
    for few in (1, 2, 3, 17, 40):
        assert np.array_equal(products(rows[order[:few]], others), there[order[:few]]), (few, dimension, texts)
    assert np.array_equal(products(rows[order], by_column), there[order]), (dimension, texts)
for size in (1, 7, 8, 16, 24, 68):
    sets = draw.standard_normal((9, size, 512), dtype=np.float32)
    together = gram_matrices(sets)
    for number in range(9):
        assert np.array_equal(gram_matrices(sets[[number]])[0], together[number]), size
print(hashlib.sha256(products(rows, others).tobytes() + gram_matrices(sets).tobytes()).hexdigest())
"""


def test_products_are_those_of_numpy():
    draw = np.random.default_rng(0)
    rows, others = (draw.standard_normal((size, 512), dtype=np.float32) for size in (64, 7))
    assert products(rows, others) == pytest.approx(rows @ others.T, abs=1e-3)
    sets = rows.reshape(8, 8, 512)
    assert gram_matrices(sets) == pytest.approx(sets @ sets.transpose(0, 2, 1), abs=1e-3)


@pytest.mark.parametrize("kernels", [None, "AVX2", "SSE4_2"])
def test_neither_place_nor_size_nor_threads_matter_with_any_kernels(kernels):
    """Torch multiplies by MKL, which has kernels for each generation of processors."""
    environment = os.environ | ({} if kernels is None else {"MKL_ENABLE_INSTRUCTIONS": kernels})
    said = set()
    for threads in ("1", "2"):
        environment |= {"MKL_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHECK], check=True, env=environment, stdout=subprocess.PIPE
        )
        said.add(done.stdout)
    assert len(said) == 1
