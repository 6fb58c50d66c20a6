"""Coverage-guided fuzzing of the targets, by atheris (libFuzzer): `make fuzz`, or

    python tests/fuzzing/run.py TARGET … --seconds 60

The corpus begins with small files that `fuzz_targets.seeds` makes, and is gone afterwards unless `--corpus`
names a folder to keep it in. An input that takes longer than `--timeout` seconds or more than `--memory` MB is
a finding, as is an exception that is no refusal: it is written to `--findings`, and the status is 1. To run
one finding again: `--again FILE`.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2])]


def main() -> int:
    """Fuzz each target in a process of its own, since libFuzzer ends the one that it is in."""
    names = ["sie", "jsonl", "ledger", "csv", "parquet", "any", "config", "manifest", "bundle"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(names)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--timeout", type=int, default=10, help="seconds that one input may take")
    parser.add_argument("--memory", type=int, default=2048, help="MB that a process may take")
    parser.add_argument("--longest", type=int, default=16_384, help="bytes of an input")
    parser.add_argument("--corpus", type=Path, help="a folder to begin with and to keep the corpus in")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--again", type=Path, help="run one target on this file alone")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args, flags = parser.parse_known_args()
    if unknown := set(args.targets) - set(names):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if args.child:
        fuzz(args.targets[0], flags)
    failed = False
    for target in args.targets or names:
        failed |= bool(started(target, args))
    return int(failed)


def started(target: str, args: argparse.Namespace) -> int:
    """Fuzz one target; says what came of it, and returns the exit status."""
    import fuzz_targets

    args.findings.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as kept:
        if args.corpus is None:
            corpus = Path(kept.enter_context(tempfile.TemporaryDirectory()))
        else:
            corpus = args.corpus / target
            corpus.mkdir(parents=True, exist_ok=True)
        words = Path(kept.enter_context(tempfile.TemporaryDirectory())) / "words"
        words.write_text(dictionary(target))
        for number, seed in enumerate(fuzz_targets.seeds(target)):
            (corpus / f"seed-{number}").write_bytes(seed)
        command = [
            *(sys.executable, str(HERE), "--child", target),
            *(f"-max_total_time={args.seconds}", f"-timeout={args.timeout}", f"-rss_limit_mb={args.memory}"),
            *(f"-max_len={args.longest}", f"-dict={words}", f"-artifact_prefix={args.findings}/{target}-"),
            *("-print_final_stats=1", "-verbosity=1", str(args.again or corpus)),
        ]
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        found = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
        covered = re.findall(r"cov: (\d+)", done.stderr)
        print(
            f"{target}: {found[1] if found else '?'} executions in {time.monotonic() - start:.0f} s, "
            f"{covered[-1] if covered else '?'} edges covered, "
            f"{'nothing found' if done.returncode == 0 else f'FOUND in {args.findings}'}",
            flush=True,
        )
        if done.returncode:
            print(done.stdout[-4000:], *re.findall(r"==.*|SUMMARY.*|artifact_prefix.*", done.stderr), sep="\n")
    return done.returncode


def fuzz(target: str, flags: list[str]) -> None:
    """Fuzz in this process, with libFuzzer's own flags. Doesn't return."""
    import atheris

    with atheris.instrument_imports(include=["jet", "ray_jobs.runtime"], enable_loader_override=False):
        import fuzz_targets
    atheris.Setup([sys.argv[0], *flags], fuzz_targets.TARGETS[target])
    atheris.Fuzz()


def dictionary(target: str) -> str:
    """The words of a target, as libFuzzer takes them."""
    import fuzz_targets

    words = {
        word[:60].encode("utf-8", "surrogatepass")
        for word in (*fuzz_targets.TOKENS[target], *fuzz_targets.WORDS)
    }
    lines = ["".join(f"\\x{byte:02x}" for byte in word) for word in sorted(words) if word]
    return "".join(f'"{line}"\n' for line in lines)


if __name__ == "__main__":
    sys.exit(main())
