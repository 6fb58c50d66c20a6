"""The jobs: what can be handed to `ray job submit`. One file a job; each parses its config, builds the
objects, calls the library, publishes the result and prints one JSON line.

Ray reads some of its environment when it is imported, so what the jobs need of it is set here, before any of
them imports Ray. What is set already stays as it is.
"""

import os
import sys

if "ray" not in sys.modules:  # on a worker it is there already, and knows what its cluster told it
    # Without a token, whoever reaches the port of Ray's job API can run any code (CVE-2023-48022). For a local
    # Ray, Ray makes and keeps the token itself. A cluster without one has to be asked for, with "disabled".
    os.environ.setdefault("RAY_AUTH_MODE", "token")

    if "RAY_ADDRESS" not in os.environ:
        # Nobody takes nodes away from a Ray that lives in one machine: a process less to start.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")

    # Lines of Ray's own processes about Ray's own actors, which nobody can do anything about.
    os.environ.setdefault(
        "RAY_DEDUP_LOGS_SKIP_REGEX",
        "has constructor arguments in the object store and max_restarts > 0"
        "|gcs_actor_scheduler.cc:[0-9]+: Failed to kill actor"
        "|Failed to query Ray Train Controller actor state",
    )

    # Ray folds similar lines of several processes into one, with a note behind it: a line of JSON stays whole.
    os.environ.setdefault("RAY_DEDUP_LOGS_ALLOW_REGEX", r"^\{\"asctime\"")

    # Importing torch takes its time on a busy machine, and so do nodes that are still to come.
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "300")

    # Ray announces, at every start, a coming change of a default that jet doesn't rely on.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

    # Tune: Ctrl-C interrupts the job and isn't an early end of the sweep; the jobs keep their own records, and
    # say themselves what failed.
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
