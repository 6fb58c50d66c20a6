"""Prediction: from a table of entries to a table of predictions."""
