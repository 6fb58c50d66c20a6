"""What a job tells: with `runtime.log_format: json` an object a line, from the driver and from those that work
for it; and in the end its result, whatever others print."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from job_runs import ROOT, entry, start_job, wait_until, write_jsonl


def test_every_line_is_an_object_that_says_what_it_is_about(head, tmp_path):
    rows = [entry("1"), entry("2", date="some day"), entry("3", entity="other", date="1066-10-14")]
    ledger = write_jsonl(tmp_path / "books.jsonl", rows)
    options = ["--ledgers", ledger, "--output", tmp_path / "out", "--runtime.log_format", "json"]
    job = start_job(head.address, "ingest", *options)
    out, err = job.communicate(timeout=120)
    assert job.returncode == 0, err
    assert json.loads(out)["rejected"] == 2
    lines = [json.loads(line) for line in err.splitlines()]
    assert all({"asctime", "levelname", "message"} <= line.keys() for line in lines)

    driver = [line for line in lines if line.get("name", "").startswith("jet") and "task_id" not in line]
    [imported] = [line for line in driver if line["message"] == "ingest: 1 of 1 groups of files"]
    assert (imported["done"], imported["total"]) == (1, 1)
    assert (imported["job"], imported["stage"], imported["block"]) == ("ingest", "ingest", "part-00000.parquet")
    assert imported["job_id"]

    def of_the_task() -> list[dict] | None:
        files = (head.folder / "session_latest" / "logs").glob("worker-*.err")
        written = [line for file in files for line in file.read_text().splitlines()]
        found = [json.loads(line) for line in written if line.startswith("{")]
        return [line for line in found if line["job_id"] == imported["job_id"] and line["name"] == "jet.ingest"]

    task = wait_until(of_the_task, "the task's lines")
    of_group, of_bucket = "part-00000.parquet", "bucket=00000/part-0.parquet"
    assert {(line["job"], line["block"]) for line in task} <= {("ingest", of_group), ("ingest", of_bucket)}
    assert all(line["block"] == of_group for line in task if "entity" in line)
    assert all(line["task_id"] and line["node_id"] for line in task)
    rejected = {(line["entity"], line["message"]) for line in task if "entity" in line}
    assert rejected == {("acme", "1 rows rejected: bad_date"), ("other", "1 rows rejected: bad_date")}


def test_the_reason_why_a_job_fails_is_an_object_too(head, tmp_path):
    missing = tmp_path / "missing.jsonl"
    options = ["--ledgers", missing, "--output", tmp_path / "out", "--runtime.log_format", "json"]
    job = start_job(head.address, "ingest", *options)
    out, err = job.communicate(timeout=120)
    assert job.returncode == 2
    assert not out
    [line] = [json.loads(line) for line in err.splitlines()]
    assert (line["levelname"], line["job"]) == ("ERROR", "ingest")
    assert line["message"].startswith(f"error: {missing}: no such file")


A_JOB_WITH_TALKING_WORKERS = """
import sys, time
import ray
from ray_jobs.runtime import connection, command as runtime

HELP = "a job whose workers print until it has ended"

def arguments(parser):
    pass

@ray.remote
class Talker:
    def start(self):
        pass

    def talk(self):
        for number in range(200):
            print("said", number, flush=True)
            time.sleep(0.1)

def run(args, config):
    connection.connect(config.runtime)
    talker = Talker.remote()
    ray.get(talker.start.remote())
    talker.talk.remote()
    time.sleep(4)
    return {}

sys.exit(runtime.main("talk", sys.modules["__main__"], run, []))
"""


def test_what_workers_print_while_the_driver_ends_is_not_output(head):
    done = subprocess.run(
        [sys.executable, "-c", A_JOB_WITH_TALKING_WORKERS],
        cwd=ROOT,
        env={**os.environ, "RAY_ADDRESS": head.address, "RAY_DEDUP_LOGS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["job"] == "talk"
    assert ") said 1" in done.stderr
