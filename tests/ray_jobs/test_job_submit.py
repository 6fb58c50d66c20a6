"""`jet submit` against a head that asks for a token: what arrives there, what comes back, what Ctrl-C does.

A job that shall run until the test says so writes its ledger into a pipe that nobody reads yet.
"""

from __future__ import annotations

import io
import logging
import os
import pty
import shutil
import subprocess
import sys

import pytest
from heads import free_ports, ray_node
from job_runs import ROOT, Done, in_background, wait_until
from ray.job_submission import JobSubmissionClient
from submissions import (
    AT_A_TERMINAL,
    Relay,
    interrupt_at,
    newest,
    read_until,
    run_submit,
    submissions,
    wait_for,
)

from ray_jobs import cli
from ray_jobs.submission import following
from ray_jobs.submission.client import default_resources


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """What a submission sets, and what could decide in place of the test, is put back."""
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "")
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def client(head):
    return JobSubmissionClient(head.dashboard)


@pytest.fixture
def waiting(tmp_path):
    """Options of a job that waits, and what lets it end."""
    pipe = tmp_path / "slow.jsonl.part"
    os.mkfifo(pipe)
    options = ["--companies", "1", "--entries", "20", "--output", str(tmp_path / "slow.jsonl")]
    return ["demo-ledger", *options], pipe.read_text


