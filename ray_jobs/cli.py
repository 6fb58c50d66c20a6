"""The `jet` command: the jobs by name."""

from __future__ import annotations

import atexit
import importlib
import sys
from typing import TYPE_CHECKING, Any

from jet import __version__
from jet.extras import MissingExtra, require

if TYPE_CHECKING:
    from jsonargparse import Namespace

    from ray_jobs.runtime.settings import JobConfig

JOBS = {
    "demo": "run the pipeline on made-up books, and show what comes out",
    "pipeline": "ingest, neighbors, train, evaluate and predict, in one job",
    "ingest": "read ledger files of any known format into checked parquet",
    "neighbors": "find every entry's most similar earlier entries",
    "train": "train the model, calibrate it, and publish its bundle",
    "tune": "search a training's settings, above all its loss schedules",
    "predict": "predict the lines of new entries with a trained model",
    "review": "make a page on which a person confirms and corrects predictions",
    "export": "write predictions as bookings that other programs import",
    "learn": "add reviewed entries to a bundle without training, or take them back",
    "evaluate": "measure a bundle and the baselines on the newest entries, and report",
    "compare": "put two reports of the same entries side by side",
    "ablate": "measure what each part of the network earns",
    "finetune": "fine-tune the sentence encoder on booked entries",
    "clean": "show what killed runs left, and remove it",
    "demo-ledger": "write the books of made-up companies",
}

EXTRAS = {"tune": ("tune", "report"), **dict.fromkeys(("evaluate", "pipeline", "demo"), ("report",))}
"""The extras that a job needs, beside Ray's."""

USAGE = (
    "usage: jet JOB [options]; jet JOB --help lists a job's options\n\njobs:\n"
    + "\n".join(f"  {name:12} {what}" for name, what in JOBS.items())
    + "\n\non a cluster:\n  submit JOB   submit a job and follow it"
)


def main() -> None:
    """Run the job that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(USAGE)
        sys.exit(0)
    if name == "--version":
        print(f"jet {__version__}")
        sys.exit(0)
    if name not in (*JOBS, "submit"):
        from ray_jobs.runtime.nearest import meant

        near = meant(name, (*JOBS, "submit"))
        print(f"jet: error: there is no job {name!r}{near}\n{USAGE}", file=sys.stderr)
        sys.exit(2)
    module = name.replace("-", "_")
    options = None if name == "submit" else importlib.import_module(f"ray_jobs.options.{module}")
    try:
        require(f"jet {name}", *(("ray",) if getattr(options, "RAY", True) else ()), *EXTRAS.get(name, ()))
    except MissingExtra as error:
        print(f"jet: error: {error}", file=sys.stderr)
        sys.exit(2)
    if name == "submit":
        from ray_jobs import submit

        sys.exit(submit.main(list(JOBS), sys.argv[2:]))
    from ray_jobs.runtime import command as runtime
    from ray_jobs.runtime.ray_quirks.signals import end_on_ctrl_c

    def run(args: Namespace, config: JobConfig) -> dict[str, Any] | str:
        return importlib.import_module(f"ray_jobs.{module}").run(args, config)  # imports Ray and PyTorch

    status = runtime.main(name, options, run, sys.argv[2:])
    atexit.register(end_on_ctrl_c)  # runs before what Ray registered
    sys.exit(status)


if __name__ == "__main__":
    main()
