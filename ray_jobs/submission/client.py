"""The cluster that a job is submitted to: its address, the job's id there, and what its driver asks for.

The same command is one job while it runs: the submission id is made of the job's command, and a command that
is running already is followed instead of started again. Two of them would write to the same output; and after
a broken connection, or a laptop that was closed, the same command finds its job.

Where the head has no CPU for work, or a node offers `driver`, the job asks for `{"driver": 1}`: Ray puts a
driver that asks for nothing on the head, and one on a spot node goes when that does.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping

from ray.job_submission import JobSubmissionClient
from ray.util.state import list_nodes

from ray_jobs.runtime.ray_quirks import environment
from ray_jobs.submission.command import Submission

log = logging.getLogger("jet.submit")


def chosen_address(given: str | None) -> str:
    """Where the cluster's dashboard answers. Raises `ValueError` where nothing says so."""
    address = (given or environment.named_dashboard()).rstrip("/")
    if not re.match(r"https?://[^/]", address):
        raise ValueError(
            f"{address!r} is no address of a cluster: name its dashboard as http://HOST:8265, with --address "
            "or in RAY_API_SERVER_ADDRESS"
        )
    environment.name_dashboard(address)
    return address


def identified(client: JobSubmissionClient, submission: Submission, given: str | None) -> tuple[str, bool]:
    """A submission id, the one that is `given` if any, and whether the job runs under it already.

    Raises `ValueError` where another job has the one that is `given`.
    """
    known = {job.submission_id: job for job in client.list_jobs() if job.submission_id}
    if given is not None:
        if given not in known:
            return given, False
        if known[given].entrypoint == submission.command and not known[given].status.is_terminal():
            return given, True
        raise ValueError(
            f"there is a job {given} already ({known[given].status}): choose another --submission-id, or leave "
            "it out"
        )
    digest = hashlib.sha256(submission.command.encode()).hexdigest()[:10]
    attempt = 1
    while (name := f"jet-{submission.job}-{digest}-{attempt}") in known:
        if not known[name].status.is_terminal():
            return name, True
        attempt += 1
    return name, False


def default_resources(address: str) -> dict[str, float]:
    """What a driver asks for where the user doesn't say."""
    nodes = [node for node in list_nodes(address, limit=10_000) if node.state == "ALIVE"]
    offered = any("driver" in node.resources_total for node in nodes)
    idle_head = any(node.is_head_node and not node.resources_total.get("CPU") for node in nodes)
    return {"driver": 1} if offered or idle_head else {}


def submit(
    client: JobSubmissionClient,
    address: str,
    submission: Submission,
    submission_id: str,
    resources: Mapping[str, float] | None,
) -> None:
    """Start a job on the cluster at `address`. Its driver asks for `resources`; None: `default_resources`."""
    client.submit_job(
        entrypoint=submission.command,
        submission_id=submission_id,
        runtime_env=submission.environment,
        entrypoint_resources=default_resources(address) if resources is None else dict(resources),
    )
    log.info("submitted as %s to %s", submission_id, address)
