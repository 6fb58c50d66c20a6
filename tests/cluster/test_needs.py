"""What cluster/needs.py says of the jobs is what they themselves require of a cluster before they start."""

from types import SimpleNamespace

import pytest

from cluster.needs import needs
from jet.experiments.sweep.settings import TuneSettings
from ray_jobs import neighbors, predict
from ray_jobs.ddp import training
from ray_jobs.runtime import connection
from ray_jobs.runtime.settings import JobConfig, RuntimeSettings
from ray_jobs.sweeps import trial_runs

SETTINGS = RuntimeSettings(
    executor="ray", actors=3, index_shards=5, actor_cpus=0.75, train_workers=4, train_gpu=True
)
STARTS = {
    "neighbors": lambda artifact, output, config: neighbors.neighbors(artifact, output, config),
    "predict": lambda artifact, output, config: predict.predict(artifact, artifact, output, config),
    "train": lambda _, output, config: training.fit("data", output, config, "name"),
    "tune": lambda _, __, config: trial_runs.concurrency(TuneSettings(), config),
}


class RequiredError(Exception):
    """Ends a job where it says what it requires."""


@pytest.mark.parametrize("job", STARTS)
def test_needs_are_what_the_job_requires(job, tmp_path, monkeypatch):
    def required(_, cpus, gpus, *__):
        raise RequiredError(cpus, gpus)

    for module in (neighbors, connection, training):
        monkeypatch.setattr(module, "require", required)
    for module in (neighbors, connection):
        monkeypatch.setattr(module, "connect", lambda _: None)
    most = neighbors.Plan(texts=[], whole=[], spread={"bucket=00000": []})
    monkeypatch.setattr(neighbors, "planned", lambda *_: most)
    monkeypatch.setattr(trial_runs, "room", required)
    artifact = SimpleNamespace(manifest=SimpleNamespace(fingerprint="a", rows={"entries": 1}), fingerprint="b")
    with pytest.raises(RequiredError) as told:
        STARTS[job](artifact, str(tmp_path / "output"), JobConfig(runtime=SETTINGS))
    asked = needs(job, SETTINGS)
    cpus = sum(need.count * need.resources["CPU"] for need in asked)
    gpus = sum(need.count * need.resources.get("GPU", 0) for need in asked)
    assert told.value.args == (pytest.approx(cpus), gpus)


def test_a_job_without_known_needs_is_an_error():
    with pytest.raises(ValueError, match="doesn't know what the job report asks for"):
        needs("report", SETTINGS)
