"""Confidence: the probability that a prediction is right, and the precision that can be promised with it."""
