"""Retrieval: texts, their vectors, and the most similar earlier entries."""
