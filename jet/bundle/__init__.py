"""The bundle: everything that prediction needs and training decided, in one directory."""
