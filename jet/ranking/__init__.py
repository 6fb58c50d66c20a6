"""Ranking: which set of accounts and sides an entry has, among candidates that its evidence suggests."""
