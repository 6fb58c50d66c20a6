"""Training without Ray: data, losses, schedules, optimizer and loop, and fine-tuning of the encoder."""
