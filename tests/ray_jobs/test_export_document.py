"""The example of docs/export.md runs as it stands there, and gives the files that it shows."""

from __future__ import annotations

import re
from pathlib import Path

from job_runs import ROOT, succeed
from test_job_export import answered, predicted

TEXT = (ROOT / "docs" / "export.md").read_text()
EXAMPLE = TEXT.partition("## An example")[2].partition("\n## ")[0]
STEP = re.compile(r"(?:^`([\w./-]+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def lines(said: str):
    """Lines spelled as in "6310 Rent D 1200.00", by semicolons; an amount may be left out."""
    for each in said.split("; "):
        code, name, side, amount = re.fullmatch(r"(\d+) (.+) ([DC])(?: ([\d.]+))?", each).groups()
        yield code, name, side, amount


def test_the_example_gives_what_it_shows(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rent = lines("6310 Rent D 1200.00; 1800 Bank C 1200.00")
    paper = lines("6815 Office supplies D 100.00; 1406 Input tax 19 % D 19.00; 1800 Bank C 119.00")
    invoice = lines("1200 Customers D; 4400 Sales C")
    rows = [
        answered("8", "auto", rent, "Acme"),
        answered("9", "review", paper, "Acme"),
        answered("10", "review", invoice, "Acme"),
    ]
    predicted(tmp_path / "booked", rows)
    steps = STEP.findall(EXAMPLE)
    assert [language for _, language, _ in steps].count("bash") == 2
    compared = []
    for name, language, content in steps:
        if language == "bash":
            [command] = content.splitlines()
            succeed(*command.split()[1:])
        elif "/" in name:
            assert Path(name).read_text() == content
            compared.append(name)
        else:
            Path(name).write_text(content)
    assert len(compared) == 4
