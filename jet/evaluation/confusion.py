"""Which accounts are taken for each other, and how often each account's lines are right.

An account is one of a company's chart: the same code in two companies may be two things. Two accounts are
taken for each other where, on one side of an entry, the one is the only line that is booked and not given,
and the other the only one that is given and not booked. Where more lines of a side are wrong, it isn't known
which stands for which: such entries are counted as unclear. A line on the right account and the wrong side is
no confusion of accounts, but is not right either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from jet.books.words import SIDES
from jet.evaluation.line_sets import Multiset
from jet.evaluation.scored import Scored

Names = Mapping[tuple[str, str], str]
"""(entity, account) -> the account's name."""


def account_confusion(scored: Scored, names: Names) -> dict[str, Any]:
    """ "accounts": of each account how many lines were booked on it ("asked"), how many of these were given
    ("right"), on the same side, and how many lines were given on it ("given"); those with the most lines that
    were not given first.

    "pairs": of each two accounts that were taken for each other the "entries", in both directions: booked on
    the first and given on the second, and the other way round. The most frequent first. "unclear": the entries
    that leave it open.
    """
    asked, right, given = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    pairs, unclear = Counter[tuple[str, str, str]](), 0
    for entity, true, predicted in zip(scored.entity.tolist(), scored.true, scored.predicted, strict=True):
        for lines, count in ((true, asked), (predicted, given)):
            count.update((entity, account) for account, _ in lines)
        both = Counter(true) & Counter(predicted)
        right.update((entity, account) for account, _ in both.elements())
        taken, is_unclear = _taken(true, predicted)
        pairs.update((entity, *pair) for pair in taken)
        unclear += is_unclear
    accounts: list[dict[str, Any]] = [
        {
            "entity": entity,
            "account": account,
            "name": names.get((entity, account), ""),
            "asked": asked[entity, account],
            "right": right[entity, account],
            "given": given[entity, account],
        }
        for entity, account in asked | given
    ]
    accounts.sort(key=lambda row: (row["right"] - row["asked"], -row["asked"], row["entity"], row["account"]))
    return {"accounts": accounts, "pairs": _both_ways(pairs, names), "unclear": unclear}


def _taken(true: Multiset, predicted: Multiset) -> tuple[set[tuple[str, str]], bool]:
    """The pairs (booked, given) of an entry, each once, and whether a side leaves open what stands for what."""
    pairs, unclear = set(), False
    missing, surplus = Counter(true) - Counter(predicted), Counter(predicted) - Counter(true)
    for side in SIDES:
        booked, given = (
            [account for account, at in some.elements() if at == side] for some in (missing, surplus)
        )
        if len(booked) == len(given) == 1:
            pairs.add((booked[0], given[0]))
        else:
            unclear |= bool(booked) and bool(given)
    return pairs, unclear


def _both_ways(pairs: Counter[tuple[str, str, str]], names: Names) -> list[dict[str, Any]]:
    """A row for each two accounts of an entity, in whichever direction they were taken for each other."""
    rows = [
        {
            "entity": entity,
            "accounts": [one, other],
            "names": [names.get((entity, one), ""), names.get((entity, other), "")],
            "entries": [pairs[entity, one, other], pairs[entity, other, one]],
        }
        for entity, one, other in {(entity, *sorted(pair)) for entity, *pair in pairs}
    ]
    return sorted(rows, key=lambda row: (-sum(row["entries"]), row["entity"], row["accounts"]))
