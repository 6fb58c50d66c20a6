"""Ranking: candidate sets of lines (accounts and sides) for an entry, and the choice among them."""
