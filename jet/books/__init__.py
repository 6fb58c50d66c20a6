"""Books: what an entry and an account are, where they come from, and which of them teach."""
