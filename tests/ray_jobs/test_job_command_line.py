"""What the command line refuses, and how it says so."""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import pytest
from job_runs import ROOT, entry, run_job, succeed, write_jsonl

from jet.books.settings import ImportSettings
from jet.experiments.ablation.ablation import GRID
from ray_jobs import cli
from ray_jobs.options import ablate, ingest, pipeline
from ray_jobs.runtime import command as runtime
from ray_jobs.runtime.arguments import job_parser, parsed
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
        "export",
        "evaluate",
        "compare",
        "review",
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
    assert shown.startswith(f"usage: jet {job}")
    assert "--output" in shown
    assert len(shown.splitlines()) <= 60
    options = importlib.import_module(f"ray_jobs.options.{job.replace('-', '_')}")
    parser = job_parser(job, options)
    assert len(options.TEN) <= 10
    assert set(options.TEN) <= {action.dest for action in parser._actions}
    assert all(f"--{name} " in shown for name in options.TEN)
    assert {name.partition(".")[0] for name in options.TEN} <= set(options.PARTS)


@pytest.mark.parametrize("job", JOBS)
def test_help_all_tells_every_setting_that_bears_on_the_job_and_no_other(job, monkeypatch, capsys):
    assert jet(monkeypatch, job, "--help", "all") == 0
    shown = set(re.findall(r"^  --(\w+)\.\w+ ", capsys.readouterr().out, re.MULTILINE))
    options = importlib.import_module(f"ray_jobs.options.{job.replace('-', '_')}")
    assert shown - {"tune", "finetune"} == set(options.PARTS)


@pytest.mark.parametrize("job", ["ingest", "neighbors", "train", "predict", "export", "evaluate", "finetune"])
def test_the_parts_that_decide_what_a_job_writes_are_among_those_that_help_tells(job):
    source = (ROOT / "ray_jobs" / f"{job}.py").read_text()
    named = set(re.findall(r'"(\w+)"', " ".join(re.findall(r"config\.part\(([^)]*)\)", source))))
    named |= set(re.findall(r"config\.(\w+)\b(?!\()", source))
    options = importlib.import_module(f"ray_jobs.options.{job}")
    assert named <= set(options.PARTS)


def test_the_rows_that_the_help_of_ablate_names_are_those_of_the_grid():
    assert tuple(row.name for row in GRID) == ablate.ROWS


def test_help_tells_of_every_setting_what_it_means():
    parser = job_parser("pipeline", pipeline)
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
    assert jet(monkeypatch, "trian") == 2
    assert capsys.readouterr().err.startswith("jet: error: there is no job 'trian': did you mean train?\n")


