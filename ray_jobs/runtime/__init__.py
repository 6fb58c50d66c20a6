"""What every job needs of its surroundings: a command line, a connection to Ray, logs and metrics."""
