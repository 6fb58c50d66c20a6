"""Training: losses, schedules, optimizer, and the loop, without Ray."""
