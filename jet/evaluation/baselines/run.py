"""A run of a baseline: its answers beside what they cost."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import pyarrow as pa
from numpy.typing import NDArray

from jet.evaluation.baselines.protocol import BaselinePredictions
from jet.evaluation.baselines.registry import Materials, make_baseline

if sys.platform != "win32":
    import resource


@dataclass(frozen=True)
class BaselineRun:
    """A baseline's answers and what they cost.

    Measured is the making of the baseline and its `predict`, learning included: neither the start of the
    process, nor its imports, nor the encoding of texts that it is given.
    """

    predictions: BaselinePredictions
    seconds: float
    """By the clock on the wall. Baselines that run beside each other stretch it on a crowded machine."""
    cpu_seconds: float
    """Of all of the process's threads, in user and system mode."""
    peak_mib: float | None
    """The process's largest resident memory (getrusage's ru_maxrss) less what that was at the start, with the
    libraries imported, MiB. Counts what it reads of a shared object store; 0 where it needed no more than the
    process had needed before. None on Windows, which has no such call."""


def run_baseline(name: str, entries: pa.Table, split: NDArray, materials: Materials) -> BaselineRun:
    """Answer the calibration and test rows of `entries` with the baseline `name`, in this process.

    Arguments and errors as of `make_baseline` and `Baseline.predict`.
    """
    peak_before, cpu, start = _peak_mib(), time.process_time(), time.perf_counter()
    predictions = make_baseline(name, materials).predict(entries, split)
    seconds, cpu_seconds, peak = time.perf_counter() - start, time.process_time() - cpu, _peak_mib()
    grown = None if peak is None or peak_before is None else peak - peak_before
    return BaselineRun(predictions, seconds, cpu_seconds, grown)


def _peak_mib() -> float | None:
    if sys.platform == "win32":
        return None
    in_mib = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / in_mib
