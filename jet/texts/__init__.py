"""Texts: normalized, split into n-grams and encoded, every distinct text once."""
