"""`jet ingest`: ledger files of any known format into checked parquet.

What fails a rule goes to `rejected/` with file, line, rule and message; the rest goes on
(`ray_jobs.spread.importing`). What was guessed of tables is written beside the output as configs, which can be
corrected and given by `--config`. With `--check` nothing is written: all that is wrong is said, by this process
alone, and standard output has a config.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jsonargparse

from ray_jobs.options import ingest as options
from ray_jobs.runtime.command import NotRight, main
from ray_jobs.runtime.configs import written_config
from ray_jobs.runtime.settings import JobConfig

log = logging.getLogger("jet.ingest")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any] | str:
    """Import `args.ledgers` into an artifact at `args.output`, or check them."""
    if args.check:
        return _check(args.ledgers, config)
    if not args.output:
        raise ValueError("--output is missing: name a folder to write, or give --check to write none")
    from ray_jobs.spread.importing import import_ledgers  # imports Ray, which a check does without

    done = import_ledgers(args.ledgers, args.output, config)
    guesses = done.facts.get("guesses", {})
    configs = {"configs": _write_configs(guesses, args.output)} if guesses else {}
    return {"output": args.output, **done.rows, "rules": done.facts["rules"], **configs}


def _write_configs(guesses: Mapping[str, Sequence[str]], output: str) -> list[str]:
    """Write each guess as a config beside the output; returns their names."""
    from jet.artifacts.storage import resolve, write_whole

    names = []
    for number, (guess, files) in enumerate(guesses.items(), 1):
        name = f"{output.rstrip('/')}.guess{f'-{number}' if len(guesses) > 1 else ''}.yaml"
        write_whole(*resolve(name), written_config(guess, files).encode())
        log.info("%s has what was guessed of %d files: correct it, and give it by --config", name, len(files))
        names.append(name)
    return names


def _check(ledgers: Sequence[str], config: JobConfig) -> str:
    """Say what is wrong with files; returns a config for them. Raises NotRight where something is wrong."""
    from jet.books.checking import check

    checked = check(ledgers, config.ingest)
    for line in checked.said():
        log.info(line)
    for line in checked.wrong():
        log.warning(line)
    text = "\n".join(written_config(guess, files) for guess, files in checked.configs.items())
    if wrong := len(checked.unreadable) + len(checked.rejected):
        raise NotRight(
            f"{wrong} things are wrong with these files, see above; correct them, or the config", text
        )
    return text.rstrip() or "# nothing is to be set: these files say all themselves"


if __name__ == "__main__":
    sys.exit(main("ingest", options, run))
