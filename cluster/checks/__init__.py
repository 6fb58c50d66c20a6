"""The checks, one a module: `problems(root)` yields one line for each problem below `root`."""
