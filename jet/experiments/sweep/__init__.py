"""Sweeps: which settings are tried, what their trials came to, and which one wins."""
