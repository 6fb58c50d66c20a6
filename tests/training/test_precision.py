"""bf16, which a training uses on a GPU that has it, decides as fp32 does but for what was a toss-up.

The same network under autocast, on the CPU: what is compared is arithmetic, not two trainings. (Predictions are
made in fp32 everywhere.)
"""

from __future__ import annotations

import made_up
import numpy as np
import pytest
import torch

from jet.books.tokens import set_key
from jet.model.decode import beam_search

LEAST_ALIKE = 0.99
"""The share of entries to which both give the same set of lines."""
LARGEST_GAP = 0.01
"""Between the probabilities that both give that set."""


@pytest.fixture(scope="module")
def answers(data, trained):
    """The best set of every entry and its log-probability, in fp32 and in bf16."""
    network = trained.inner.eval()
    batch = made_up.batch_of(data, np.arange(len(data.corpus.rows)))
    tables = made_up.tables(network, data)
    result = {}
    for name, bf16 in (("fp32", False), ("bf16", True)):
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            best = beam_search(network, network.encode(batch, tables), 4)
        result[name] = (set_key(best.tokens[:, 0].numpy()), best.log_probs[:, 0].float().numpy())
    return result


def test_nearly_all_answers_are_the_same(answers):
    (one, _), (other, _) = answers["fp32"], answers["bf16"]
    assert (one == other).mean() >= LEAST_ALIKE


def test_where_they_are_the_same_so_is_their_probability_but_for_little(answers):
    (one, sure), (other, other_sure) = answers["fp32"], answers["bf16"]
    same = one == other
    assert np.abs(np.exp(sure[same]) - np.exp(other_sure[same])).max() <= LARGEST_GAP
