"""The checks, one file a subject, each with `problems(root)`: one line for each problem found there."""
