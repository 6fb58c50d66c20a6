"""Experiments: what is searched, what came out of it, and what it was worth."""
