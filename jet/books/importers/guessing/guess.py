"""A guess of how a table is to be read, or a refusal that says what isn't sure and how to say it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from jet.books.importers.common import CHUNK_BYTES, Source, UnreadableFile
from jet.books.importers.guessing.columns import Assigned, assigned, is_plain
from jet.books.importers.guessing.headers import Header, header_of
from jet.books.importers.guessing.trials import Trial, tried
from jet.books.importers.guessing.words import COUNTER_ACCOUNTS, word
from jet.books.settings import ImportSettings


@dataclass(frozen=True)
class Guess:
    """How a table is read."""

    settings: ImportSettings
    said: tuple[str, ...]
    """What was guessed, for people: five lines."""

    @property
    def config(self) -> dict[str, Any]:
        """The settings that aren't the defaults: the part `ingest` of a config."""
        return config_of(self.settings)


class Undecided(UnreadableFile):
    """A table that can't be read before a person decides something; `config` is what is known of it."""

    def __init__(self, message: str, config: dict[str, Any]) -> None:
        super().__init__(message)
        self.config = config


def config_of(settings: ImportSettings) -> dict[str, Any]:
    """The settings that aren't the defaults."""
    usual = ImportSettings()
    return {
        each.name: getattr(settings, each.name)
        for each in fields(settings)
        if getattr(settings, each.name) != getattr(usual, each.name)
    }


def guess(source: Source, settings: ImportSettings) -> Guess | None:
    """How the table in `source` is to be read, where `settings` don't say what its columns are called; None
    where nothing is to be guessed: its columns are called like the fields, or nothing in it is like a header.

    Reads the whole file, some times. Raises `Undecided` where more than one reading is left, or none fits.
    """
    if settings.columns:
        return None
    header = header_of(source, settings)
    if header is None or is_plain(header.names, settings):
        return None
    return _Guessing(source, settings, header).guess()


