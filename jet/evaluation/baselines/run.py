"""Runs a baseline and measures its costs."""

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
    """A baseline's predictions and their costs.

    Costs are of making the baseline and of its `predict`, training included, without the start of the process,
    its imports, and the encoding of texts.
    """

    predictions: BaselinePredictions
    seconds: float
    """Wall-clock time; longer where several baselines share a busy machine."""
    cpu_seconds: float
    """CPU time of all threads of the process, in user and system mode."""
    peak_mib: float | None
    """The growth of the process's peak resident memory (getrusage's ru_maxrss), MiB. Includes what it reads of
    a shared object store; 0 where the peak was higher before. None on Windows, which has no such call."""


def run_baseline(name: str, entries: pa.Table, split: NDArray, materials: Materials) -> BaselineRun:
    """Predict the calibration and test rows of `entries` with the baseline `name`, in this process.

    Arguments and errors are those of `make_baseline` and `Baseline.predict`.
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
