"""Whether jet reads a journal as the tools do: equal sums, or a refusal by both."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tools import EXACT, Reading, Sums

from jet.books import checks
from jet.books.importers import IMPORTERS, Entry, ImportSettings, Rejection, Source, UnreadableFile
from jet.books.importers.files import open_file

ZERO = Decimal(0)
NEARLY = Decimal("5e-8")
"""What may remain between exact sums: jet stores 8 decimals, hledger tells 10, beancount divides a price by the
units that it is for."""

BY_DESIGN = {
    "automated transaction": re.compile("an automated transaction isn't applied"),
    "expression": re.compile("is an expression, which isn't computed"),
    "one blank or tab before an amount": re.compile("an account and an amount with one blank or tab"),
    "directive not followed": re.compile("begins no directive|is a directive of"),
    "assigned balance of all accounts below": re.compile(r"an amount by ==?\* isn't computed"),
    "a balance that stands for several amounts": re.compile("stands for amounts in several commodities"),
    "a balance with virtual entries in it": re.compile("isn't known since"),
    "an entry of one line that rounds to nothing": re.compile(
        "the entry has no (credit|debit).*it has one line"
    ),
    "two readings, and nothing decides": re.compile("nothing says which is meant"),
    "a format of a thousand and nothing behind it": re.compile(
        "has too many points, or one before a grouping comma"
    ),
    "too large": re.compile("too large"),
}
"""What jet refuses although a tool reads it, by words of the message: never read otherwise."""


@dataclass(frozen=True)
class Difference:
    """What jet makes of a journal in a dialect, beside what the dialect's own tool makes of it."""

    kind: str
    tool: str
    said: str

    def is_like(self, other: Difference) -> bool:
        """Whether another is of the same kind and cause: the words up to the first figure are the same."""
        return (self.kind, self.tool, self._cause()) == (other.kind, other.tool, other._cause())

    def _cause(self) -> str:
        return "" if self.kind.endswith(("sums", "descriptions")) else re.split(r"[\d\"']", self.said)[0]

    def __str__(self) -> str:
        return f"{self.kind} ({self.tool}): {self.said}"


def by_jet(path: Path, dialect: str) -> Reading:
    """What jet makes of a journal: entries as they stand in it, before decimals are rounded."""
    settings = ImportSettings(entity="x", dialect=dialect)
    reading, sums = Reading(), Sums()
    tolerance = Decimal(str(settings.tolerance))
    try:
        with open_file(str(path)) as stream:
            for record in IMPORTERS["ledger"].records(
                Source(path.name, stream, str(path), str(path.parent)), settings
            ):
                if isinstance(record, Rejection):
                    _refuse(reading, record)
                elif isinstance(record, Entry):
                    _add(reading, sums, record, tolerance)
                elif hasattr(record, "dialect"):
                    reading.dialect = record.dialect
    except UnreadableFile as error:
        reading.refusal = str(error)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        reading.failure = f"{error!r} in {Path(frame.filename).name}, line {frame.lineno}"
    reading.sums = sums.result()
    return reading


def _refuse(reading: Reading, rejection: Rejection) -> None:
    if "assert" in rejection.message and rejection.used_for == "all":
        reading.doubt = rejection.message
    if rejection.used_for == "all" or rejection.rule == checks.Rule.NO_LINES:  # the latter changes no sum
        return
    if not reading.refusal or "isn't known since" in reading.refusal:  # another line's refusal is the reason
        reading.refusal = f"{rejection.rule}: {rejection.message} (line {rejection.file_line})"


def _add(reading: Reading, sums: Sums, entry: Entry, tolerance: Decimal) -> None:
    admitted, rejection = checks.admit(entry, tolerance)
    if rejection is not None:
        _refuse(reading, rejection)
    if admitted is None:
        return
    if entry.lines is None and not reading.refusal:  # a tool reads no entry of one posting either
        reading.refusal = f"to be predicted: one posting (line {entry.file_line})"
    date = entry.date.isoformat()
    for line in entry.lines or ():
        if line.amount:
            reading.texts.add((date, entry.description.strip()))
            sums.add(
                date,
                line.account,
                line.currency,
                line.amount if line.side == "D" else line.amount.copy_negate(),
            )


def by_design(refusal: str) -> str:
    """Why jet refuses what a tool reads, where that is meant to be so; else empty."""
    return next((reason for reason, words in BY_DESIGN.items() if words.search(refusal)), "")


def difference(tool: str, theirs: Reading, ours: Reading) -> Difference | None:
    """How the two differ, if they do."""
    if ours.failure:
        return Difference("jet fails", tool, ours.failure)
    if theirs.refusal and (ours.refusal or ("alance assertion" in theirs.refusal and ours.doubt)):
        return None
    if theirs.refusal:
        return Difference("jet reads what the tool refuses", tool, theirs.refusal)
    if by_design(ours.refusal):
        return None
    if ours.doubt:
        return Difference("jet doubts a balance that holds", tool, ours.doubt)
    if ours.refusal:
        return Difference("jet refuses what the tool reads", tool, ours.refusal)
    keys = [
        key
        for key in sorted({*theirs.sums, *ours.sums})
        if abs(EXACT.subtract(theirs.sums.get(key, ZERO), ours.sums.get(key, ZERO))) > NEARLY + theirs.slack
    ]
    if keys:
        unlike = [f"{' '.join(key)}: {theirs.sums.get(key, 0)}, jet {ours.sums.get(key, 0)}" for key in keys]
        return Difference("other sums", tool, "; ".join(unlike[:3]))
    if theirs.texts != ours.texts:
        said = f"{sorted(theirs.texts - ours.texts)[:2]}, jet {sorted(ours.texts - theirs.texts)[:2]}"
        return Difference("other descriptions", tool, said)
    return None
