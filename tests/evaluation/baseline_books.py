"""Small books for the tests of baselines, and the baselines made for them."""

from functools import cache

import numpy as np
from made_up_books import SETS, entry
from made_up_books import entries as table_of

from jet.books.schema import ACCOUNTS
from jet.books.split import SplitSettings, split_by_date
from jet.evaluation.baselines import Materials, make_baseline
from jet.texts.store import TextStore

TEXTS = ("rent may", "rent june", "lunch", "lunch with a client", "invoice 17", "")


def store_of(texts):
    """A text store whose sentence vectors are as random as they are fixed."""
    vectors = np.random.default_rng(7).normal(size=(len(texts), 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TextStore.build(texts, vectors=vectors)


def chart(*, closed=None, opened=None):
    """The accounts of all sets, for the entities a and b; `closed` and `opened` give some of them a date."""
    codes = sorted({account for pairs in SETS for account, _ in pairs})
    none = {"name": "", "parent": None, "nature": None}
    rows = [
        {
            "entity": entity,
            "code": code,
            "opened": (opened or {}).get(code),
            "closed": (closed or {}).get(code),
            **none,
        }
        for entity in "ab"
        for code in codes
    ]
    return ACCOUNTS.empty_table().from_pylist(rows, schema=ACCOUNTS)


@cache
def made(name):
    """The baseline `name`, which knows `TEXTS` and the chart."""
    return make_baseline(name, Materials(store=store_of(TEXTS), accounts=chart()))


def in_sets(pairs):
    return tuple(sorted(pairs))


def predicted_last(baseline, rows):
    """The answer, confidence and alternatives for the last row, where all before it train."""
    split = np.array([0] * (len(rows) - 1) + [2], np.int8)
    found = baseline.predict(table_of(rows), split)
    assert found.row.tolist() == [len(rows) - 1]
    return found.sets[0], found.confidence[0], found.alternatives[0]


def random_books(seed, n=30, entities=("a", "b")):
    rng = np.random.default_rng(seed)
    return [
        entry(
            f"{i:03}",
            SETS[rng.integers(3)],
            day=int(rng.integers(12)),
            text=TEXTS[rng.integers(len(TEXTS))],
            entity=entities[rng.integers(len(entities))],
        )
        for i in range(n)
    ]


def split_of(table):
    return split_by_date(
        table["entity"].to_numpy(), table["date"].to_numpy(), SplitSettings(train=0.5, calibration=0.2)
    )


def answers_by_id(baseline, rows):
    table = table_of(rows)
    found = baseline.predict(table, split_of(table))
    ids = [rows[row]["entry_id"] for row in found.row]
    columns = zip(found.sets, found.confidence.tolist(), found.alternatives, strict=True)
    return dict(zip(ids, columns, strict=True))
