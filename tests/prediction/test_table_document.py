"""What docs/tables.md shows runs as it stands there, on tables as jet writes them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import made_up
import nights
import pyarrow as pa
import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "tables.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """With a table of each format, of two nights with the same entries, one of them automated in the second."""
    rows = nights.of(["Acme AB", "Birch"])
    later = pa.Table.from_pylist(
        [row | {"decision": "auto" if row["entry_id"] == "2" else "review"} for row in rows.to_pylist()],
        schema=made_up.PREDICTIONS,
    )
    for name, night in (("2026-11-29", rows), ("2026-11-30", later)):
        made = nights.night(tmp_path / "out" / name, night, entries=name)
        nights.add(made, tmp_path / "predictions", partition="company", night=name)
        nights.add(made, tmp_path / "predictions-delta", format="delta", partition="company", night=name)
    return tmp_path


def test_the_examples_are_there():
    assert len(BLOCKS) == 3


@pytest.mark.parametrize(("block", "said"), [(0, "Acme AB"), (1, "2.1"), (2, "(12,)")])
def test_an_example_runs_as_it_stands(folder, block, said):
    command = [sys.executable, "-c", BLOCKS[block]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert "Birch" not in done.stdout


def test_the_example_reads_what_jet_predict_wrote(folder):
    output = folder / "out" / "2026-11-30"
    command = [sys.executable, ROOT / "examples" / "duckdb_predictions.py", output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[D 5010]" in done.stdout
    assert "│ auto     │       1 │" in done.stdout
