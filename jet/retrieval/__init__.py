"""Retrieval: the corpus, and the most similar strictly earlier entries of a query."""
