"""The ranker that comes with jet: the prior of every trained ranker, and nearly all of a young company's.

Of one source alone, a ranker without it has 1.7 times the loss, and is right less often (docs/accuracy.md). It
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

from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings

PACKAGED = "packaged"
"""The name of the ranker that comes with jet."""

FILE = "pretrained.safetensors"

_FACTS = "ranker"


def save_ranker(ranker: Ranker, path: str) -> None:
    """Write `ranker` to a file that `RankerSettings.prior` may name."""
    facts = {"features": list(ranker.names), "settings": asdict(ranker.settings)}
    weights = {name: ranker.weights[name] for name in sorted(ranker.weights)}
    save_file(weights, path, {_FACTS: json.dumps(facts)})  # one, since safetensors writes several in any order


def read_ranker(path: str) -> Ranker:
    """The ranker that `save_ranker` wrote. Raises `ValueError`, with the path, for any other file."""
    try:
        with safe_open(path, "numpy") as content:
            facts = json.loads((content.metadata() or {})[_FACTS])
            weights = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - no mapping
        return Ranker(tuple(facts["features"]), weights, RankerSettings(**facts["settings"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"ranker.prior: {path} is not a saved ranker ({error})") from None


def read_prior(settings: RankerSettings) -> Ranker | None:
    """The prior that `settings` name, None for none; `ValueError` where it can't be read.

    Trainings call it before they begin: they need the prior when the network is trained, which may take hours.
    """
    if not settings.prior:
        return None
    packaged = settings.prior == PACKAGED
    return read_ranker(str(files("jet.ranking") / FILE) if packaged else settings.prior)


def prior_of(settings: RankerSettings, names: Sequence[str]) -> Ranker | None:
    """The prior of a training with `settings`; None: there is none.

    Raises `ValueError` where it can't be read, or is of other features than `names`.
    """
    prior = read_prior(settings)
    if prior is not None and prior.names != tuple(names):
        raise ValueError(
            f"ranker.prior: the ranker {settings.prior!r} is of other features than this jet computes: make it "
            'anew (`make ranker`), or do without (ranker.prior="")'
        )
    return prior
