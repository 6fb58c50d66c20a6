"""Ablations: what each part of the system is worth, by trainings without it."""
