"""Jobs handed to a running cluster: packed, submitted, followed."""
