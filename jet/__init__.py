"""jet, the journal entry transformer: a library that learns on which accounts a journal entry belongs.

    import jet

    books = jet.read("exports/*.se")      # .entries, .accounts, .rejected, .files: Arrow tables
    model = jet.fit(books)
    model.predict(frame)                  # an Arrow table: the lines, how sure, and why
    print(model.explain(frame))
    model = model.learn(reviewed)         # follows what people corrected, without training
    model.save("model")
    model = jet.load("model")
    model.evaluate(books)                 # the report's figures

`docs/library.md` describes them. The rooms, in the order in which the data lives them; each imports from those
before it only:

- `artifacts`: directories with a manifest, on any filesystem
- `books`: what a journal entry is, and how ledgers are read
- `texts`: every distinct text once, as n-grams and as a vector
- `retrieval`: which earlier entries are similar
- `model`: the network that copies lines from neighbors or points at accounts
- `ranking`: which set of accounts, among candidates
- `training`: how the network learns
- `confidence`: how sure an answer is, and what may be promised of it
- `bundle`: all that prediction needs and training decided
- `prediction`: from a table of entries to a table of answers
- `evaluation`: how good the answers are, beside those of baselines
- `experiments`: sweeps of settings, and ablations

`demo` makes a realistic ledger; `config` has the settings of all rooms in one tree; `api` is the front door.
None of them knows Ray: `ray_jobs` spreads this library over a cluster.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jet.api import Explanations, Model, fit, load
    from jet.books.reading import Ledger, read

    __version__: str

__all__ = ["Explanations", "Ledger", "Model", "__version__", "fit", "load", "read"]

_HOME = {
    "Explanations": "jet.api",
    "Ledger": "jet.books.reading",
    "Model": "jet.api",
    "fit": "jet.api",
    "load": "jet.api",
    "read": "jet.books.reading",
}
"""Where each name lives: its module, and PyTorch with it, is imported when the name is first used (PEP 562)."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'jet' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """The version of what is installed, or of the checkout that this file is in."""
    import tomllib
    from importlib.metadata import PackageNotFoundError, version
    from pathlib import Path

    try:
        return version("jet-ledger")
    except PackageNotFoundError:
        project = Path(__file__).parent.parent / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"])
