"""What would travel with a job, and what is refused. Nothing here needs a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from job_runs import ROOT

import jet
import ray_jobs
from jet.artifacts.storage import resolve, write_whole
from ray_jobs.options import ingest
from ray_jobs.runtime.ray_quirks.submission import packed_sizes
from ray_jobs.submission import packing
from ray_jobs.submission.command import check
from ray_jobs.submission.packing import LIMIT_MIB, refuse_passwords, runtime_environment

PACKAGES = [str(Path(package.__file__).parent) for package in (jet, ray_jobs)]


def sent(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in packed_sizes(folder, packing.LEFT_OUT)}


def big(path: Path, mib: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(int(mib * 2**20))


def test_of_a_checkout_the_code_and_its_configs_travel_and_no_books(tmp_path):
    for name in (".rayignore", ".gitignore"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for name in ("jet/__init__.py", "jet/evaluation/page.html.j2", "ray_jobs/__init__.py", "jet.yaml"):
        big(tmp_path / name, 0.01)
    for name in (
        "books.jsonl",
        "run/entries/part-0.parquet",
        "jet/__pycache__/a.pyc",
        "run/jet.yaml",
        ".git/x",
    ):
        big(tmp_path / name, 0.01)
    assert sent(tmp_path) == {
        *("jet/__init__.py", "jet/evaluation/page.html.j2", "ray_jobs/__init__.py", "jet.yaml"),
    }
    assert {name.split("/")[0] for name in sent(ROOT)} - {"cluster.yaml"} == {"jet", "ray_jobs"}


def test_this_folder_travels_where_it_is_a_checkout_and_two_packages_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    here = runtime_environment(None, None, False, [])
    assert (here["working_dir"], "py_modules" in here) == (".", False)
    monkeypatch.chdir(tmp_path)
    elsewhere = runtime_environment(None, None, False, [])
    assert ("working_dir" in elsewhere, elsewhere["py_modules"]) == (False, PACKAGES)
    named = runtime_environment(None, str(tmp_path), False, [])
    assert (named["working_dir"], named["py_modules"]) == (str(tmp_path), PACKAGES)
    assert not {"working_dir", "py_modules"} & runtime_environment(None, None, True, []).keys()


def test_too_much_is_refused_with_the_largest_files_and_the_way_out(tmp_path):
    big(tmp_path / "small.txt", 1)
    big(tmp_path / "data" / "books.parquet", LIMIT_MIB - 3)
    big(tmp_path / "model.bin", 4)
    big(tmp_path / "more.bin", 2)
    with pytest.raises(ValueError, match=r"\.rayignore") as refusal:
        runtime_environment(None, str(tmp_path), True, [])
    assert (
        f"The largest of 4 files: {tmp_path}/data/books.parquet ({LIMIT_MIB - 3}.0 MiB), {tmp_path}/model.bin "
        f"(4.0 MiB), {tmp_path}/more.bin (2.0 MiB)." in str(refusal.value)
    )
    (tmp_path / ".rayignore").write_text("data/\n")
    assert runtime_environment(None, str(tmp_path), True, [])["working_dir"] == str(tmp_path)


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "HF_TOKEN", "PGPASSWORD", "db_passwd"]
)
def test_a_variable_that_looks_like_a_secret_does_not_travel(name, tmp_path, monkeypatch):
    monkeypatch.setenv(name, "planted-value")
    with pytest.raises(ValueError, match=f"{name} looks like a secret.*Kubernetes secret") as refusal:
        runtime_environment(None, None, True, [name])
    assert "planted-value" not in str(refusal.value)
    (tmp_path / "env.yaml").write_text(f"env_vars: {{{name}: planted-value}}\n")
    with pytest.raises(ValueError, match=f"{name} looks like a secret"):
        runtime_environment(str(tmp_path / "env.yaml"), None, True, [])


def test_variables_travel_by_name_beside_those_of_a_runtime_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    (tmp_path / "env.yaml").write_text("pip: [peft]\nenv_vars: {HF_HUB_OFFLINE: '1'}\n")
    found = runtime_environment(str(tmp_path / "env.yaml"), None, True, ["TOKENIZERS_PARALLELISM"])
    assert found["pip"] == ["peft"]
    assert found["env_vars"] == {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    assert "NOT_SET_HERE" not in os.environ
    with pytest.raises(ValueError, match="NOT_SET_HERE: there is no such variable here"):
        runtime_environment(None, None, True, ["NOT_SET_HERE"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("working_dir: .", "name it with --working-dir"),
        ("[pip]", "must be a mapping"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_file_that_is_no_runtime_environment_is_refused(text, said, tmp_path):
    (tmp_path / "env.yaml").write_text(text)
    with pytest.raises(ValueError, match=said):
        runtime_environment(str(tmp_path / "env.yaml"), None, True, [])


def test_a_password_in_a_uri_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="a URI that begins with s3:// holds a password") as refusal:
        refuse_passwords("python -m ray_jobs.ingest --output s3://AKIA:planted-value@bucket/run")
    assert "planted-value" not in str(refusal.value)
    refuse_passwords("--output s3://bucket/run?endpoint_override=http://127.0.0.1:9000 --entity a@b:c")


def test_a_config_on_an_object_store_is_read_where_the_options_are_checked(store):
    assert store.behind
    write_whole(*resolve("s3://books/jet.yaml"), b"runtime: {actors: 0}")
    given = ["--ledgers", "s3://books/in", "--output", "s3://books/out", "--config", "s3://books/jet.yaml"]
    with pytest.raises(ValueError, match=r"runtime\.actors must be at least 1"):
        check("ingest", ingest, given)
