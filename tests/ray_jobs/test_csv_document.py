"""The example of docs/csv.md runs as it stands there, and gives the config that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from job_runs import ROOT, read, run_job

EXAMPLE = (ROOT / "docs" / "csv.md").read_text().partition("## An example")[2].partition("\n## ")[0]
STEP = re.compile(r"(?:^`([\w./-]+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_example_gives_what_it_shows(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = ""
    for name, language, content in STEP.findall(EXAMPLE):
        if language == "bash":
            done = run_job(*shlex.split(content)[1:])
            assert done.status == 0, done.err
            out = done.out
        elif language == "yaml":
            assert out.strip() == content.strip()
            Path(name).write_text(content)
        else:
            Path(name).write_text(content)
    entries = read(tmp_path / "books")
    assert entries["entity"].to_pylist() == ["Acme AB", "Acme AB"]
    assert [str(day) for day in entries["date"].to_pylist()] == ["2025-01-31", "2025-02-03"]
