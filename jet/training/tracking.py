"""Tracking of a training's metrics in Weights & Biases.

A tracker never stops a training: where W&B isn't reached within the time limit, there is a warning and the
training goes on. Only rank 0 tracks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from jet.extras import needed_for

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class TrackingSettings:
    """Weights & Biases."""

    wandb: Literal["disabled", "offline", "online"] = "disabled"
    """Whether W&B records the run: offline writes a folder for `wandb sync`; online needs WANDB_API_KEY."""
    project: str = "jet"
    """The W&B project."""
    group: str | None = None
    """The W&B group of runs that belong together."""
    time_limit_s: float = 30.0
    """Seconds to wait for W&B to start before going on without it."""


class Tracker(Protocol):
    """Records metrics by name and step."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Record `figures`, by names such as `train/loss`, at `step`."""

    def close(self) -> None:
        """Finish the run; called once."""


class NoTracker:
    """Records nothing, on every rank but the first and where W&B is off."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Ignore."""

    def close(self) -> None:
        """Ignore."""


class WandbTracker:
    """Records in one W&B run."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Send `figures` to W&B; a failure is logged and ignored."""
        try:
            self._run.log(dict(figures), step=step)
        except Exception as error:  # whatever a tracker raises, the training goes on
            log.warning("W&B did not take the figures of step %d: %s", step, error)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


def build_tracker(settings: TrackingSettings, config: Mapping[str, Any], folder: str, name: str) -> Tracker:
    """The tracker of the settings, or `NoTracker` where W&B is off or not available."""
    if settings.wandb == "disabled":
        return NoTracker()
    try:
        with needed_for(f"tracking.wandb {settings.wandb}"):
            import wandb
        run = wandb.init(
            project=settings.project,
            group=settings.group,
            name=name,
            config=dict(config),
            dir=folder,
            mode=settings.wandb,
            settings=wandb.Settings(
                init_timeout=settings.time_limit_s,
                console="off",
                # W&B would also upload the command line, the names of host and user, the git remote and the
                # code, which may hold secrets. A run is identified by its config.
                x_disable_meta=True,
                disable_git=True,
                disable_code=True,
            ),
        )
    except Exception as error:  # whatever a tracker raises, the training goes on
        log.warning("W&B is not available (%s): training goes on without it", error)
        return NoTracker()
    return WandbTracker(run)
