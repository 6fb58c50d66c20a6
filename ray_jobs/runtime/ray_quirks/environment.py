"""The environment variables that jet sets for Ray, or reads because Ray set them. Imports no Ray.

All hold for Ray 2.60.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

BEFORE_IMPORT = {
    # Without a token, whoever reaches the port of Ray's job API can run any code (CVE-2023-48022). For a local
    # Ray, Ray makes and keeps the token itself. A cluster without one has to be asked for, with "disabled".
    # Goes when Ray refuses to start without a mode, or takes "token" for the default of every command.
    "RAY_AUTH_MODE": "token",
    # Lines of Ray's own processes about Ray's own actors, which nobody can do anything about.
    # Goes when a job's log has none of them without this.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "has constructor arguments in the object store and max_restarts > 0"
    "|gcs_actor_scheduler.cc:[0-9]+: Failed to kill actor"
    "|Failed to query Ray Train Controller actor state",
    # Ray folds similar lines of several processes into one, with a note behind it: a line of JSON stays whole.
    # Goes when Ray leaves lines alone that its own JSON format has written.
    "RAY_DEDUP_LOGS_ALLOW_REGEX": r"^\{\"asctime\"",
    # Importing torch takes its time on a busy machine, and so do nodes that are still to come.
    # Goes when Ray's own default is five minutes or more.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",
    # Ray announces, at every start, a coming change of a default that jet doesn't rely on.
    # Goes when the default has changed.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Tune: Ctrl-C interrupts the job and isn't an early end of the sweep; the jobs keep their own records, and
    # say themselves what failed. Goes when Tune has arguments for these.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
"""What Ray reads when it is imported."""

ON_ONE_MACHINE = {
    # Nobody takes nodes away from a Ray that lives in one machine: a process less to start.
    # Goes when Ray Train starts the watcher only where an autoscaler is.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}


def is_connected() -> bool:
    """Whether this process is connected to a Ray; one that hasn't imported Ray isn't."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def prepare() -> None:
    """Set what Ray reads when it is imported; what is set already stays.

    Does nothing on a worker: there Ray is imported first, and knows what its cluster told it.
    """
    if "ray" in sys.modules:
        return
    for name, value in BEFORE_IMPORT.items():
        os.environ.setdefault(name, value)
    for name, value in ON_ONE_MACHINE.items() if named_address() is None else ():
        os.environ.setdefault(name, value)


def without_colors() -> None:
    """Let Ray print the names of workers without colors. Goes when Ray looks whether a terminal reads."""
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")


def named_address() -> str | None:
    """The address of a running Ray that the environment names."""
    return os.environ.get("RAY_ADDRESS")


def named_dashboard() -> str:
    """The address of a cluster's dashboard that the environment names; empty where it names none."""
    return os.environ.get("RAY_API_SERVER_ADDRESS") or named_address() or ""


def name_dashboard(address: str) -> None:
    """Let Ray's clients and its state API ask `address`. Goes when an argument wins over the environment."""
    os.environ["RAY_API_SERVER_ADDRESS"] = address


def auth_mode() -> str:
    """How Ray checks who asks: token or disabled; empty where the environment doesn't say."""
    return os.environ.get("RAY_AUTH_MODE", "")


def has_token() -> bool:
    """Whether there is a token where Ray looks for one. Goes when Ray has a public call that says so."""
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    return bool(named) or (Path.home() / ".ray" / "auth_token").exists()


def submission_id() -> str | None:
    """The id under which this job was submitted; None where it wasn't. Ray's job supervisor leaves it in the
    environment. Goes when the runtime context tells it."""
    submitted = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    return submitted.get("metadata", {}).get("job_submission_id") or None


def reads_gitignore() -> bool:
    """Whether Ray leaves out of a package what `.gitignore` names."""
    return os.environ.get("RAY_RUNTIME_ENV_IGNORE_GITIGNORE") != "1"


def train_variables() -> dict[str, str]:
    """Ray Train's variables in this process, for a process that starts a training in its place."""
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_TRAIN_")}


def take_over(variables: dict[str, str]) -> None:
    """Set what another process had. Tune's actors don't inherit the driver's environment. Goes when they do."""
    os.environ.update(variables)