def test_the_code_and_the_config_that_are_sent_are_those_that_run(head, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = tmp_path / "code"
    for package in ("jet", "ray_jobs"):
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    job = code / "ray_jobs" / "demo_ledger.py"
    job.write_text(job.read_text().replace('return {"output"', 'return {"sent": "it is’s", "output"'))
    (tmp_path / "jet.yaml").write_text("# it's 60\nentries: 60\nopen_entries: 6\n")
    options = ["--address", head.dashboard, "--config", "jet.yaml", "--companies=2"]
    output = tmp_path / "ledger.jsonl"
    done = run_submit("demo-ledger", *options, "--working-dir", code, "--", "--output", output)
    assert done.status == 0, done.err
    assert len(done.out.splitlines()) == 1
    assert done.result["job"] == "demo-ledger"
    assert done.result["sent"] == "it is’s"
    assert (done.result["companies"], done.result["entries"]) == (2, 60)
    assert len(output.read_text().splitlines()) > 60
    assert "Running entrypoint" in done.err


def test_a_job_that_fails_lends_its_exit_status_and_says_why(head, client, tmp_path, monkeypatch):
    """Submitted from a folder without jet's code: that travels as two packages, and nothing of the folder."""
    monkeypatch.chdir(tmp_path)
    known = submissions(client)
    given = ("--ledgers", tmp_path / "none.se", "--output", tmp_path / "out", "--env", "HOME")
    done = run_submit("ingest", "--address", head.dashboard, *given)
    assert (done.status, done.out) == (2, "")
    assert f"jet ingest: error: {tmp_path}/none.se: no such file" in done.err
    [name] = submissions(client).keys() - known.keys()
    assert done.err.endswith(f"jet submit: error: {name} ended with exit status 2\n")
    sent = client.get_job_info(name).runtime_env
    assert len(sent["py_modules"]) == 2
    assert "working_dir" not in sent
    assert sent["env_vars"] == {"HOME": os.environ["HOME"]}


def test_a_job_that_is_wrong_never_gets_to_the_cluster(head, client, tmp_path):
    known = submissions(client)
    given = ["ingest", "--address", head.dashboard, "--ledgers", "x"]
    absolute = ["--output", tmp_path / "out"]
    for wrong, named in [
        ([*absolute, "--model.hiden=32"], "hiden"),
        ([*absolute, "--runtime.actors=0"], "runtime.actors must be at least 1"),
        (["--output", "out"], "--output out is of this machine"),
        ([*absolute, "--result", "done.json"], "--result done.json is of this machine"),
        ([*absolute, "--table.uri", "table"], "--table table is of this machine"),
        ([*absolute, "--entrypoint-resources", "driver"], "entrypoint-resources"),
        ([*absolute, "--config", tmp_path / "none.yaml"], "none.yaml"),
    ]:
        done = run_submit(*given, *wrong)
        assert (done.status, done.out) == (2, "")
        assert named in done.err
        assert "Traceback" not in done.err
    assert "there is no job 'inhale'; there are demo, pipeline" in run_submit("inhale").complaint
    assert submissions(client) == known


def test_help_tells_how_to_submit_and_where_the_jobs_options_are():
    done = run_submit("--help")
    assert (done.status, done.err) == (0, "")
    assert "usage: jet submit JOB" in done.out
    assert "jet JOB --help" in done.out
    assert "\n  submit JOB " in cli.USAGE


def test_of_a_log_the_last_json_line_of_the_job_is_the_result(capsys):
    output = following.Output("ingest")
    for piece in (
        "log\n{",
        '"job": "ingest", "rows": 1}\n',
        '{"job": "other"}\n{"job": "ingest"',
        ', "rows": 2}\nend',
    ):
        output.take(piece)
    output.end(succeeded=True)
    shown = capsys.readouterr()
    assert shown.out == '{"job": "ingest", "rows": 2}\n'
    assert shown.err == 'log\n{"job": "other"}\n{"job": "ingest", "rows": 1}\nend\n'


def test_an_address_where_nobody_answers_is_named(tmp_path):
    [port] = free_ports(1)
    given = ("demo-ledger", "--output", tmp_path / "a.jsonl")
    done = run_submit(*given, "--address", f"http://127.0.0.1:{port}")
    assert done.status == 2
    assert f"no answer from http://127.0.0.1:{port}" in done.complaint
    assert "is no address of a cluster" in run_submit(*given, "--address", "127.0.0.1:8265").complaint


def test_a_wrong_token_is_refused_with_where_the_right_one_belongs(head, tmp_path):
    (tmp_path / "token").write_text("0" * 64)
    command = ["demo-ledger", "--address", head.dashboard, "--output", str(tmp_path / "a.jsonl")]
    done = subprocess.run(
        [sys.executable, "-m", "ray_jobs.cli", "submit", *command],
        env={**os.environ, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    complaint = Done(2, done.stdout, done.stderr).complaint
    assert f"no access to {head.dashboard}: Authentication failed" in complaint
    assert "RAY_AUTH_TOKEN_PATH" in complaint


def test_the_same_command_is_one_job_while_it_runs(head, client, waiting):
    """The second one follows it, and is interrupted where nobody can be asked."""
    command, release = waiting
    known, seen = submissions(client), io.StringIO()
    first = run_submit(*command, "--address", head.dashboard, "--no-wait")
    assert (first.status, len(first.out.splitlines())) == (0, 1)
    name = first.result["submission_id"]
    with in_background(lambda: interrupt_at(seen.getvalue, "Running entrypoint")):
        second = run_submit(*command, "--address", head.dashboard, err=seen)
    assert (second.status, second.out) == (130, "")
    for done in (first, second):
        assert f"ray job logs --follow --address {head.dashboard} {name}" in done.err
        assert f"ray job stop --address {head.dashboard} {name}" in done.err
    taken = run_submit(*command, "--seed=8", "--address", head.dashboard, "--submission-id", name)
    assert f"there is a job {name} already" in taken.complaint
    assert submissions(client).keys() - known.keys() == {name}
    with in_background(release):
        wait_for(client, name, "SUCCEEDED")


def test_a_connection_that_breaks_is_taken_up_again(head, client, waiting):
    command, release = waiting
    known, seen = submissions(client), io.StringIO()
    with (
        Relay(head.dashboard) as relay,
        in_background(lambda: run_submit(*command, "--address", relay.address, err=seen)) as ended,
    ):
        name = newest(client, known)
        wait_until(lambda: "Running entrypoint" in seen.getvalue(), "the log's first line")
        relay.cut()
        assert submissions(client)[name] == "RUNNING"
        release()
        done = ended()
    assert done.status == 0
    assert done.result["entries"] == 20
    assert done.err.count("Running entrypoint") == 1


def test_ctrl_c_asks_and_a_yes_stops_the_job(head, client, waiting):
    """The whole command in a terminal of its own."""
    command, _ = waiting
    known = submissions(client)
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, "submit", *command, "--address", head.dashboard],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    )
    os.close(inside)
    try:
        said = read_until(terminal, "Running entrypoint")
        name = newest(client, known)
        os.write(terminal, b"\x03")
        said += read_until(terminal, f"stop the job {name}? [y/N]")
        os.write(terminal, b"y\n")
        said += read_until(terminal, f"stopped {name}")
        assert process.wait(60) == 130, said
        assert "Traceback" not in said
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert submissions(client)[name] == "STOPPED"


def test_ctrl_c_and_a_no_leave_the_job_running(head, client, waiting, monkeypatch):
    command, release = waiting
    known, seen = submissions(client), io.StringIO()
    terminal, inside = pty.openpty()
    with open(inside) as stdin:  # noqa: PTH123 (a descriptor)
        monkeypatch.setattr(sys, "stdin", stdin)
        os.write(terminal, b"n\n")
        with in_background(lambda: interrupt_at(seen.getvalue, "Running entrypoint")):
            done = run_submit(*command, "--address", head.dashboard, err=seen)
    os.close(terminal)
    name = newest(client, known)
    assert (done.status, done.out) == (130, "")
    assert f"stop the job {name}? [y/N]" in done.err
    assert f"ray job stop --address {head.dashboard} {name}" in done.err
    with in_background(release):
        wait_for(client, name, "SUCCEEDED")


def test_a_job_that_waits_for_a_node_says_so(head, client, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(following, "QUIET_S", 0.2)
    caplog.set_level(logging.INFO, "jet.submit")
    given = ("--submission-id", "waiting", "--entrypoint-resources", '{"nowhere": 1}')
    with in_background(lambda: interrupt_at(lambda: caplog.text, "waiting for its start")):
        done = run_submit("demo-ledger", "--address", head.dashboard, *given, "--output", tmp_path / "a.jsonl")
    assert done.status == 130
    assert "It may be waiting for resources" in caplog.text
    assert client.get_job_status("waiting") == "PENDING"
    assert not following.stopped(client, "waiting", seconds=0.5)
    with ray_node(head, "nowhere", "--num-cpus=0"):  # the promise made then; and nothing is left waiting
        wait_for(client, "waiting", "STOPPED")


def test_the_driver_goes_where_the_cluster_has_a_place_for_drivers(head, client, tmp_path):
    assert default_resources(head.dashboard) == {}
    with ray_node(head, "driver", "--num-cpus=0") as node:
        assert default_resources(head.dashboard) == {"driver": 1}
        known = submissions(client)
        given = ("--companies=1", "--entries=20", "--output", tmp_path / "a.jsonl")
        done = run_submit("demo-ledger", "--address", head.dashboard, "--cluster-code", *given)
        assert done.status == 0, done.err
        [name] = submissions(client).keys() - known.keys()
        info = client.get_job_info(name)
        assert info.driver_node_id == node.node_id
        assert not {"py_modules", "working_dir"} & info.runtime_env.keys()


def test_plain_ray_job_submit_from_this_folder_runs_a_job(head, tmp_path):
    job = f"python -m ray_jobs.demo_ledger --entries 20 --companies 1 --output {tmp_path}/a.jsonl"
    line = f"ray job submit --working-dir . -- {job}"
    done = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", *line.split()[1:]],
        env={**os.environ, "RAY_API_SERVER_ADDRESS": head.dashboard},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert '{"job": "demo-ledger"' in done.stdout
    assert (tmp_path / "a.jsonl").exists()
