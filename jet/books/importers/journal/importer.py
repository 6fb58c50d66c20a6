"""The importer of plain-text journals: files, includes, and what becomes of each line.

Where no setting names the dialect, a journal is read twice: the lines are surveyed first, then imported.
Entries come in the order of the file. Only where hledger needs the order of dates (for a balance assignment in
a file that isn't sorted), all are kept until its end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import BinaryIO

from jet.books.checks import TOLERANCE, Rule, check_entry, reject
from jet.books.importers.common import (
    BrokenRuleError,
    Source,
    UnreadableFile,
    file_stem,
    has_suffix,
    text_lines,
    without_mark,
)
from jet.books.importers.files import open_file, parent
from jet.books.importers.journal.dialects import Choice, Survey, choose
from jet.books.importers.journal.directives import Directives
from jet.books.importers.journal.entries import Draft, Entries, Transaction, reading_of
from jet.books.importers.journal.includes import MOST_DEEP, MOST_FILES, SUFFIXES, included
from jet.books.importers.journal.state import State, begun
from jet.books.importers.journal.syntax import Dialect
from jet.books.records import Entry, FileEnd, Passed, Record, Rejection
from jet.books.settings import ImportSettings

MOST_COMPARED = 100_000
"""The most transactions that are read by both dialects to compare them."""

MOST_KEPT = 300_000
"""The most lines of transactions that are kept to sort them by date."""

_TELLTALE = re.compile(rb"(?m)^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}[ =\t].*\r?\n[ \t]+\S")
_GENERIC_STEMS = ("main", "ledger", "journal", "index")


class LedgerImporter:
    """Reads journals of ledger and hledger."""

    name = "ledger"

    def recognizes(self, path: str, head: bytes) -> bool:
        """Whether the extension is a journal's, or an indented line follows a dated one."""
        if has_suffix(path, *SUFFIXES):
            return True
        return not has_suffix(path, ".beancount", ".bean") and _TELLTALE.search(without_mark(head)) is not None

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file, with included files in place, then every account that is
        declared or used."""
        entity = settings.entity if settings.entity is not None else _entity(source.file)
        survey = Survey()
        if settings.dialect != "ledger":
            for _, line in _Walk(source, settings).lines():
                survey.add(line)
        choice = choose(survey, source.file)
        if settings.dialect != "auto":
            choice = Choice(settings.dialect, "setting")
        elif choice.basis in ("extension", "none") and (survey.is_prone or survey.wrong.total()):
            choice = _by_balance(source, settings, choice)
        reading = _Reading(source, settings, choice, entity)
        if choice.dialect == "hledger" and survey.has_price:
            reading.state.see(_precisions(source, settings, choice))
        if survey.is_prone and choice.basis in ("mark", "extension", "none"):
            reading.entries.others = _readings(source, settings, choice.other)
        reading.entries.has_balances = survey.has_assertion or settings.dialect == "ledger"
        source.stream.seek(0)
        in_order = choice.dialect == "ledger" or survey.is_ordered or not survey.has_assertion
        yield from reading.records() if in_order else reading.sorted_records()
        yield from reading.entries_said()
        yield from reading.state.chart.accounts(entity)


def _by_balance(source: Source, settings: ImportSettings, choice: Choice) -> Choice:
    """The dialect that reads all of a file of which the other one refuses a part."""
    own, other = (bool(_readings(source, settings, each)) for each in (choice.dialect, choice.other))
    if own == other or (own and choice.basis == "extension"):
        return choice
    return Choice(choice.dialect if own else choice.other, "balance", choice.mark)


def _precisions(source: Source, settings: ImportSettings, choice: Choice) -> dict[str, int]:
    """The most decimals of each commodity anywhere in the journal, with which hledger balances prices."""
    source.stream.seek(0)
    reading = _Reading(source, settings, choice, "")
    for _ in reading.drafts():
        pass
    return reading.state.by_hledger.seen if reading.state.by_hledger else {}


def _readings(source: Source, settings: ImportSettings, dialect: Dialect) -> dict[tuple[str, int], str]:
    """A dialect's reading of each transaction by file and line; empty where it refuses any."""
    source.stream.seek(0)
    found: dict[tuple[str, int], str] = {}
    reading = _Reading(source, settings, Choice(dialect, "setting"), "an entity")
    for record in reading.sorted_records() if dialect == "hledger" else reading.records():
        if isinstance(record, Rejection) and record.used_for == "nothing":
            return {}
        if isinstance(record, Entry):
            if record.lines is None or check_entry(record, TOLERANCE) is not None:
                return {}
            found[record.file, record.file_line] = reading_of(record)
        if len(found) >= MOST_COMPARED:
            break
    return found