HEAVY = """
import sys
from ray_jobs import cli
sys.argv = ["jet", *sys.argv[1:]]
try:
    cli.main()
except SystemExit as end:
    print(end.code, *sorted({"ray", "torch", "pyarrow", "jsonargparse", "numpy"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        ("--help", "0"),
        ("predict --help", "0 jsonargparse numpy"),
        ("pipeline --help all", "0 jsonargparse numpy"),
        ("compare --help", "0 jsonargparse numpy"),
        ("compare nowhere here", "2 jsonargparse numpy pyarrow"),
        ("compare one", "2 jsonargparse numpy"),
        ("predict --ledgers here --bundle b --output o --model.hiden 3", "2 jsonargparse numpy"),
        ("predict --ledgers here --bundle b --output o --predict.promise 7", "2 jsonargparse numpy"),
        ("predict --ledgers here --output o --model nowhere", "2 jsonargparse numpy pyarrow"),
        ("ingest --ledgers nowhere.se --output o", "2 jsonargparse numpy pyarrow"),
        ("export --format sie --ledgers nowhere.se --predictions p --output o", "2 jsonargparse numpy pyarrow"),
        ("train --data nowhere --output o", "2 jsonargparse numpy pyarrow"),
    ],
)
def test_a_help_or_a_slip_imports_neither_ray_nor_torch(command, ends, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == ends, done.stderr
    assert len(done.stderr.splitlines()) == int(ends[0]) / 2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--ledgerz", "x"], "there is no option --ledgerz: did you mean --ledgers?"),
        (["--model.hiden", "3"], "there is no option --model.hiden: did you mean --model.hidden?"),
        (["--max_epochs", "3"], "there is no option --max_epochs: did you mean --train.max_epochs?"),
        (["--optim.max_epochs=3"], "there is no option --optim.max_epochs: did you mean --train.max_epochs?"),
        (["--xyzzy", "3"], "there is no option --xyzzy; jet ingest --help lists"),
        (["--tracking.wandb", "offlin"], "got offlin: did you mean offline?"),
        (["--model.hidden", "many"], "model.hidden must be a whole number, got many; jet ingest"),
        (["--train.precision", "8"], "must be one of auto, fp32, bf16, got 8; jet ingest"),
        (["--config={model: {hiden: 3}}"], "there is no setting model.hiden: did you mean model.hidden?"),
        (["--config={modell: {hidden: 3}}"], "there is no setting modell: did you mean model?"),
        (["--config={trian: {max_epochs: 3}}"], "there is no setting trian: did you mean train?"),
        (["--config={ingest: {columns: {acount: No}}}"], "columns: acount not among our fields"),
    ],
)
def test_what_is_no_option_or_setting_is_told_with_the_nearest_that_is(given, says, tmp_path):
    done = run_job("ingest", "--ledgers", "x", "--output", tmp_path / "out", *given)
    assert done.status == 2
    assert says in done.complaint
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("yaml", "columns"),
    [
        ("ingest: {columns: {account: No}}", {"account": "No"}),
        (
            "ingest: {columns: {account: on, text: 0420, total: 1_0, date: 2025-01-31, side: ~x}}",
            {"account": "on", "text": "0420", "total": "1_0", "date": "2025-01-31", "side": "~x"},
        ),
        (
            "ingest:\n  columns:\n    account: 4\n    text: 1.50\n    side: 12:30",
            {"account": "4", "text": "1.50", "side": "12:30"},
        ),
        ("ingest: {columns: {account: 'null'}}", {"account": "null"}),
    ],
)
def test_texts_of_a_config_stay_as_they_are_written(yaml, columns, tmp_path):
    (tmp_path / "s.yaml").write_text(yaml)
    for config in (["--config", str(tmp_path / "s.yaml")], [f"--config={yaml}"]):
        assert read_as_ingest(*config).columns == columns


def test_words_of_sides_are_keys_as_they_are_written():
    given = read_as_ingest("--config={ingest: {sides: {on: D, 0420: C, No: C, null: D, 1e3: C}}}")
    assert given.sides == {"on": "D", "0420": "C", "No": "C", "null": "D", "1e3": "C"}
    assert read_as_ingest("--ingest.sides", "{on: D, 0420: C}").sides == {"on": "D", "0420": "C"}
    assert read_as_ingest("--ingest.sides={No: C}").sides == {"No": "C"}


def test_a_text_setting_takes_what_yaml_takes_for_something_else():
    given = read_as_ingest("--config={ingest: {entity: 0420, default_currency: NO, delimiter: null}}")
    assert (given.entity, given.default_currency, given.delimiter) == ("0420", "NO", None)


def test_numbers_and_booleans_of_a_config_are_what_they_were():
    given = read_as_ingest("--config={ingest: {tolerance: 1e-3, strict: yes, skip_lines: 3}}")
    assert (given.tolerance, given.strict, given.skip_lines) == (0.001, True, 3)


def test_a_null_among_texts_is_refused():
    with pytest.raises(ValueError, match=r"ingest\.columns\.account must not be null: write \"null\""):
        read_as_ingest("--config={ingest: {columns: {account: null}}}")


def read_as_ingest(*given: str) -> ImportSettings:
    parser = job_parser("ingest", ingest)
    return parser.instantiate(parsed(parser, ["--ledgers", "x", "--output", "y", *given], ingest)).ingest


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
    done = run_job("neighbors", *given, f"--{setting}", 1000, "--runtime.bucket_rows", 100)
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


def run_made_up(work, *given: str) -> tuple[int, str, str]:
    """Status, standard output and standard error of a job that does `work`."""
    options = SimpleNamespace(HELP="", arguments=lambda _: None)
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = runtime.main("made-up", options, lambda *_: work(), given)
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


def failing(error: BaseException):
    def work() -> dict:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "status", "found"),
    [
        (lambda: {"rows": 1}, 0, {"rows": 1}),
        (lambda: "some text", 0, {"text": "some text"}),
        (failing(ValueError("no such thing")), 2, {"error": "no such thing"}),
        (failing(KeyboardInterrupt()), 130, {"error": "interrupted; what was finished stays"}),
    ],
)
def test_the_result_goes_to_a_file_too_with_the_status(work, status, found, tmp_path):
    file = tmp_path / "new" / "result.json"
    assert run_made_up(work, f"--result={file}")[0] == status
    written = json.loads(file.read_text())
    assert written.pop("seconds") >= 0
    assert written == {"job": "made-up", "status": status, **found}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_fault_leaves_a_result_too(tmp_path):
    with pytest.raises(RuntimeError, match="a fault of jet"):
        run_made_up(failing(RuntimeError("a fault of jet")), "--result", str(tmp_path / "r"))
    written = json.loads((tmp_path / "r").read_text())
    assert (written["status"], written["error"]) == (1, "RuntimeError: a fault of jet")


def test_a_wrong_option_leaves_a_result_too(tmp_path):
    assert run_made_up(dict, "--result", str(tmp_path / "r"), "--resullt=x")[0] == 2
    assert json.loads((tmp_path / "r").read_text())["error"].startswith(
        "there is no option --resullt: did you mean --result?"
    )


def test_the_result_of_the_night_before_is_gone_while_a_job_is_at_work(tmp_path):
    (tmp_path / "r").write_text("of yesterday")
    was_there = []
    run_made_up(lambda: {"there": was_there.append((tmp_path / "r").exists())}, "--result", str(tmp_path / "r"))
    assert was_there == [False]


def test_a_result_that_cannot_be_written_is_told_before_the_job_begins(tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = run_made_up(failing(AssertionError("it ran")), "--result", str(tmp_path / "file" / "r"))
    assert status == 2
    assert "--result" in err
    assert "can't be made" in err


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


def test_ctrl_c_while_ray_ends_with_the_process_ends_it_without_a_word(tmp_path):
    ending = """
import atexit, sys, time
from ray_jobs import cli

@atexit.register
def end():
    print("ending", flush=True)
    time.sleep(60)

cli.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", ending, "clean", "--folder", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert json.loads(process.stdout.readline())["job"] == "clean"
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out, "Traceback" in err) == ("", False), err
    assert process.returncode == -signal.SIGINT


def test_a_local_ray_is_told_its_address_and_nobody_else(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:1")
    monkeypatch.delenv("RAY_GCS_SERVER_PORT", raising=False)
    with known_address():
        assert os.environ["RAY_ADDRESS"] == f"127.0.0.1:{os.environ['RAY_GCS_SERVER_PORT']}"
    assert os.environ["RAY_ADDRESS"] == "elsewhere:1"
    assert "RAY_GCS_SERVER_PORT" not in os.environ
