"""Many trainings at once: the trials of Ray Tune and the units of an ablation."""
