"""The records of a sweep's trials: a small file each, on any storage, replaced atomically.

Why not Optuna's storages: they are a database, Redis, or a file that grows by appending, and a sweep's work
folder may lie on an object store, where nothing can be appended. Records also cover trainings that are in no
study: the rounds of a population, the final ones of winner and base config.
"""

from __future__ import annotations

from jet.artifacts.storage import listed, read_whole, remove_file, resolve, write_whole
from jet.experiments.sweep.trials import Trial


class Records:
    """The records in a sweep's work folder. Only the job writes them; a trial's driver reads its own."""

    def __init__(self, work: str) -> None:
        self.filesystem, self.root = resolve(f"{work}/trials")

    def read(self, key: str) -> Trial | None:
        """The record of a trial; None where it hasn't begun."""
        try:
            return Trial.from_json(read_whole(self.filesystem, f"{self.root}/{key}.json"))
        except FileNotFoundError:
            return None

    def write(self, trial: Trial) -> None:
        """Write the record of a trial."""
        write_whole(self.filesystem, f"{self.root}/{trial.key}.json", trial.to_json())

    def forget(self, key: str) -> None:
        """Delete the record of a trial, so that it runs again."""
        remove_file(self.filesystem, f"{self.root}/{key}.json")

    def all(self) -> list[Trial]:
        """Every record, in the order in which the trials began."""
        files = listed(self.filesystem, self.root)
        names = [info.base_name for info in files if info.extension == "json" and info.base_name[0] != "."]
        trials = [trial for name in names if (trial := self.read(name.removesuffix(".json")))]
        return sorted(trials, key=lambda trial: trial.number)
