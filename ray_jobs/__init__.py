"""The jobs: what can be handed to `ray job submit`. One file a job; each parses its config, builds the
objects, calls the library, publishes the result and prints one JSON line.

Ray reads some of its environment when it is imported, so this package sets it before any of its modules
imports Ray.
"""

from ray_jobs.runtime.ray_quirks import environment

environment.prepare()
