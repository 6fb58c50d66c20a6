"""The jobs: what can be handed to `ray job submit`. One file a job; each parses its config, builds the
objects, calls the library, publishes the result and prints one JSON line.

Ray reads some of its environment when it is imported, so what a local Ray needs is set here, before any job
imports it. What is set already stays as it is.
"""

import os

if "RAY_ADDRESS" not in os.environ:
    # Without a token the job API of a local Ray is remote code execution for whoever reaches its port
    # (CVE-2023-48022). Ray makes and keeps the token itself.
    os.environ.setdefault("RAY_AUTH_MODE", "token")

# Ray announces, at every start, a coming change of a default that jet doesn't rely on.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
