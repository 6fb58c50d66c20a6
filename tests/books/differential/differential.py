"""Generated journals read by jet and by the tools themselves: `make differential COUNT=2000`, or

    python tests/books/differential/differential.py --count 2000 --from 0

Each difference is printed with its seed and the smallest journal that shows it, and makes the status 1.
`--seed 17` looks at one journal alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[3])]

from comparison import Difference, by_design, by_jet, difference  # noqa: E402
from journals import Journal, journal  # noqa: E402
from shrinking import shrunk  # noqa: E402
from tools import TOOLS, version  # noqa: E402

CHUNK = 50
"""Journals that a process takes at once."""
MOST_SHOWN = 20
"""Differences that are made small, which takes some seconds each."""


@dataclass
class Tally:
    """What came of some journals."""

    outcomes: Counter[str] = field(default_factory=Counter)
    found: list[tuple[int, Difference]] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        """Add another's."""
        self.outcomes += other.outcomes
        self.found += other.found
        return self


def differences(path: Path, outcomes: Counter[str] | None = None) -> list[Difference]:
    """All differences between jet and the tools over one journal."""
    found = []
    theirs = {}
    for tool, read in TOOLS.items():
        theirs[tool] = read(path)
        ours = by_jet(path, tool)
        if outcomes is not None:
            outcomes[f"{tool} {'refuses' if theirs[tool].refusal else 'reads'}"] += 1
            if not theirs[tool].refusal and (reason := by_design(ours.refusal)):
                outcomes[f"{tool} reads, jet refuses by design: {reason}"] += 1
        if (unlike := difference(tool, theirs[tool], ours)) is not None:
            found.append(unlike)
    guessed = by_jet(path, "auto")
    tool = guessed.dialect or "ledger"
    if (unlike := difference(tool, theirs[tool], guessed)) is not None:
        found.append(Difference(f"guessed: {unlike.kind}", unlike.tool, unlike.said))
    return found


def examined(seeds: range) -> Tally:
    """The differences over the journals of some seeds."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        for seed in seeds:
            path = journal(seed).write(Path(scratch) / str(seed))
            tally.found += [(seed, found) for found in differences(path, tally.outcomes)]
    return tally


def smallest(seed: int, found: Difference) -> Journal:
    """The smallest journal that shows the same kind of difference from the same tool."""

    def shows(candidate: Journal) -> bool:
        with tempfile.TemporaryDirectory() as scratch:
            unlike = differences(candidate.write(Path(scratch)))
        return any(one.is_like(found) for one in unlike)

    return shrunk(journal(seed), shows)


def run(count: int, start: int = 0, processes: int | None = None) -> Tally:
    """The differences over so many journals, found by several processes."""
    chunks = [range(at, min(at + CHUNK, start + count)) for at in range(start, start + count, CHUNK)]
    tally = Tally()
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        for one in pool.map(examined, chunks):
            tally += one
    return tally


def report(tally: Tally, most: int) -> Iterator[str]:
    """Lines for people: of each kind of difference the first few, made small."""
    kinds: Counter[tuple[str, str]] = Counter()
    causes: list[Difference] = []
    shown = 0
    for seed, found in tally.found:
        kinds[found.kind, found.tool] += 1
        causes.append(found)
        if shown < MOST_SHOWN and sum(map(found.is_like, causes)) <= most:
            shown += 1
            small = smallest(seed, found)
            yield f"\nseed {seed}: {found}\n{small}"
            with tempfile.TemporaryDirectory() as scratch:
                path = small.write(Path(scratch))
                yield from (f"  of the journal made small: {one}" for one in differences(path))
    for (kind, tool), number in kinds.most_common():
        yield f"{number} x {kind} ({tool})"


def main() -> int:
    """Compare; says what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--count", type=int, default=2000, help="how many journals")
    parser.add_argument("--from", type=int, default=0, dest="start", help="the first one's seed")
    parser.add_argument("--seed", type=int, help="one journal alone")
    parser.add_argument("--most", type=int, default=3, help="differences of a kind that are shown, made small")
    parser.add_argument("--processes", type=int)
    args = parser.parse_args()
    if missing := [tool for tool in TOOLS if not version(tool)]:
        parser.error(f"not installed: {', '.join(missing)} (Debian's packages ledger and hledger)")
    begun = time.monotonic()
    if args.seed is not None:
        print(journal(args.seed))
        tally = examined(range(args.seed, args.seed + 1))
    else:
        tally = run(args.count, args.start, args.processes)
    for line in report(tally, args.most):
        print(line, flush=True)
    for what, number in sorted(tally.outcomes.items()):
        print(f"{number} x {what}")
    print(f"{len(tally.found)} differences from {version('ledger')} and {version('hledger')}")
    print(f"in {time.monotonic() - begun:.0f} s")
    return int(bool(tally.found))


if __name__ == "__main__":
    sys.exit(main())
