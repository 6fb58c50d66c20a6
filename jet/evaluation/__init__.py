"""Evaluation: measures, baselines and the report."""
