"""The tutorial runs as it stands: each day up to the import, with what jet says of the two mistakes; all of it,
with a pipeline of minutes, in the nightly tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from job_runs import ROOT

TEXT = (ROOT / "docs" / "tutorial.md").read_text()
FIRST, TRAINING = "## 1. An export", "## 4. Train"
STEP = re.compile(r"(?:^`([\w./-]+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def follow(text: str, folder: Path) -> dict[str, str]:
    """Write the files that `text` names and run its commands, in their order; what was said by each block, and
    what it names as `said`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    said = {}
    for name, language, content in STEP.findall(text):
        if language == "bash":
            command = ["bash", "-e", "-c", content.replace("../examples", str(ROOT / "examples"))]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            said[content] = done.stdout
        elif name == "said":
            said["said"] = content
        elif name:
            (folder / name).write_text(content)
    return said


def test_the_import_says_of_the_mistakes_what_the_tutorial_shows(tmp_path: Path):
    begun = TEXT[TEXT.index(FIRST) : TEXT.index(TRAINING)]
    said = follow(begun, tmp_path)
    assert said["python rejected.py\n"] == said["said"]
    head = (tmp_path / "bookings.csv").read_text()
    shown = [content for name, language, content in STEP.findall(begun) if language == "text" and not name]
    assert head.startswith(shown[0])
    assert (tmp_path / "new.csv").read_text().startswith(shown[1])
    assert (
        '"entries": 581'
        in said["python mend.py\njet ingest --config jet.yaml --ledgers bookings.csv --output books-2\n"]
    )


@pytest.mark.nightly
@pytest.mark.timeout(1500)
def test_the_whole_tutorial_runs_as_it_stands(tmp_path: Path):
    follow(TEXT[TEXT.index(FIRST) :], tmp_path)
    [answer] = pq.read_table(next((tmp_path / "later" / "data").glob("part-*.parquet"))).to_pylist()
    assert {line["account"] for line in answer["lines"]} == {"2201", "7400", "1200"}
    assert "as reviewed in entry" in answer["reason"]
