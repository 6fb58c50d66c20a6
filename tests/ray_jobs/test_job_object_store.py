"""The jobs on an object store: a real S3 server that fails now and then, is slow, or refuses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Pipeline
from job_runs import Done, assert_same, entry, run_job, succeed, write_jsonl
from object_store import Front

from jet.artifacts.artifact import open_artifact
from jet.artifacts.storage import files_under, resolve, write_whole
from jet.books.schema import ENTRIES, NEIGHBORS, PREDICTIONS

LEDGERS, OUTPUT = "s3://books/ledgers", "s3://books/run"


@dataclass(frozen=True)
class OnStore:
    """A pipeline run on a store that is slow and fails now and then."""

    arguments: list[str]
    done: Done
    requests: int
    faults: int


def upload(path: Path, uri: str) -> str:
    write_whole(*resolve(uri), path.read_bytes())
    return uri


@pytest.fixture(scope="module")
def on_store(pipeline: Pipeline, settings: Path, store_front: Front, _store: None) -> OnStore:
    """The pipeline of the `pipeline` fixture, with the ledgers, the settings and all that it writes on a store
    that fails at one in twenty requests and takes 50 ms for each."""
    for path in pipeline.ledgers.iterdir():
        upload(path, f"{LEDGERS}/{path.name}")
    upload(settings, "s3://books/settings/small.yaml")
    arguments = ["--ledgers", LEDGERS, "--output", OUTPUT, "--config", "s3://books/settings/small.yaml"]
    store_front.reset()
    store_front.fail(1 / 20)
    store_front.delay = 0.05
    done = run_job("pipeline", *arguments)
    counts = store_front.requests.total(), store_front.faults.total()
    store_front.reset()
    assert done.status == 0, done.err
    return OnStore(arguments, done, *counts)


def table(folder: str, kind: str, schema: pa.Schema) -> pa.Table:
    found = open_artifact(folder, kind).read_table(schema)
    return found.sort_by([("entity", "ascending"), ("entry_id", "ascending")]).combine_chunks()


def test_the_pipeline_on_a_slow_and_failing_store_ends_as_on_a_disk(on_store: OnStore, pipeline: Pipeline):
    assert on_store.faults > 10
    there, here = on_store.done.result, pipeline.done.result
    for name in ("rows", "decisions", "entry_exact_match"):
        assert there[name] == here[name]
    local = str(pipeline.folder)
    entries = [table(f"{where}/entries", "entries", ENTRIES) for where in (OUTPUT, local)]
    assert_same(*(each.drop_columns(["file"]) for each in entries))
    files = [sorted(set(each["file"].to_pylist())) for each in entries]
    assert [f"{LEDGERS}/{Path(name).name}" for name in files[1]] == files[0]
    assert_same(
        *(
            table(f"{where}/predictions", "predictions", PREDICTIONS).drop_columns(["model"])
            for where in (OUTPUT, local)
        )
    )


def test_everything_on_the_store_is_whole_and_no_checkpoint_is_left(on_store: OnStore):
    assert on_store.done.status == 0
    kinds = {"entries": "entries", "neighbors": "neighbors", "model": "model", "report": "report"}
    kinds |= {"to-predict": "entries", "predictions": "predictions"}
    named = set()
    for name, kind in kinds.items():
        artifact = open_artifact(f"{OUTPUT}/{name}", kind)
        artifact.verify()
        named |= {f"{artifact.root}/{file}" for file in artifact.manifest.files}
        named.add(f"books/run/{name}/manifest.json")
    there = {info.path for info in files_under(*resolve(OUTPUT)).values()}
    assert there == named
    report = on_store.done.result["report"]
    assert resolve(report)[1] in there


def test_the_same_command_finds_all_of_it_done_and_writes_nothing(on_store: OnStore, store: Front):
    again = succeed("pipeline", *on_store.arguments)
    assert {**again, "seconds": 0} == {**on_store.done.result, "seconds": 0}
    assert set(store.requests) <= {"GET", "HEAD"}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("bucket_rows", [100, 10_000])
def test_neighbors_of_entries_on_a_disk_are_found_onto_a_store(
    pipeline: Pipeline, settings: Path, bucket_rows: int
):
    output = f"s3://books/neighbors-{bucket_rows}"
    given = ("--entries", pipeline.folder / "entries", "--output", output, "--config", settings)
    succeed("neighbors", *given, "--runtime.bucket_rows", bucket_rows)
    where = (output, str(pipeline.folder / "neighbors"))
    assert_same(*(table(each, "neighbors", NEIGHBORS) for each in where))


@pytest.mark.usefixtures("store")
def test_new_ledgers_on_a_store_are_booked_as_those_on_a_disk(
    on_store: OnStore, pipeline: Pipeline, settings: Path, tmp_path: Path
):
    assert on_store.done.status == 0
    entity = open_artifact(f"{OUTPUT}/entries", "entries").read_table(ENTRIES)["entity"][0].as_py()
    asked = write_jsonl(tmp_path / "new.jsonl", [entry(f"n{n}", entity=entity, booked=False) for n in range(5)])
    reviewed = write_jsonl(tmp_path / "reviewed.jsonl", [entry("r1", entity=entity)])
    given = ["--config", settings]
    there = [upload(path, f"s3://books/new/{path.name}") for path in (asked, reviewed)]
    places = [(*there, OUTPUT, "s3://books/predicted"), (asked, reviewed, pipeline.folder, tmp_path / "out")]
    for new, known, run, output in places:
        succeed(
            *("predict", "--ledgers", new, "--reviewed", known, "--bundle", f"{run}/model"),
            *("--output", output, *given),
        )
    found = [table(str(output), "predictions", PREDICTIONS) for *_, output in places]
    assert len(found[0]) == 5
    assert_same(*(each.drop_columns(["model"]) for each in found))
    left = files_under(*resolve("s3://books"))
    assert not [name for name in left if name.startswith(".predicted")]  # the imports beside it are gone


@pytest.mark.parametrize(
    ("output", "refused", "message"),
    [
        ("s3://nowhere/out", {}, "there is no bucket 'nowhere'"),
        ("s3://books/denied", {"PUT": "AccessDenied"}, "ACCESS_DENIED"),
        ("s3://books/denied", {"GET": "AccessDenied", "HEAD": "AccessDenied"}, "ACCESS_DENIED"),
        ("s3://me:password@books/x", {}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_store_that_refuses_is_told_in_one_line(
    head: object, store: Front, tmp_path: Path, output: str, refused: dict[str, str], message: str
):
    assert head
    ledger = write_jsonl(tmp_path / "a.jsonl", [entry("1")])
    store.refuse = lambda method, _: refused.get(method)
    done = run_job("ingest", "--ledgers", ledger, "--output", output)
    assert done.status == 2
    assert message in done.complaint
    assert "password" not in done.err


def test_parts_that_cannot_be_written_are_told_and_written_when_they_can(on_store: OnStore, store: Front):
    assert on_store.done.status == 0
    store.refuse = lambda method, path: "AccessDenied" if method == "PUT" and "/part-" in path else None
    given = ("--ledgers", f"{OUTPUT}/to-predict", "--bundle", f"{OUTPUT}/model", "--output", "s3://books/later")
    done = run_job("predict", *given)
    assert done.status == 2
    told = done.err.splitlines()[-1]
    assert told.startswith("jet predict: error: When uploading object")
    assert "ACCESS_DENIED" in told
    store.reset()
    assert succeed("predict", *given)["predictions"] == 12


def test_a_ledger_that_cannot_be_had_ends_the_import_instead_of_being_left_out(
    head: object, store: Front, tmp_path: Path
):
    assert head
    for name in ("a", "b"):
        upload(write_jsonl(tmp_path / f"{name}.jsonl", [entry(name)]), f"s3://books/two/{name}.jsonl")
    store.refuse = lambda method, path: "AccessDenied" if method == "GET" and "b.jsonl" in path else None
    done = run_job("ingest", "--ledgers", "s3://books/two", "--output", "s3://books/two-out")
    assert done.status == 2
    assert "b.jsonl" in done.complaint
    store.reset()
    assert succeed("ingest", "--ledgers", "s3://books/two", "--output", "s3://books/two-out")["entries"] == 2


def test_sweeps_ablations_and_encoders_live_on_a_store_too(on_store: OnStore, settings: Path, tmp_path: Path):
    assert on_store.done.status == 0
    quick = ("--config", settings, "--train.max_epochs", 1, "--runtime.train_workers", 1)
    given = ("--data", OUTPUT, *quick)
    space = tmp_path / "space.yaml"
    space.write_text(
        "tune: {searcher: grid, final_seeds: 1, space: {optim.learning_rate: {choice: [1.0e-3, 2.0e-3]}}}\n"
    )
    swept = succeed("tune", *given, "--config", space, "--output", "s3://books/sweep")
    assert swept["statuses"] == {"finished": 2}
    sweep = open_artifact("s3://books/sweep", "sweep")
    assert f"# {swept['best']}".encode() in sweep.read_bytes("best.yaml")

    succeed("ablate", *given, "--rows", "cut-at-length", "--seeds", 0, "--output", "s3://books/ablation")
    assert open_artifact("s3://books/ablation", "ablation").read_bytes("table.md")

    tuning = ("--finetune.epochs", 1, "--finetune.batch_size", 8, "--finetune.max_pairs", 64)
    tuned = succeed(
        "finetune", *given, *tuning, "--retrieval.encoder", "packaged-minilm", "--output", "s3://books/encoder"
    )
    assert tuned["epochs"] == 1
    left = {name.partition("/")[0] for name in files_under(*resolve("s3://books"))}
    assert not [name for name in left if name.startswith(".")]  # checkpoints, records, Tune's own
