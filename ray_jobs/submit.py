"""`jet submit`: run a job on a cluster, and follow it, as if it ran here.

What can be wrong is found before anything is sent: the job's own parser reads its options, and the package's
size, its secrets and the cluster's address are looked at. A config file travels as text in the job's command,
so it may lie anywhere.

The same command is one job while it runs: the submission id is made of the job's command, and a command that
is running already is followed instead of started again. Two of them would write to the same output; and after
a broken connection, or a laptop that was closed, the same command finds its job.

Where the head has no CPU for work, or a node offers `driver`, the job asks for `{"driver": 1}`: Ray puts a
driver that asks for nothing on the head, and one on a spot node goes when that does.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from ray.dashboard.modules.job.pydantic_models import JobDetails
from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient
from ray.util.state import list_nodes
from ray.util.state.exception import RayStateApiException

from ray_jobs.submission import following
from ray_jobs.submission.command import Submission, prepared

HELP = """Run a job on a cluster: check its options here, send jet's code and the config with it, show its log,
and end with its exit status. What is none of the options below is the job's own (jet JOB --help tells them);
after --, everything is. The same command again follows a job that is still running."""
TIMEOUT_S = (10, 60)
"""Seconds to connect, and to wait for an answer."""

log = logging.getLogger("jet.submit")


class Client(JobSubmissionClient):
    """Ray's client, which waits for an answer forever, with a limit."""

    def _do_request(self, *args: Any, **options: Any) -> Any:
        return super()._do_request(*args, **{"timeout": TIMEOUT_S, **options})


def submit_parser() -> argparse.ArgumentParser:
    """The parser of what isn't the job's own."""
    parser = argparse.ArgumentParser(
        prog="jet submit",
        description=HELP,
        usage="jet submit JOB [options] [the job's options]",
        allow_abbrev=False,
    )
    parser.add_argument("job", metavar="JOB", help="a job, as in: jet JOB")
    parser.add_argument(
        "--address", help="http(s)://HOST:PORT of the cluster's dashboard; default: RAY_API_SERVER_ADDRESS"
    )
    parser.add_argument("--no-wait", action="store_true", help="submit, tell the submission id, and end")
    parser.add_argument("--submission-id", metavar="ID", help="default: made of the job's command")
    parser.add_argument(
        "--working-dir",
        metavar="DIR",
        help="folder to send and run in, without what its .gitignore and .rayignore name, or the URI of a zip; "
        "default: this folder if it is a checkout of jet, else none",
    )
    parser.add_argument(
        "--cluster-code", action="store_true", help="run the jet that the nodes have, and don't send this one"
    )
    parser.add_argument("--runtime-env", metavar="FILE", help="a YAML file with a runtime environment of Ray's")
    parser.add_argument(
        "--env", metavar="NAME", action="append", default=[], help="a variable to take over; may be repeated"
    )
    parser.add_argument(
        "--entrypoint-resources",
        metavar="JSON",
        type=json.loads,
        help='what the driver\'s node must have; default: {"driver": 1} where the head takes no work or a '
        "node offers it, else {}",
    )
    return parser


def main(jobs: Sequence[str], argv: Sequence[str]) -> int:
    """Submit one of `jobs` and follow it; returns the exit status: the job's, 2 for what was refused here, 1
    for a job that Ray ended, 130 after Ctrl-C."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s jet submit: %(message)s", datefmt="%H:%M:%S"
    )
    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)  # what they tell is told here
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


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """`argv` before and after a `--`."""
    place = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:place]), list(argv[place + 1 :])


def end_with(status: int, why: object) -> int:
    """Say why nothing (more) is done; returns the exit status."""
    print(f"jet submit: error: {why}" if status == 2 else f"jet submit: {why}", file=sys.stderr)
    return status


def last_line(error: Exception) -> str:
    """What an error says in the end: Ray sends whole tracebacks."""
    return [line for line in str(error).splitlines() if line.strip()][-1] if str(error).strip() else repr(error)


def chosen_address(given: str | None) -> str:
    """Where the cluster's dashboard answers. Raises `ValueError` where nothing says so."""
    address = given or os.environ.get("RAY_API_SERVER_ADDRESS") or os.environ.get("RAY_ADDRESS") or ""
    address = address.rstrip("/")
    if not re.match(r"https?://[^/]", address):
        raise ValueError(
            f"{address!r} is no address of a cluster: name its dashboard as http://HOST:8265, with --address "
            "or in RAY_API_SERVER_ADDRESS"
        )
    os.environ["RAY_API_SERVER_ADDRESS"] = address  # for Ray, the environment wins over an argument
    return address


def submitted_and_followed(address: str, submission: Submission, given: argparse.Namespace) -> int:
    """Submit, unless it runs already; follow; returns the exit status."""
    client = Client(address)
    submission_id, running = identified(client, submission, given.submission_id)
    try:
        if running:
            log.info("the same command is running already, as %s", submission_id)
        else:
            resources = given.entrypoint_resources
            client.submit_job(
                entrypoint=submission.command,
                submission_id=submission_id,
                runtime_env=submission.environment,
                entrypoint_resources=default_resources(address) if resources is None else resources,
            )
            log.info("submitted as %s to %s", submission_id, address)
        if given.no_wait:
            hint(address, submission_id)
            line = {"job": submission.job, "submission_id": submission_id, "address": address}
            print(json.dumps(line))
            return 0
        output = following.Output(submission.job)
        details = asyncio.run(following.follow(client, submission_id, output))
    except KeyboardInterrupt:
        if (told := following.interrupted(client, submission_id)) is not None:
            return end_with(130, told)
        hint(address, submission_id)
        return end_with(130, f"{submission_id} is not stopped")
    except following.LostError as error:
        hint(address, submission_id)
        return end_with(1, f"{submission_id}: {error}")
    output.end(details.status == JobStatus.SUCCEEDED)
    return ended(submission_id, details)


def identified(client: Client, submission: Submission, given: str | None) -> tuple[str, bool]:
    """A submission id, and whether the job runs under it already."""
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


def hint(address: str, submission_id: str) -> None:
    """Say how to find a job again, and how to stop it."""
    mode = f"RAY_AUTH_MODE={os.environ.get('RAY_AUTH_MODE', 'token')}"
    print(f"The same command follows {submission_id}; so does", file=sys.stderr)
    print(f"  {mode} ray job logs --follow --address {address} {submission_id}", file=sys.stderr)
    print("and this stops it:", file=sys.stderr)
    print(f"  {mode} ray job stop --address {address} {submission_id}", file=sys.stderr)


def ended(submission_id: str, details: JobDetails) -> int:
    """The exit status of a job that has ended."""
    if details.status == JobStatus.SUCCEEDED:
        return 0
    code = details.driver_exit_code
    if details.status == JobStatus.FAILED and code is not None:
        status = code if code > 0 else 128 - code
        return end_with(status, f"{submission_id} ended with exit status {status}")
    return end_with(1, f"{submission_id} was {str(details.status).lower()}: {details.message}")
