"""Experiments: what the design's choices are worth, asked and answered with the library's own parts."""
