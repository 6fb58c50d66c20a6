"""What the command line refuses, and how it says so."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import pytest
from job_runs import ROOT, entry, run_job, succeed, write_jsonl

from ray_jobs import cli, pipeline
from ray_jobs.runtime import command as runtime
from ray_jobs.runtime.ray_quirks.local import known_address
from ray_jobs.runtime.ray_quirks.signals import interruptible
from ray_jobs.runtime.terminal import PrintableFormatter

JOBS = [
    *(
        "demo",
        "pipeline",
        "ingest",
        "neighbors",
        "train",
        "tune",
        "predict",
        "evaluate",
        "ablate",
        "finetune",
        "demo-ledger",
    ),
]


def jet(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["jet", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize("job", JOBS)
def test_every_job_tells_its_options(job, monkeypatch, capsys):
    assert jet(monkeypatch, job, "--help") == 0
    shown = capsys.readouterr().out
    assert f"usage: jet {job}" in shown
    assert "--model.hidden" in shown
    assert "--runtime.actors" in shown


def test_help_tells_of_every_setting_what_it_means():
    parser = runtime.job_parser("pipeline", pipeline)
    settings = [action for action in parser._actions if "." in action.dest]
    assert len(settings) > 80
    assert [action.dest for action in settings if not action.help] == []


def test_every_job_is_in_the_usage(monkeypatch, capsys):
    assert jet(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {job} " in shown for job in JOBS)


def test_a_job_that_is_none_is_named_with_those_that_are(monkeypatch, capsys):
    assert jet(monkeypatch, "nonsense") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("jet: error: there is no job 'nonsense'\n")
    assert "demo-ledger" in shown.err


def test_a_job_runs_as_a_module_too():
    command = [sys.executable, "-m", "ray_jobs.ingest", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: jet ingest" in done.stdout


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("model: {hiden: 32}", "hiden"),
        ("modell: {hidden: 32}", "modell"),
        ("model: {hidden: many}", "model.hidden"),
        ("train: {batch_size: 0}", "train.batch_size must be at least 1, got 0"),
        ("runtime: {actors: 0}", "runtime.actors must be at least 1, got 0"),
    ],
)
def test_a_yaml_with_what_is_no_setting_is_refused_by_name(given, named, tmp_path):
    (tmp_path / "s.yaml").write_text(given)
    ledger = write_jsonl(tmp_path / "a.jsonl", [entry("1")])
    done = run_job("ingest", "--ledgers", ledger, "--output", tmp_path / "out", "--config", tmp_path / "s.yaml")
    assert done.status == 2
    assert named in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--model.hiden=32", "--model.hid=32", "--unheard=1"])
def test_an_option_that_is_none_is_refused_by_name(option, tmp_path):
    done = run_job("ingest", "--ledgers", "x", "--output", tmp_path / "out", option)
    assert done.status == 2
    assert option.partition("=")[0].strip("-").rpartition(".")[2] in done.err


def test_a_missing_option_is_named(tmp_path):
    done = run_job("ingest", "--output", tmp_path / "out")
    assert done.status == 2
    assert "ledgers" in done.err


def test_dotted_options_win_over_the_yaml_and_both_over_the_defaults(tmp_path):
    (tmp_path / "s.yaml").write_text("companies: 2\nentries: 90\nmodel: {hidden: 4}\n")
    output = tmp_path / "a.jsonl"
    line = succeed("demo-ledger", "--config", tmp_path / "s.yaml", "--entries", 60, "--output", output)
    assert (line["companies"], line["entries"], line["open_entries"]) == (2, 60, 6)


def test_an_output_that_is_there_is_refused_without_a_traceback(tmp_path):
    (tmp_path / "a.jsonl").write_text("mine")
    done = run_job("demo-ledger", "--output", tmp_path)
    assert done.status == 2
    assert str(tmp_path) in done.complaint


@pytest.mark.parametrize("option", ["--ledgers", "--output"])
def test_a_path_with_a_secret_key_is_refused_and_not_repeated(option, tmp_path):
    given = {"--ledgers": "a.jsonl", "--output": tmp_path / "out"} | {option: "s3://KEY:hush/hush@bucket/path"}
    done = run_job("ingest", *[part for pair in given.items() for part in pair])
    assert done.status == 2
    assert "s3://…@bucket/path: a path must not hold keys" in done.complaint
    assert "hush" not in done.err


@pytest.mark.parametrize("by", ["--runtime.address", "RAY_ADDRESS"])
def test_without_a_token_no_cluster_is_used_unless_one_says_so(by, tmp_path):
    """Nothing listens there: the job ends before it asks."""
    ledger = write_jsonl(tmp_path / "a.jsonl", [entry("1")])
    command = [sys.executable, "-m", "ray_jobs.ingest", "--ledgers", ledger, "--output", tmp_path / "out"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["HOME"] = str(tmp_path)
    if by == "RAY_ADDRESS":
        environment[by] = "127.0.0.1:1"
    else:
        command += [by, "127.0.0.1:1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "error:" in line]
    assert "not let in by the Ray at 127.0.0.1:1" in line
    assert "RAY_AUTH_MODE=disabled" in line


@pytest.mark.parametrize("setting", ["runtime.actors", "runtime.index_shards"])
def test_more_actors_than_the_cluster_holds_are_refused_with_what_to_change(
    pipeline, settings, tmp_path, setting
):
    given = ("--entries", pipeline.folder / "entries", "--output", tmp_path / "n", "--config", settings)
    done = run_job("neighbors", *given, f"--{setting}", 1000)
    assert done.status == 2
    assert "1000" in done.complaint
    assert "the cluster has 8" in done.complaint
    assert "lower runtime.actors, runtime.index_shards" in done.complaint


def test_more_predicting_actors_than_the_cluster_holds_are_refused(pipeline, settings, tmp_path):
    given = ("--model", pipeline.folder / "model", "--output", tmp_path / "p", "--config", settings)
    done = run_job("predict", "--ledgers", pipeline.folder / "to-predict", *given, "--runtime.actors=1000")
    assert done.status == 2
    assert "1000 actors of 0.5 CPUs each needs 500 CPUs, and the cluster has 8" in done.complaint


def test_more_training_workers_than_the_cluster_holds_are_refused(pipeline, settings, tmp_path):
    given = ("--data", pipeline.folder, "--output", tmp_path / "m", "--config", settings)
    done = run_job("train", *given, "--runtime.train_workers=32")
    assert done.status == 2
    assert "training with 32 workers needs 32 CPUs, and the cluster has 8: lower runtime.train_workers" in (
        done.complaint
    )


def test_more_gpus_than_the_cluster_holds_are_refused(pipeline, settings, tmp_path):
    given = ("--data", pipeline.folder, "--output", tmp_path / "m", "--config", settings)
    done = run_job("train", *given, "--runtime.train_gpu=true")
    assert done.status == 2
    assert "2 GPUs, and the cluster has 0" in done.complaint


def run_made_up(work) -> tuple[int, str, str]:
    """Status, standard output and standard error of a job that does `work`."""
    job = SimpleNamespace(HELP="", arguments=lambda _: None, run=lambda *_: work())
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = runtime.main("made-up", job, [])
    return status, out.getvalue(), err.getvalue()


def test_what_is_printed_on_the_way_does_not_mix_with_the_result():
    def work() -> dict:
        print("chatter")
        return {"rows": 1}

    status, out, err = run_made_up(work)
    assert (status, err) == (0, "chatter\n")
    assert out.startswith('{"job": "made-up", "rows": 1, "seconds": ')


def test_an_interrupted_job_says_so_in_one_line():
    def work() -> dict:
        raise KeyboardInterrupt

    assert run_made_up(work) == (130, "", "jet made-up: interrupted; what was finished stays\n")


HOSTILE = "\x1b]0;title\x07 \x9b31m \u202e\njet: error: forged"
SHOWN = r"\u001b]0;title\u0007 \u009b31m \u202e\u000ajet: error: forged"


def test_what_a_ledger_says_cannot_steer_the_terminal_by_an_error():
    def work() -> dict:
        raise ValueError(f"account {HOSTILE}: no name")

    assert run_made_up(work) == (2, "", f"jet made-up: error: account {SHOWN}: no name\n")


def test_what_a_ledger_says_cannot_steer_the_terminal_by_a_log_or_the_result():
    formatter = PrintableFormatter("%(message)s")
    record = logging.LogRecord("jet", logging.INFO, "", 0, "read %s", (HOSTILE,), None)
    assert formatter.format(record) == f"read {SHOWN}"
    status, out, _ = run_made_up(lambda: {"entity": HOSTILE})
    assert status == 0
    assert json.loads(out)["entity"] == HOSTILE
    assert SHOWN.replace(r"\u000a", r"\n") in out


def test_an_unexpected_error_keeps_its_traceback():
    def work() -> dict:
        raise RuntimeError("a fault of jet")

    with pytest.raises(RuntimeError, match="a fault of jet"):
        run_made_up(work)


def test_a_training_that_ray_ends_on_ctrl_c_is_an_interrupted_one_and_gives_the_key_back():
    def fit() -> None:
        signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():
        fit()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_local_ray_is_told_its_address_and_nobody_else(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:1")
    monkeypatch.delenv("RAY_GCS_SERVER_PORT", raising=False)
    with known_address():
        assert os.environ["RAY_ADDRESS"] == f"127.0.0.1:{os.environ['RAY_GCS_SERVER_PORT']}"
    assert os.environ["RAY_ADDRESS"] == "elsewhere:1"
    assert "RAY_GCS_SERVER_PORT" not in os.environ
