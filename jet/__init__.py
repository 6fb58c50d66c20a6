"""jet, the journal entry transformer: a library that learns on which accounts a journal entry belongs.

The rooms, in the order in which the data lives them; each imports from those before it only:

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
- `evaluation`: how good the answers are, beside those of rivals
- `experiments`: sweeps of settings, and ablations

`demo` makes a realistic ledger; `config` has the settings of all rooms in one tree. None of them knows Ray:
`ray_jobs` spreads this library over a cluster.
"""

from importlib.metadata import version

__version__ = version("jet-ledger")
