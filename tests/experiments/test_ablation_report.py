"""The table's figures, by answers whose differences are known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from jet.books.split import CALIBRATION, TEST
from jet.experiments.ablation.ablation import rows_named
from jet.experiments.ablation.report import SCORES, beyond_noise, markdown, summarized

ENTRIES = 60


def answers(row, right, seed=0, split="test", entity="a", source="north", first=0):
    n = len(right)
    columns = {
        "row": [row] * n,
        "seed": [seed] * n,
        "entity": [entity] * n,
        "entry_id": [f"{first + i:04}" for i in range(n)],
        "source": [source] * n,
        "split": [split] * n,
        "right": np.asarray(right, bool),
        "f1": np.asarray(right, float),
        "likelihood": pa.array(np.where(np.arange(n) == 0, np.nan, -2.0 + np.asarray(right)), from_pandas=True),
    }
    return pa.table(columns, schema=SCORES)


@pytest.fixture(scope="module")
def table():
    """Two seeds; in the north l2-off loses every third entry that the baseline has, in the south none."""
    there = np.arange(ENTRIES) % 10 != 0
    parts = []
    for split in ("calibration", "test"):
        for seed in (0, 1):
            for row, lost in (("baseline", False), ("l2-off", True)):
                right = there & ~(lost & (np.arange(ENTRIES) % 3 == 0))
                parts.append(answers(row, right, seed, split))
                parts.append(answers(row, there, seed, split, "b", "south"))
            parts.append(answers("random-split", there | True, seed, split, first=7))
    return pa.concat_tables(parts)


@pytest.fixture(scope="module")
def metrics(table):
    return summarized(table, rows_named(["l2-off", "random-split"]))


def test_means_and_differences_are_those_of_the_answers(metrics):
    base, off = (metrics[row]["test"]["north"]["right"] for row in ("baseline", "l2-off"))
    assert base["mean"] == pytest.approx(0.9)
    assert base["entries"] == ENTRIES
    assert off["difference"] == pytest.approx(off["mean"] - base["mean"])
    assert off["difference"] == pytest.approx(-18 / 60)
    assert off["low"] < off["difference"] < off["high"] < 0
    assert off["seeds"] == [off["mean"]] * 2
    assert "difference" not in base


def test_what_differs_nowhere_is_certain_to(metrics):
    south = metrics["l2-off"]["test"]["south"]["right"]
    assert (south["difference"], south["low"], south["high"]) == (0, 0, 0)


def test_together_is_all_sources(metrics):
    together = metrics["l2-off"]["test"]["together"]["right"]
    assert together["entries"] == 2 * ENTRIES
    assert together["difference"] == pytest.approx(-18 / 120)
    assert together["low"] < -18 / 120 < together["high"]


def test_entries_without_a_likelihood_count_in_exact_match_only(metrics):
    assert metrics["baseline"]["test"]["north"]["likelihood"]["entries"] == ENTRIES - 1


def test_other_entries_are_compared_as_a_whole(metrics):
    found = metrics["random-split"]["test"]["north"]["right"]
    assert found["mean"] == 1
    assert found["difference"] == pytest.approx(0.1)
    assert found["low"] < 0.1 < found["high"]


def test_a_paired_row_that_answered_other_entries_is_refused(table):
    stray = answers("no-retrieval", np.ones(ENTRIES), first=1)
    both = pa.concat_tables([table.filter(pa.compute.equal(table["seed"], 0)), stray])
    with pytest.raises(ValueError, match="no-retrieval and the baseline didn't predict the same entries"):
        summarized(both, rows_named(["no-retrieval"]))


def test_the_rows_beyond_noise_are_told(metrics):
    assert "baseline" not in beyond_noise(metrics, TEST)
    assert set(beyond_noise(metrics, CALIBRATION)) <= {"l2-off", "random-split"}


def test_the_table_has_a_line_for_each_row_and_marks_what_is_sure(metrics):
    text = markdown(metrics, [0, 1])
    assert "## Test split (together 120, north 60, south 60 entries)" in text
    assert "## Calibration split" in text
    lines = [line for line in text.splitlines() if line.startswith("| l2-off |")]
    assert len(lines) == 3
    assert "0.600<br>**-0.300** (" in lines[-1]
    assert "0.900<br>+0.000 (+0.000 to +0.000)" in lines[-1]


def test_one_source_alone_is_not_told_twice():
    table = pa.concat_tables([answers("baseline", [1, 0], split=split) for split in ("calibration", "test")])
    assert list(summarized(table, rows_named([]))["baseline"]["test"]) == ["north"]
