"""W&B takes figures offline, and a training never fails because of it."""

import logging
import os
import socket
import sys
import time

import pytest
import wandb

from jet.training.tracking import NoTracker, TrackingSettings, WandbTracker, build_tracker


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # wandb's own imports
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # wandb leaves its service's pipes to the process's end
def test_offline_figures_are_kept_in_a_folder_that_can_be_synced(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    settings = TrackingSettings(wandb="offline", group="those-of-one-sweep")
    tracker = build_tracker(settings, {"hidden": 16}, str(tmp_path), "a-run")
    assert isinstance(tracker, WandbTracker)
    tracker.log({"train/loss": 1.5, "train/weight_pointer": 1.0}, step=1)
    tracker.log({"val/likelihood": -2.0}, step=2)
    tracker.close()
    (kept,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    for _ in range(300):  # wandb's own process writes the file, and may still be at it
        content = kept.read_bytes()
        if b"train/loss" in content and b"val/likelihood" in content:
            break
        time.sleep(0.1)
    assert b"train/loss" in content
    assert b"val/likelihood" in content
    assert b"those-of-one-sweep" in content


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as above
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_wandb_is_told_the_config_and_the_figures_and_nothing_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    monkeypatch.setattr(sys, "argv", ["jet", "--output", "s3://the-command-line"])
    monkeypatch.setattr(socket, "gethostname", lambda: "the-machine")
    tracker = build_tracker(TrackingSettings(wandb="offline"), {"a": "the-config"}, str(tmp_path), "a-run")
    tracker.close()
    wandb.teardown()  # its own process has written all then
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"the-config" in content
    told = ("the-command-line", sys.executable, "the-machine", os.environ["WANDB_API_KEY"])
    assert [text for text in told if text.encode() in content] == []


def test_without_wandb_the_training_goes_on_and_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    with caplog.at_level(logging.WARNING):
        tracker = build_tracker(TrackingSettings(wandb="offline"), {}, str(tmp_path), "a-run")
    assert isinstance(tracker, NoTracker)
    assert "goes on without it" in caplog.text


def test_a_tracker_that_fails_is_reported_and_does_not_stop_the_training(caplog):
    class Broken:
        def log(self, _figures, **_step):
            raise ConnectionError("no route to host")

    with caplog.at_level(logging.WARNING):
        WandbTracker(Broken()).log({"train/loss": 1.0}, step=3)
    assert "step 3" in caplog.text
    assert "no route to host" in caplog.text


def test_disabled_is_the_default_and_touches_nothing(tmp_path):
    tracker = build_tracker(TrackingSettings(), {}, str(tmp_path), "a-run")
    tracker.log({"train/loss": 1.0}, step=1)
    tracker.close()
    assert isinstance(tracker, NoTracker)
    assert not list(tmp_path.iterdir())
