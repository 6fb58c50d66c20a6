"""The ranker that comes with jet: training starts from it, and a company of few entries can use it as it is.

A company's own entries are too few to learn how evidence is to be weighed: of one source alone, a ranker that
starts from this one has two thirds of the loss of one that starts from random weights (docs/accuracy.md). It
was trained on made-up books and on ledgers whose licenses allow it (`benchmarks.pretraining`, `make ranker`),
on companies of any age: with 0, 10, 50 and all earlier entries known.

Its features are those of `jet.ranking.features`, in their order; when these change, it must be made anew, and a
test says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from jet.ranking.ranker import Ranker, RankerSettings

PACKAGED = "packaged"
"""The name of the ranker that comes with jet."""

FILE = "pretrained.safetensors"


def save_ranker(ranker: Ranker, path: str) -> None:
    """Write `ranker` to a file that `RankerSettings.start` may name."""
    facts = {"features": list(ranker.names), "settings": asdict(ranker.settings)}
    weights = {name: ranker.weights[name] for name in sorted(ranker.weights)}
    save_file(weights, path, {name: json.dumps(value) for name, value in facts.items()})


def read_ranker(path: str) -> Ranker:
    """The ranker that `save_ranker` wrote. Raises `ValueError`, with the path, for any other file."""
    try:
        with safe_open(path, "numpy") as content:
            facts = content.metadata() or {}
            weights = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - no mapping
        settings = RankerSettings(**json.loads(facts["settings"]))
        return Ranker(tuple(json.loads(facts["features"])), weights, settings)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"ranker.start: {path} is not a saved ranker ({error})") from None


def start_of(settings: RankerSettings, names: Sequence[str]) -> Ranker | None:
    """The ranker from which a training with `settings` starts; None: from random weights.

    Raises `ValueError` where it can't be read, is of other features than `names`, or of another shape.
    """
    if not settings.start:
        return None
    packaged = settings.start == PACKAGED
    start = read_ranker(str(files("jet.ranking") / FILE) if packaged else settings.start)
    if start.names != tuple(names):
        raise ValueError(
            f"ranker.start: the ranker {settings.start!r} is of other features than this jet computes: "
            'make it anew (`make ranker`), or start from random weights (ranker.start="")'
        )
    if settings.hidden != start.settings.hidden or settings.nets > start.settings.nets:
        raise ValueError(
            f"ranker.start: the ranker {settings.start!r} has {start.settings.nets} networks of width "
            f"{start.settings.hidden}, not {settings.nets} of {settings.hidden}: leave ranker.nets and "
            'ranker.hidden as they are, or start from random weights (ranker.start="")'
        )
    return start
