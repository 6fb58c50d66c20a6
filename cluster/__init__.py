"""The machines: what they are made of, and what checks it."""