class _Walk:
    """The lines of a journal and of the files that it includes, as text, for the survey."""

    def __init__(self, source: Source, settings: ImportSettings) -> None:
        self._source = source
        self._encoding = settings.encoding
        self._left = MOST_FILES

    def lines(self) -> Iterator[tuple[int, str]]:
        """All lines with their numbers."""
        source = self._source
        return self._of(source.stream, source.file, source.path, (source.path,))

    def _of(self, stream: BinaryIO, file: str, path: str, chain: tuple[str, ...]) -> Iterator[tuple[int, str]]:
        for number, line in text_lines(stream, file, self._encoding):
            yield number, line
            if line[:1] not in ("i", "!", "@") or not (found := re.match(r"[!@]?include[ \t]+(\S.*)", line)):
                continue
            try:
                folder = self._source.folder or parent(path)
                targets = included(found[1], path, folder, whole_glob=True) if path else []
            except BrokenRuleError:
                continue
            for target in targets:
                self._left -= 1
                if target in chain or len(chain) > MOST_DEEP or self._left < 0:
                    continue
                try:
                    with open_file(target) as inner:
                        yield from self._of(inner, target, target, (*chain, target))
                except (UnreadableFile, OSError):
                    continue


@dataclass(slots=True)
class _Block:
    """A directive with the indented lines below it, or indented lines that belong to nothing."""

    file_line: int
    text: str
    reason: str  # as which they are passed over
    fault: tuple[Rule, str] | None = None
    lines: int = 1
    takes: Callable[[str], tuple[Rule, str] | None] | None = None


