"""Books, a training and a bundle that many tests share. Nothing here is changed by a test.

`make test` runs two processes of pytest (pytest-xdist). The tests that share a Ray stay together in one of
them, and beside it the other one runs the files without Ray.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import hypothesis
import made_up
import numpy as np
import object_store
import pytest
import small_books
import small_corpus
import torch

# Before any test's module imports Ray, which reads its environment then: the token of the tests' Ray, and what
# the jobs say.
TOKEN = Path(tempfile.mkdtemp(prefix="jet-token-")) / "token"
atexit.register(shutil.rmtree, TOKEN.parent, ignore_errors=True)
TOKEN.write_text(secrets.token_hex(32))
TOKEN.chmod(0o600)
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN_PATH"] = str(TOKEN)
import ray_jobs  # noqa: E402, F401

# No test is timed: a busy machine takes .3 s for what takes .002 s on an idle one.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ONE_RAY = "tests/ray_jobs/"
"""The tests that share a Ray, but for those `BESIDE` them."""
BESIDE = ("tests/ray_jobs/own_rays/", "tests/ray_jobs/test_job_object_store.py")
"""Tests that start Rays for themselves, and the longest file of the others: in another process it has the Ray
of that process, and the two processes end at about the same time."""


def pytest_collection_modifyitems(config, items):
    """Leave out the nightly tests unless -m speaks of them; so `-m "not ray"` doesn't bring them in."""
    if "nightly" not in config.option.markexpr:
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand whole files to the processes, and the tests that share a Ray as if they were one file."""
    from xdist.scheduler import LoadFileScheduling

    class OneRay(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shares = nodeid.startswith(ONE_RAY) and not nodeid.startswith(BESIDE)
            return ONE_RAY if shares else super()._split_scope(nodeid)

    return OneRay(config, log)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Sums come out the same on every machine, and a busy core isn't fought over."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_entries():
    return made_up.books()


@pytest.fixture(scope="session")
def small_accounts():
    return made_up.accounts_table(made_up.chart_rows())


@pytest.fixture(scope="session")
def data(small_entries, small_accounts):
    """Training data of about 160 entries."""
    return made_up.training_data(small_entries, small_accounts)


@pytest.fixture(scope="session")
def trained(data):
    """A trainer after four epochs."""
    one = made_up.trainer(data)
    made_up.train(data, one, 4)
    return one


@pytest.fixture(scope="session")
def bundle(data, trained):
    """A calibrated bundle."""
    return made_up.calibrated(data, made_up.assembled(data, trained.network))


@pytest.fixture(scope="session")
def bundle_path(bundle, tmp_path_factory):
    return made_up.save(bundle, tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture(scope="session")
def fixed():
    """What a training on the charts of `small_books` leaves behind. No test changes it."""
    return small_books.fixed_data()


@pytest.fixture(scope="session")
def fixed_bundle(fixed):
    """A bundle of it whose network is random: it must hold for any."""
    return made_up.calibrated(
        fixed, made_up.assembled(fixed, made_up.network(fixed), small_books.Drawn.identity)
    )


@pytest.fixture(scope="session")
def fake_encoder():
    return small_corpus.FakeEncoder()


@pytest.fixture(scope="session")
def new_entries():
    """Entries to predict: of every entity, new and known texts, on days before, within and after the books."""
    draw = np.random.default_rng(5)
    texts = ["office rent", "customer invoice 3", "paper shop", "something never seen", "rent", "ticket 9", ""]
    rows = []
    for number in range(60):
        entity = ["alder", "birch", "cedar", "nobody"][draw.choice(4, p=[0.45, 0.4, 0.1, 0.05])]
        total = [None, "100.00", "250.00"][draw.integers(3)]
        text = texts[draw.integers(len(texts))]
        rows.append(made_up.entry(entity, f"n{number}", int(draw.integers(-5, 230)), text, None, total))
    return made_up.entries_table(rows)


@pytest.fixture(scope="session")
def store_front():
    """What stands for S3 in these tests: it listens, whether or not there is a server behind it."""
    with object_store.front() as front:
        yield front


@pytest.fixture(scope="session")
def _store(store_front):
    with object_store.s3_behind(store_front, "books"):
        yield


@pytest.fixture(scope="session")
def google_store():
    """A Google Cloud Storage with an empty bucket `books`."""
    with object_store.google("books"):
        yield


@pytest.fixture
def store(store_front, _store):
    """An S3 that works, with an empty bucket `books` to begin with; tests let it fail through the front."""
    store_front.reset()
    yield store_front
    store_front.reset()


@pytest.fixture(params=["local", "s3", "gs"])
def place(request, tmp_path):
    """A folder of the test's own: on disk, on S3, on Google's store."""
    if request.param == "local":
        return str(tmp_path / "run")
    request.getfixturevalue("store" if request.param == "s3" else "google_store")
    name = request.node.name.replace("[", "-").replace("]", "")
    return f"{'s3://' if request.param == 's3' else 'gs://anonymous@'}books/{name}"
