"""One module a check: its `problems(root)` yields a line for everything that is wrong below `root`."""
