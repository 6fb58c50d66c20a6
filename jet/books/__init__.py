"""Books: entries and accounts, the ledger files that they come from, and the split by date."""
