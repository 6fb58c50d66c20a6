"""Trainings on several workers by Ray Train."""
