"""Runs a baseline and measures its costs."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass

import pyarrow as pa
from numpy.typing import NDArray

from jet.evaluation.baselines.protocol import BaselinePredictions
from jet.evaluation.baselines.registry import Materials, make_baseline

_MAXRSS_IN_MIB = 2**20 if sys.platform == "darwin" else 2**10


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
    peak_mib: float
    """The growth of the process's peak resident memory (getrusage's ru_maxrss), MiB. Includes what it reads of
    a shared object store; 0 where the peak was higher before."""


def run_baseline(name: str, entries: pa.Table, split: NDArray, materials: Materials) -> BaselineRun:
    """Predict the calibration and test rows of `entries` with the baseline `name`, in this process.

    Arguments and errors are those of `make_baseline` and `Baseline.predict`.
    """
    peak, cpu, start = _peak_mib(), time.process_time(), time.perf_counter()
    predictions = make_baseline(name, materials).predict(entries, split)
    return BaselineRun(
        predictions,
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
        peak_mib=_peak_mib() - peak,
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_IN_MIB
