"""Confidence: how sure an answer is, and what may be promised of it."""
