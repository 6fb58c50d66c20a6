"""Artifacts: directories with a manifest, written completely or not at all, on any filesystem.

A reader trusts the manifest and nothing else.
"""
