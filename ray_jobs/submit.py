"""`jet submit`: run a job on a cluster, and follow it, as if it ran here.

What can be wrong is found before anything is sent: the job's own parser reads its options, and the package's
size, its secrets and the cluster's address are looked at (`submission.command`, `submission.packing`). Then the
job is submitted, unless the same command is running already (`submission.client`), and followed to its end
(`submission.following`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence

from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus
from ray.util.state.exception import RayStateApiException

from ray_jobs.runtime.ray_quirks.submission import Client
from ray_jobs.submission import following
from ray_jobs.submission.client import chosen_address, identified, submit
from ray_jobs.submission.command import Submission, prepared, split, submit_parser

log = logging.getLogger("jet.submit")


def main(jobs: Sequence[str], argv: Sequence[str]) -> int:
    """Submit one of `jobs` and follow it; returns the exit status: the job's, 2 for what was refused here, 1
    for a job that Ray ended, 130 after Ctrl-C."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s jet submit: %(message)s", datefmt="%H:%M:%S"
    )
    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)  # what they say is said here
    own, job_argv = split(argv)
    given, others = submit_parser().parse_known_args(own)
    try:
        submission, address = prepared(given, jobs, [*others, *job_argv]), chosen_address(given.address)
    except (ValueError, OSError) as error:
        return end_with(2, error)
    except KeyboardInterrupt:
        return end_with(130, "interrupted; nothing was submitted")
    try:
        return submitted_and_followed(address, submission, given)
    except AuthenticationError as error:
        why = str(error).splitlines()[0].partition(". ")[0]
        return end_with(
            2,
            f"no access to {address}: {why}. The cluster's token belongs in ~/.ray/auth_token, or in the file "
            "that RAY_AUTH_TOKEN_PATH names, and RAY_AUTH_MODE must be token (disabled where there is none)",
        )
    except (OSError, RayStateApiException) as error:
        return end_with(
            2,
            f"no answer from {address} ({last_line(error)}): is the cluster up, and is this the address of its "
            "dashboard? Behind a tunnel (ray dashboard cluster.yaml, kubectl port-forward), is that open?",
        )
    except (RuntimeError, ValueError, TypeError) as error:
        return end_with(2, f"{address} says: {last_line(error)}")
    except KeyboardInterrupt:
        return end_with(130, "interrupted; nothing was submitted")


def submitted_and_followed(address: str, submission: Submission, given: argparse.Namespace) -> int:
    """Submit, unless it runs already; follow; returns the exit status."""
    client = Client(address)
    submission_id, running = identified(client, submission, given.submission_id)
    try:
        if running:
            log.info("the same command is running already, as %s", submission_id)
        else:
            submit(client, address, submission, submission_id, given.entrypoint_resources)
        if given.no_wait:
            following.hint(address, submission_id)
            print(json.dumps({"job": submission.job, "submission_id": submission_id, "address": address}))
            return 0
        output = following.Output(submission.job)
        details = asyncio.run(following.follow(client, submission_id, output))
    except KeyboardInterrupt:
        if (outcome := following.interrupted(client, submission_id)) is not None:
            return end_with(130, outcome)
        following.hint(address, submission_id)
        return end_with(130, f"{submission_id} is not stopped")
    except following.LostError as error:
        following.hint(address, submission_id)
        return end_with(1, f"{submission_id}: {error}")
    output.end(details.status == JobStatus.SUCCEEDED)
    status, why = following.exit_status(submission_id, details)
    return end_with(status, why) if why else status


def end_with(status: int, why: object) -> int:
    """Say why nothing (more) is done; returns the exit status."""
    print(f"jet submit: error: {why}" if status == 2 else f"jet submit: {why}", file=sys.stderr)
    return status


def last_line(error: Exception) -> str:
    """What an error says in the end: Ray sends whole tracebacks."""
    return [line for line in str(error).splitlines() if line.strip()][-1] if str(error).strip() else repr(error)
