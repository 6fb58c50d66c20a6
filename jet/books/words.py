"""Words of the tables that settings need too: without pyarrow."""

from __future__ import annotations

SIDES = ("D", "C")

SOURCES = ("similar", "latest", "peer")
"""The sources of neighbors: the most similar entries of the same entity, its latest ones, and the most similar
ones of other entities with the same standard chart."""
