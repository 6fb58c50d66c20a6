"""jet reads journals as ledger and hledger do: generated ones, and those of ../shared.

What the tools refuse, jet refuses; what they read, jet reads with the same sums, or refuses with a reason.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import beancounts
import pytest
from comparison import by_jet, difference
from differential import differences
from journals import journal
from kinds import KINDS, OPEN
from tools import TOOLS, version

HERE = Path(__file__).parent
SHARED = HERE.parents[2].parent / "shared"
COUNTS = [200, pytest.param(2000, marks=[pytest.mark.nightly, pytest.mark.timeout(1800)])]
MISSING = [tool for tool in TOOLS if not version(tool)]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian's packages ledger and hledger)"
)


def ledgers():
    """The main ledgers of ../shared: those in folders of their own are included by another, or one book's."""
    found = [path for folder in ("data", "cases") for path in (SHARED / folder).rglob("*")]
    return sorted(path for path in found if path.suffix in (".ledger", ".journal"))


@pytest.mark.shared
@pytest.mark.skipif(not ledgers(), reason="there are no real ledgers in ../shared")
@pytest.mark.parametrize("path", ledgers(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_real_ledger_is_read_as_by_each_tool_and_by_the_one_that_is_guessed(path):
    found = differences(path)
    assert not found, "\n".join([*map(str, found), version("ledger"), version("hledger")])


def test_a_seed_gives_the_same_journal_every_time():
    assert [str(journal(seed)) for seed in range(50)] == [str(journal(seed)) for seed in range(50)]
    assert len({str(journal(seed)) for seed in range(50)}) == 50


@pytest.mark.parametrize("count", COUNTS)
def test_generated_journals_are_read_as_by_the_tools_themselves(count):
    command = [sys.executable, str(HERE / "differential.py"), "--count", str(count), "--most", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not beancounts.version(), reason="not installed: beancount (the extra `dev` has it)")
@pytest.mark.parametrize("dialect", TOOLS)
def test_books_said_as_a_journal_and_for_beancount_have_the_same_sums(dialect, tmp_path):
    """Both read them, or both refuse them."""
    paths = [tmp_path / f"{seed}.beancount" for seed in range(500)]
    for seed, path in enumerate(paths):
        books = beancounts.twofold(seed)
        path.write_text(books.beancount())
        path.with_suffix(".journal").write_text(books.journal())
    theirs = beancounts.by_beancount(paths)
    assert len(theirs) == len(paths)
    assert 10 < sum(bool(reading.refusal) for reading in theirs) < 150
    for path, reading in zip(paths, theirs, strict=True):
        ours = by_jet(path.with_suffix(".journal"), dialect)
        unlike = difference("beancount", reading, replace(ours, texts=reading.texts))
        assert unlike is None, f"{unlike}; by beancount {beancounts.version()}\n{path.read_text()}"


def kinds():
    """All of them; one that is known to be open fails here once it is none any more."""
    return [
        pytest.param(kind, marks=[pytest.mark.xfail(reason=OPEN[kind], strict=True)] if kind in OPEN else [])
        for kind in KINDS
    ]


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_of_difference_that_was_found_is_none_any_more(kind, tmp_path):
    path = tmp_path / "main.journal"
    path.write_text(KINDS[kind])
    found = differences(path)
    assert not found, "\n".join([KINDS[kind], *map(str, found), version("ledger"), version("hledger")])
