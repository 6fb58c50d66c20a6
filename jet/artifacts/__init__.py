"""Artifacts: directories that are written whole or not at all, on any filesystem, with a manifest.

A reader trusts a manifest and nothing else.
"""
