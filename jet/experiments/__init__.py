"""Experiments: what is searched, what came out of it, and what each part of the design is worth."""
