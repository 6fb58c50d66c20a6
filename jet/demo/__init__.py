"""A realistic ledger from a seed: the books of several small companies over three years, in three languages.

Notable: the same settings give the same bytes. The books are as hard as real ones: looking up the last entry
with the same text gives the right accounts for half to three quarters of the newest entries, and most of the
others can be learned (see `jet.demo.habits`).
"""

from jet.demo.writer import DemoSettings, demo_rows, write_demo_ledger

__all__ = ["DemoSettings", "demo_rows", "write_demo_ledger"]
