"""jet, the journal entry transformer: a library that learns on which accounts a journal entry belongs.

The rooms, in the order in which the data lives them: `books` (what an entry is), `retrieval` (what is
similar), `model` (the network), `training` (how it learns), `prediction` (how it answers) and `evaluation`
(how good it is). None of them knows Ray: `ray_jobs` spreads this library over a cluster.
"""

from importlib.metadata import version

__version__ = version("jet-ledger")
