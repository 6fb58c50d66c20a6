"""The fine-tuning job: what two workers leave is an encoder that the other jobs take."""

from __future__ import annotations

import pytest
import torch
import transformers
from job_runs import run_job, succeed

from jet.artifacts.artifact import open_artifact
from jet.demo import DemoSettings, write_demo_ledger
from jet.texts.encoder import SentenceEncoder, load_transformer
from jet.training.finetune import Loaded, save_encoder

SMALL = ("--retrieval.max_tokens", 16, "--finetune.batch_size", 64, "--finetune.epochs", 2)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a transformer of one small layer."""
    tokenizer, _ = load_transformer("packaged-minilm", 16)
    torch.manual_seed(3)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **shape)
    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    save_encoder(Loaded(tokenizer, transformers.BertModel(config)), folder)
    return folder


@pytest.fixture(scope="module")
def books(head, settings, tmp_path_factory):
    """Where `jet ingest` left the books of two small companies."""
    assert head.address
    folder = tmp_path_factory.mktemp("books")
    write_demo_ledger(folder / "ledgers", DemoSettings(companies=2, entries=300, open_entries=0, seed=7))
    succeed("ingest", "--ledgers", folder / "ledgers", "--output", folder / "entries", "--config", settings)
    return folder


@pytest.fixture(scope="module")
def tuned(books, tiny, settings, tmp_path_factory):
    """The command of a fine-tuning with two workers, and its JSON line."""
    output = tmp_path_factory.mktemp("tuned") / "encoder"
    given = ("--data", books, "--output", output, "--config", settings)
    command = ("finetune", *given, "--retrieval.encoder", tiny, *SMALL)
    return output, command, succeed(*command)


def test_two_workers_leave_an_encoder_with_other_vectors(tuned, tiny):
    output, _, line = tuned
    assert (line["job"], line["epochs"], line["workers"], line["output"]) == ("finetune", 2, 2, str(output))
    before = SentenceEncoder(str(tiny), "cpu", max_tokens=16)
    after = SentenceEncoder(str(output), "cpu", max_tokens=16)
    assert line["base"] == before.identity != after.identity
    assert abs(after.encode(["rent"]) - before.encode(["rent"])).max() > 1e-4


def test_the_encoder_is_whole_and_its_manifest_says_what_it_was_made_of(tuned, books, tiny):
    output, _, line = tuned
    artifact = open_artifact(str(output), "encoder")
    artifact.verify()
    entries = open_artifact(str(books / "entries"), "entries")
    assert artifact.manifest.inputs == {"entries": entries.manifest.fingerprint, "encoder": line["base"]}
    assert artifact.manifest.config["finetune"]["epochs"] == 2
    assert artifact.manifest.resolved["retrieval"]["encoder"] == str(tiny)
    assert not list(output.parent.glob(".*"))  # neither checkpoints nor staging


def test_the_same_command_finds_it_done_and_another_is_refused(tuned):
    output, command, line = tuned
    written = (output / "manifest.json").stat().st_mtime_ns
    again = succeed(*command)
    assert again | {"seconds": 0} == line | {"seconds": 0}
    assert (output / "manifest.json").stat().st_mtime_ns == written
    other = run_job(*command, "--finetune.seed", 1)
    assert other.status == 2
    assert "finetune.seed" in other.complaint


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("--finetune.batch_size", 3), "finetune.batch_size 3 can't be shared evenly"),
        (("--finetune.batch_size", 2), "finetune.batch_size 2 can't be shared evenly, two pairs or more each"),
        (("--retrieval.encoder", ""), "retrieval.encoder is '', which can't be fine-tuned"),
        (("--finetune.epochs", 0), "finetune.epochs must be at least 1"),
        (("--data", "nowhere"), "nowhere holds no finished entries"),
    ],
)
def test_what_cannot_work_is_refused_before_workers_start(tuned, tmp_path, changed, why):
    _, command, _ = tuned
    done = run_job(*command, "--output", tmp_path / "other", *changed)
    assert done.status == 2
    assert why in done.complaint
