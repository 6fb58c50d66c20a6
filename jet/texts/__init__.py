"""Texts: normalized, counted as n-grams and encoded as vectors, each distinct text once."""
