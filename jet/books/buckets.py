"""Buckets: whole companies, dealt into parts of the books that fit in a worker's memory.

An entry sees its own company's past and that of its family, the companies with the same standard chart. So a
bucket that has both can be worked on by itself.
"""

from __future__ import annotations

from collections.abc import Mapping


def deal(sizes: Mapping[str, int], family: Mapping[str, int], most: int) -> list[list[str]]:
    """The companies of each bucket, sorted: companies with so many entries each, of so many families.

    The companies of a `family` share a bucket where they fit into one of `most` entries; a larger family has
    buckets of its own. A company that is larger has its own bucket. Raises ValueError for `most` below 1.

    >>> deal({"a": 2, "b": 2, "c": 1, "d": 9}, {"a": 0, "b": 1, "c": 0, "d": 2}, most=4)
    [['a', 'c'], ['b'], ['d']]
    """
    if most < 1:
        raise ValueError(f"a bucket must hold 1 entry or more, not {most}")
    members: dict[int, list[str]] = {}
    for name in sorted(sizes):
        members.setdefault(family[name], []).append(name)
    buckets: list[list[str]] = [[]]
    room = most
    for names in members.values():
        if sum(sizes[name] for name in names) > room and buckets[-1]:
            buckets.append([])
            room = most
        for name in names:
            if sizes[name] > room and buckets[-1]:
                buckets.append([])
                room = most
            buckets[-1].append(name)
            room -= sizes[name]
    return [sorted(names) for names in buckets]
