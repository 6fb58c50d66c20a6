"""Coverage-guided fuzzing of the targets, by atheris (libFuzzer): `make fuzz`, or

    python tests/fuzzing/run.py TARGET … --seconds 60

The corpus begins with small files that `fuzz_targets.seeds` makes, and is gone afterwards unless `--corpus`
names a folder to keep it in. An input that takes longer than `--timeout` seconds or more than `--memory` MB is
a finding, as is an exception that is no refusal: it is written to `--findings`, and the status is 1. To run
one finding again: `--again FILE`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
CHILD = "--child"
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2])]


TARGETS = [
    *("sie", "fec", "datev", "auditfile", "camt", "mt940", "ofx", "gnucash", "jsonl", "ledger"),
    *("csv", "xlsx", "sheet", "parquet"),
]
TARGETS += ["any", "config", "manifest", "bundle"]


def main() -> int:
    """Fuzz each target in a process of its own, since libFuzzer ends the one that it is in."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--timeout", type=int, default=10, help="seconds that one input may take")
    parser.add_argument("--memory", type=int, default=2048, help="MB that a process may take")
    parser.add_argument("--longest", type=int, default=16_384, help="bytes of an input")
    parser.add_argument("--corpus", type=Path, help="a folder to begin with and to keep the corpus in")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--again", type=Path, help="run one target on this file alone")
    args = parser.parse_args()
    if unknown := set(args.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    statuses = [started(target, args) for target in args.targets or TARGETS]
    return int(any(statuses))


def started(target: str, args: argparse.Namespace) -> int:
    """Fuzz one target; says what came of it, and returns the exit status."""
    args.findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch) / "corpus" if args.corpus is None else args.corpus / target
        corpus.mkdir(parents=True, exist_ok=True)
        words = Path(scratch) / "words"
        command = [
            *(sys.executable, str(HERE), CHILD, target, str(corpus), str(words)),
            *(f"-max_total_time={args.seconds}", f"-timeout={args.timeout}", f"-rss_limit_mb={args.memory}"),
            *(f"-max_len={args.longest}", f"-dict={words}", f"-artifact_prefix={args.findings}/{target}-"),
            *("-print_final_stats=1", str(args.again or corpus)),
        ]
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    executions = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    print(
        f"{target}: {executions[1] if executions else '?'} executions in {time.monotonic() - start:.0f} s, "
        f"{covered[-1] if covered else '?'} edges covered, "
        f"{f'FOUND, see {args.findings}' if done.returncode else 'nothing found'}",
        flush=True,
    )
    if done.returncode:
        kept = re.findall(r"^(?:==.*|SUMMARY.*|artifact_prefix.*|\w*Error.*)$", done.stderr, re.MULTILINE)
        print(done.stdout[-4000:], *kept, sep="\n", flush=True)
    return done.returncode


def fuzz(target: str, corpus: Path, words: Path, flags: list[str]) -> None:
    """Fuzz in this process, with libFuzzer's own flags. Doesn't return."""
    import atheris

    with atheris.instrument_imports(include=["jet", "ray_jobs.runtime"], enable_loader_override=False):
        import fuzz_targets
    for number, seed in enumerate(fuzz_targets.seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    tokens = {token[:60] for token in (*fuzz_targets.TOKENS[target], *fuzz_targets.WORDS) if token}
    lines = ["".join(f"\\x{byte:02x}" for byte in token.encode()) for token in sorted(tokens)]
    words.write_text("".join(f'"{line}"\n' for line in lines))
    atheris.Setup([sys.argv[0], *flags], fuzz_targets.TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        fuzz(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:])
    sys.exit(main())