class _Guessing:
    def __init__(self, source: Source, settings: ImportSettings, header: Header) -> None:
        self._source, self._header = source, header
        self._assigned: Assigned = assigned(header.names)
        delimiter = settings.delimiter or header.delimiter or None
        self._settings = replace(settings, delimiter=delimiter, sheet=header.sheet or settings.sheet)
        self._start = f"{source.file}: line {header.line} is taken for the header"

    def guess(self) -> Guess:
        columns = self._assigned.columns
        if columns.get("description") and not columns.get("text"):
            columns["text"] = columns["description"]  # which may differ from row to row
        if self._assigned.doubts:
            raise self._undecided(self._assigned.doubts, self._named(next(iter(self._assigned.every_id), "")))
        trial = self._grouped()
        if columns["text"] == columns["description"] and not trial.has_line_texts:
            rest = {field: name for field, name in trial.settings.columns.items() if field != "text"}
            trial = tried(self._source, replace(trial.settings, columns=rest))
        trial = self._pinned(trial)
        doubts = self._doubts(trial)
        if doubts:
            raise self._undecided(doubts, trial.settings)
        return Guess(trial.settings, self._said(trial))

    def _grouped(self) -> Trial:
        """The reading whose entries balance; of readings by ids of the second kind only where none of the first
        does. Raises `Undecided` where none does, or several give other entries."""
        trials: list[Trial] = []
        for ids in self._assigned.ids:
            some = [self._by_id(name) for name in ids]
            if doubts := [doubt for trial in some for doubt in trial.undecided]:
                raise self._undecided(list(dict.fromkeys(doubts)), some[0].settings)
            fitting = [trial for trial in some if trial.fits]
            if len({trial.groups for trial in fitting}) > 1:
                names = " and ".join(repr(_id(trial)) for trial in fitting)
                doubt = (
                    f"by {names} the rows make different entries, and all of these balance: name the right one "
                    f"in ingest.columns, as in {{entry_id: {_id(fitting[0])}}}"
                )
                raise self._undecided([doubt], fitting[0].settings)
            if fitting:
                return fitting[0]
            trials += some
        best = max(trials, key=lambda trial: trial.good - trial.bad)
        raise self._undecided([self._unbalanced(best)], best.settings)

    def _by_id(self, entry_id: str) -> Trial:
        """The reading by a column of ids: with the column of journals, but where the entries only balance
        without it."""
        trial = self._tried(entry_id, with_journal=True)
        if trial.fits or not self._assigned.columns.get("journal"):
            return trial
        without = self._tried(entry_id, with_journal=False)
        return without if without.fits else trial

    def _tried(self, entry_id: str, with_journal: bool) -> Trial:
        settings = self._named(entry_id)
        if not with_journal:
            settings = replace(settings, columns=settings.columns | {"journal": ""})
        try:
            return tried(self._source, settings)
        except UnreadableFile as error:
            raise Undecided(str(error), config_of(settings)) from None

    def _named(self, entry_id: str) -> ImportSettings:
        columns = {"entry_id": entry_id} | self._assigned.columns
        return replace(self._settings, columns=columns)

    def _pinned(self, trial: Trial) -> Trial:
        """The same reading by settings that say of numbers and dates what was found, so that a file of which
        less can be found is read alike."""
        settings, found = trial.settings, trial.found
        comma = settings.decimal_comma
        if comma is None and found.mark:
            comma = found.mark == ","
        pinned = replace(settings, decimal_comma=comma, date_format=settings.date_format or found.orders.format)
        if pinned == settings:
            return trial
        again = tried(self._source, pinned)
        return again if again.entries == trial.entries and again.bad == trial.bad else trial

    def _doubts(self, trial: Trial) -> list[str]:
        """What the reading leaves for a person to decide, in words, with the way out."""
        doubts = []
        if self._assigned.is_signed and "+" not in trial.settings.sides:
            doubts.append(
                f"the sign of {self._assigned.columns['amount']!r} tells the sides, and nothing says of which "
                'positive amounts are: set ingest.sides to {"+": D} where they are debits, as in most exports, '
                'or to {"+": C}'
            )
        if trial.without_account:
            doubts.append(
                f"{len(trial.without_account):,} rows have no account, the first in line "
                f"{trial.without_account[0]}: leave them out where they are sums; where they are entries to "
                "predict, give these columns by --config"
            )
        return doubts

    def _unbalanced(self, trial: Trial) -> str:
        """That no reading balances, with the first fault, and what shape the table may have."""
        words = {word(name) for name in self._header.names}
        hint = ""
        if words & COUNTER_ACCOUNTS:
            hint = "; its rows have two accounts, and jet reads one line of an entry a row: split them in two"
        return (
            f"by {_id(trial)!r}, {trial.bad:,} of {trial.good + trial.bad:,} entries break a rule, the first: "
            f"{trial.first_fault}{hint}: correct the columns in ingest.columns"
        )

    def _undecided(self, doubts: list[str], settings: ImportSettings) -> Undecided:
        return Undecided(
            f"{self._start}, but its columns can't be told for sure: {'; '.join(doubts)}"[:2500],
            config_of(settings),
        )

    def _said(self, trial: Trial) -> tuple[str, ...]:
        settings, header = trial.settings, self._header
        columns = {field: name for field, name in settings.columns.items() if name}
        how = self._assigned.preset or "the words of its header"
        if header.sheet:
            place = f"sheet {header.sheet!r}, header in row {header.line}"
        else:
            encoding = settings.encoding if settings.encoding != "auto" else _encoding(self._source)
            place = f"{encoding}, delimiter {header.delimiter!r}, header in line {header.line}"
        unread = [name for name in header.names if name and name not in columns.values()]
        sides = "debits and credits in two columns" if "debit" in columns else "amounts with a sign"
        if "side" in columns:
            sides = f"sides in words ({', '.join(sorted(trial.found.words)[:4])})"
        mark = {None: "no decimals", True: "decimal comma", False: "decimal point"}[settings.decimal_comma]
        return (
            f"{self._source.file}: columns guessed by {how}; {place}",
            "columns: "
            + ", ".join(f"{field}: {name}" for field, name in columns.items())
            + (f"; not read: {', '.join(unread)[:500]}" if unread else ""),
            f"amounts: {sides}, {mark}",
            f"dates: {settings.date_format or 'with one reading'}",
            f"entries: {trial.good:,} balance, {trial.bad:,} break a rule",
        )


def _id(trial: Trial) -> str:
    return trial.settings.columns["entry_id"]


def _encoding(source: Source) -> str:
    """The encoding that "auto" finds, by the first part that isn't ASCII."""
    source.stream.seek(0)
    while chunk := source.stream.read(CHUNK_BYTES):
        if not chunk.isascii():
            try:
                chunk[: chunk.rfind(b"\n") + 1 or None].decode("utf-8")
            except UnicodeDecodeError:
                return "windows-1252"
            return "utf-8"
    return "ascii"
