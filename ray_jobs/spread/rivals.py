"""The baselines as rivals: each in a process of its own, with what it costs beside its answers.

A process that has served another rival would have its memory and its caches, and the figures would depend on
the order. So none is ever used twice.
"""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import ray
from numpy.typing import NDArray

from jet.evaluation.baselines import BaselinePredictions, Materials, make_baseline

log = logging.getLogger("jet.rivals")

_MAXRSS_IN_MIB = 2**20 if sys.platform == "darwin" else 2**10


@dataclass(frozen=True)
class RivalRun:
    """A rival's answers and what they cost.

    Measured is the making of the baseline and its `predict`, learning included: neither the start of the
    process, nor its imports, nor the encoding of texts that it is given.
    """

    predictions: BaselinePredictions
    seconds: float
    """By the clock on the wall. Rivals run beside each other, so a crowded machine stretches it."""
    cpu_seconds: float
    """Of all of the process's threads, in user and system mode."""
    peak_mib: float
    """The process's largest resident memory (getrusage's ru_maxrss) less what that was at the start, with the
    libraries imported, MiB. Counts what it reads of the shared object store; 0 where it needed no more than the
    imports had."""


def run_rivals(
    names: Sequence[str], entries: pa.Table, split: NDArray, materials: Materials
) -> dict[str, RivalRun]:
    """Answer the calibration and test rows of `entries` with each of the baselines `names`, on Ray.

    Arguments as of `Baseline.predict` and `make_baseline`; Ray must be connected. Each rival has one CPU.
    Raises RuntimeError, which names the rival, as soon as one fails. Raises
    ValueError where a name is not known or the materials lack what it needs.
    """
    for name in names:
        make_baseline(name, materials)
    shared = ray.put((entries, split, materials))
    running = {name: _start(name, shared) for name in dict.fromkeys(names)}
    runs: dict[str, RivalRun] = {}
    for name, reference in running.items():
        try:
            runs[name] = ray.get(reference)
        except ray.exceptions.RayError as error:
            # The others aren't canceled: that can crash Ray (ray-project/ray#54785), and they end with the job.
            raise RuntimeError(f"the rival {name!r} failed: {error}") from error
        log.info("rival %s: %.1f s, %.0f MiB", name, runs[name].seconds, runs[name].peak_mib)
    return runs


def _start(name: str, shared: ray.ObjectRef) -> ray.ObjectRef:
    # Ray gives a task an idle process, if it has one of the same environment. Nobody else has this one.
    environment = {"JET_RIVAL": name, "OMP_NUM_THREADS": "1"}
    return _measured.options(name=f"rival {name}", runtime_env={"env_vars": environment}).remote(name, shared)


@ray.remote(
    num_cpus=1, max_calls=1, max_retries=0
)  # without a memory's worth of retries where there is too little
def _measured(name: str, shared: tuple[pa.Table, NDArray, Materials]) -> RivalRun:
    """One rival, measured; the process ends after it."""
    entries, split, materials = shared
    peak, cpu, start = _peak_mib(), time.process_time(), time.perf_counter()
    predictions = make_baseline(name, materials).predict(entries, split)
    return RivalRun(
        predictions,
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
        peak_mib=_peak_mib() - peak,
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_IN_MIB