class _Reading:
    """The reading of one journal, with everything that it includes."""

    def __init__(self, source: Source, settings: ImportSettings, choice: Choice, entity: str) -> None:
        self.source = source
        self.settings = settings
        self.entity = entity
        self.state: State = begun(choice, settings, lambda here, there: self.entries.note(here, there))
        self.entries = Entries(self.state, settings, entity)
        self._left = MOST_FILES

    def drafts(self) -> Iterator[Record | Draft]:
        """All records, with transactions that aren't balanced yet."""
        source = self.source
        return self._file(source.stream, source.file, source.path, (source.path,))

    def records(self) -> Iterator[Record]:
        """All records in their order."""
        for item in self.drafts():
            if isinstance(item, Draft):
                yield from self.entries.finished(item)
            else:
                yield item

    def sorted_records(self) -> Iterator[Record]:
        """All records in their order, the entries balanced in the order of their dates."""
        kept: list[Record | Draft] = []
        drafts = self.drafts()
        lines = 0
        for item in drafts:
            kept.append(item)
            lines += item.transaction.lines if isinstance(item, Draft) else 1
            if lines > MOST_KEPT:
                self.entries.has_balances = False
                break
        places = [at for at, item in enumerate(kept) if isinstance(item, Draft)]
        done: dict[int, list[Record]] = {}
        for at in sorted(places, key=lambda at: kept[at].date):  # type: ignore[union-attr]
            done[at] = list(self.entries.finished(kept[at]))  # type: ignore[arg-type]
        for at, item in enumerate(kept):
            if isinstance(item, Draft):
                yield from done[at]
            else:
                yield item
        for item in drafts:
            if isinstance(item, Draft):
                yield from self.entries.finished(item)
            else:
                yield item

    def entries_said(self) -> Iterator[Rejection]:
        """A rejection where ledger and hledger read the file differently."""
        if self.entries.differs is not None:
            where, said = self.entries.differs
            yield reject(
                Rule.DIALECT,
                f"the programs differ: {said}; this line is the first: set ingest.dialect to ledger or hledger",
                file=where.file,
                file_line=where.file_line,
                entity=self.entity,
                excerpt=where.header,
                used_for="all",
                file_lines=0,
            )

    def _file(self, stream: BinaryIO, file: str, path: str, chain: tuple[str, ...]) -> Iterator[Record | Draft]:
        passed: Counter[str] = Counter()
        directives = Directives(self.state)
        current: Transaction | _Block | None = None
        skipping: tuple[str, ...] = ()
        number = 0
        for number, line in text_lines(stream, file, self.settings.encoding):
            text = line.strip()
            if skipping:
                passed["comment"] += 1
                skipping = () if line.startswith(skipping) else skipping
                continue
            if text and line[0] in " \t":
                if type(current) is Transaction:
                    current.add(text)
                elif type(current) is _Block:
                    fault = current.takes(text) if current.takes else None
                    if fault is None:
                        current.lines += 1
                    else:
                        yield self._reject(fault, file, number, text)
                elif text[0] == ";" and not self.state.is_ledger:
                    passed["comment"] += 1
                else:
                    current = _Block(number, text, "", _ORPHAN)
                continue
            if current is not None:
                yield from self._ended(current, file, passed)
                current = None
            if not text:
                passed["blank"] += 1
            elif text[0].isdigit() and line[0] == text[0]:
                current = Transaction(file, number, text)
            elif self._is_comment(text):
                passed["comment"] += 1
            elif text[0] in "=~":
                current = self._passed_transaction(number, text)
            elif ends := self._comment_block(text):
                passed["comment"] += 1
                skipping = ends
            elif _is_include(text):
                yield from self._include(text, file, path, number, chain, passed)
            else:
                current = _Block(number, text, "directive", directives.read(text), takes=directives.read_below)
        if current is not None:
            yield from self._ended(current, file, passed)
        if len(chain) > 1:  # the main file's last D says how exactly hledger balances all entries
            directives.end()
        for reason, lines in passed.items():
            yield Passed(file, reason, lines)
        yield FileEnd(file, number, LedgerImporter.name, self.state.choice.dialect)

    def _ended(
        self, current: Transaction | _Block, file: str, passed: Counter[str]
    ) -> Iterator[Record | Draft]:
        if isinstance(current, Transaction):
            yield self.entries.draft(current)
        elif current.fault is None:
            passed[current.reason] += current.lines
        else:
            yield self._reject(current.fault, file, current.file_line, current.text, current.lines)

    def _is_comment(self, text: str) -> bool:
        return text[0] in (";#*|%" if self.state.is_ledger else ";#*")

    def _comment_block(self, text: str) -> tuple[str, ...]:
        """The line that ends the comment block which a line begins; None where it begins none."""
        if self.state.is_ledger:
            return ("end comment", "end test") if text.split(None, 1)[0] in ("comment", "test") else ()
        return ("end comment",) if text == "comment" else ()

    def _passed_transaction(self, number: int, text: str) -> _Block:
        reason, fault = "periodic" if text[0] == "~" else "automated", None
        if text[0] == "=" and self.state.is_ledger:
            message = "an automated transaction isn't applied: write its postings into the entries that it fits"
            reason, fault = "", (Rule.UNSUPPORTED_DIRECTIVE, message)
        return _Block(number, text, reason, fault, takes=self.state.learn)

    def _include(
        self, text: str, file: str, path: str, number: int, chain: tuple[str, ...], passed: Counter[str]
    ) -> Iterator[Record | Draft]:
        target = text.replace("\t", " ").partition(" ")[2].strip()
        try:
            if not path:
                message = f"includes {target[:60]}, which isn't followed from memory: pass the path of the file"
                raise BrokenRuleError(Rule.INCLUDE, message)
            folder = self.source.folder or parent(self.source.path)
            targets = included(target, path, folder, whole_glob=not self.state.is_ledger)
            self._left -= len(targets)
            if len(chain) > MOST_DEEP or self._left < 0:
                most = f"{MOST_DEEP} files within each other, or {MOST_FILES:,} in all"
                raise BrokenRuleError(Rule.INCLUDE, f"include {target[:60]}: more than {most}: include fewer")
        except BrokenRuleError as error:
            yield self._reject((error.rule, str(error)), file, number, text)
            return
        faults: list[str] = []
        for each in targets:
            if each in chain:
                faults.append(
                    f"include {each[:200]} goes in a circle, and isn't followed: remove one of the lines"
                )
                continue
            try:
                with open_file(each) as stream:
                    yield from self._file(stream, each, each, (*chain, each))
            except UnreadableFile as error:
                faults.append(f"include: {error}")
        if not faults:
            passed["directive"] += 1
        for at, fault in enumerate(faults):
            rejection = self._reject((Rule.INCLUDE, fault), file, number, text)
            yield rejection if at == 0 else replace(rejection, file_lines=0)

    def _reject(self, fault: tuple[Rule, str], file: str, number: int, text: str, lines: int = 1) -> Rejection:
        rule, message = fault
        if rule != Rule.UNSUPPORTED_DIRECTIVE or text[0] == "=":  # other directives book nothing
            self.entries.balances.lose(file, number)
        return reject(
            rule, message, file=file, file_line=number, entity=self.entity, excerpt=text, file_lines=lines
        )


_ORPHAN = (
    Rule.MALFORMED,
    "an indented line that belongs to no transaction, since one that is empty, holds only blanks, or begins "
    "with a comment ends a transaction: remove that line, or write a first line with date and payee",
)


def _is_include(text: str) -> bool:
    line = text.lstrip("!@") if text[0] in "!@" else text
    return line.startswith(("include ", "include\t"))


def _entity(file: str) -> str:
    stem, folder = file_stem(file), PurePath(file).parent.name
    return folder if stem.lower() in _GENERIC_STEMS and folder not in ("", "..") else stem
