"""Runs baselines on a cluster, each in a process of its own, and measures their costs.

A process that has run another baseline would keep its memory and its caches, and the costs would depend on the
order. So no process is used twice.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import pyarrow as pa
import ray
from numpy.typing import NDArray

from jet.evaluation.baselines import BaselineRun, Materials, make_baseline, run_baseline

log = logging.getLogger("jet.baselines")


def run_baselines(
    names: Sequence[str], entries: pa.Table, split: NDArray, materials: Materials
) -> dict[str, BaselineRun]:
    """Predict the calibration and test rows of `entries` with each of the baselines `names`, on Ray.

    The arguments are those of `run_baseline`; Ray must be connected. Each baseline has one CPU. Raises
    `RuntimeError`, which names the baseline, as soon as one fails; `ValueError` where a name is unknown or the
    materials lack what a baseline needs.
    """
    for name in names:
        make_baseline(name, materials)
    shared = ray.put((entries, split, materials))
    running = {name: _start(name, shared) for name in dict.fromkeys(names)}
    runs: dict[str, BaselineRun] = {}
    for name, reference in running.items():
        try:
            runs[name] = ray.get(reference)
        except ray.exceptions.RayError as error:
            # The others aren't canceled: that can crash Ray (ray-project/ray#54785), and they end with the job.
            raise RuntimeError(f"the baseline {name!r} failed: {error}") from error
        seconds, peak = runs[name].seconds, runs[name].peak_mib
        log.info("baseline %s: %.1f s, %.0f MiB", name, seconds, math.nan if peak is None else peak)
    return runs


def _start(name: str, shared: ray.ObjectRef) -> ray.ObjectRef:
    # Ray reuses idle processes of the same environment. No other task has this one.
    environment = {"JET_BASELINE": name, "OMP_NUM_THREADS": "1"}
    options = {"name": f"baseline {name}", "runtime_env": {"env_vars": environment}}
    return _run.options(**options).remote(name, shared)


# A process serves one call. No retries: where memory is short, a retry takes it from the others.
@ray.remote(num_cpus=1, max_calls=1, max_retries=0)
def _run(name: str, shared: tuple[pa.Table, NDArray, Materials]) -> BaselineRun:
    entries, split, materials = shared
    return run_baseline(name, entries, split, materials)
