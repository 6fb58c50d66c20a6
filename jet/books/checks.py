"""The rules that every entry and account must satisfy, whatever format it came from.

`Rule` lists all of them, also those that only one format can break, so that a rejection can be looked up in one
place. A check reports the first broken rule, with the fault in words and the way out. `admit` decides what an
entry that breaks a rule may still be used for.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from decimal import Context, Decimal
from enum import StrEnum

from jet.books.currencies import decimals
from jet.books.records import Account, Entry, Line, Rejection, total_of
from jet.books.schema import DIRECTIONS, NATURES, Use
from jet.books.words import SIDES

TOLERANCE = Decimal("0.005")
MAX_LINES = 10_000
MAX_TEXT_BYTES = 100_000
FIRST_DAY = datetime.date(1900, 1, 1)
LAST_DAY = datetime.date(2200, 12, 31)
AMOUNT_LIMIT = Decimal(10) ** 20
SMALLEST_UNIT = Decimal("1e-8")
EXACT = Context(prec=40)
"""Wide enough for any amount, so that rounding to the smallest unit changes nothing else."""
EXCERPT_CHARACTERS = 200


class Rule(StrEnum):
    """A rule, by its name in the rejected table, with a sentence that explains it."""

    explanation: str

    def __new__(cls, name: str, explanation: str) -> Rule:
        """Make a member with the value `name`."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.explanation = explanation
        return member

    MISSING_ID = "missing_id", "An entry has an id of its own."
    MISSING_ENTITY = "missing_entity", "An entry names the entity whose books it is in."
    BAD_DATE = "bad_date", "A posting date can be read and lies between 1900 and 2200."
    NO_LINES = "no_lines", "An entry has a line; a zero amount that is on no side makes none."
    TOO_MANY_LINES = "too_many_lines", f"An entry has at most {MAX_LINES:,} lines."
    MISSING_ACCOUNT = "missing_account", "A line names its account, and a chart row its code."
    BAD_SIDE = "bad_side", "A line is on side D (debit) or C (credit)."
    BAD_AMOUNT = (
        "bad_amount",
        "An amount is a finite number with at most 20 digits before the point.",
    )
    TOO_MANY_DECIMALS = (
        "too_many_decimals",
        "More than 8 decimals are rounded to the currency's.",
    )
    NEGATIVE_AMOUNT = "negative_amount", "An amount is not negative: the side carries the sign."
    BAD_DIRECTION = "bad_direction", "A direction is in or out, as seen from the bank, or not given."
    ONE_SIDED = "one_sided", "An entry has a debit and a credit."
    UNBALANCED = "unbalanced", "Debits equal credits in each currency, within the tolerance."
    TOTAL_MISMATCH = "total_mismatch", "A given total equals the sum of the debits in the entry's currency."
    BAD_TEXT = "bad_text", "Text is valid Unicode without NUL and unit separator (U+001F)."
    TEXT_TOO_LONG = "text_too_long", f"A text has at most {MAX_TEXT_BYTES:,} bytes."
    DUPLICATE_ID = "duplicate_id", "An entry's id is unique within its entity."
    BAD_NATURE = "bad_nature", f"An account's nature is one of {', '.join(NATURES)}, or not given."
    BAD_PERIOD = "bad_period", "An account is not closed before it is opened."
    MALFORMED = "malformed", "A record can be read by the rules of its format."
    UNKNOWN_KEY = "unknown_key", "A JSON record has no keys other than those of the format."
    NOT_ADJACENT = "not_adjacent", "The rows of one entry follow one another."
    INCONSISTENT = "inconsistent", "The rows of one entry agree on what belongs to the entry."
    UNKNOWN_ACCOUNT = "unknown_account", "In a file with its full chart, a line's account is in that chart."
    INCLUDE = "include", "An included journal is there, in the folder of the files, and not included by itself."
    UNSUPPORTED_DIRECTIVE = "unsupported_directive", "A directive that could change entries is understood."
    KNOWN_LINES = (
        "known_lines",
        "Known lines are of an entry to predict, and a side's add up to no more than its total.",
    )
    TAX_KEY = "tax_key", "A key that stands for lines of tax is one whose lines are known."
    DIALECT = "dialect", "A plain-text journal says the same to ledger and hledger, or whose rules hold is set."


def clean(text: str) -> str:
    """`text` with NUL and invalid Unicode replaced, so that it can be stored."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def reject(  # noqa: PLR0913 - the columns of a rejection, by keyword
    rule: Rule,
    message: str,
    *,
    file: str,
    file_line: int,
    entity: str | None = None,
    entry_id: str | None = None,
    excerpt: str = "",
    used_for: Use = "nothing",
    file_lines: int = 1,
) -> Rejection:
    """A rejection whose texts can be stored: cleaned, and long ones cut."""
    return Rejection(
        file=clean(file),
        file_line=file_line,
        rule=rule.value,
        message=clean(message[:1000]),
        entity=None if entity is None else clean(entity[:EXCERPT_CHARACTERS]),
        entry_id=None if entry_id is None else clean(entry_id[:EXCERPT_CHARACTERS]),
        excerpt=clean(excerpt[:EXCERPT_CHARACTERS]),
        used_for=used_for,
        file_lines=file_lines,
    )


def reject_entry(rule: Rule, message: str, entry: Entry, used_for: Use = "nothing") -> Rejection:
    """The rejection of `entry`, of which `used_for` is still used."""
    lines = "; ".join(
        f"{line.side} {line.account} {'?' if line.amount is None else _short(line.amount)}"
        for line in (entry.lines or [])[:5]
    )
    return reject(
        rule,
        message,
        file=entry.file,
        file_line=entry.file_line,
        entity=entry.entity or None,
        entry_id=entry.entry_id or None,
        excerpt=f"{entry.date} {entry.description[:EXCERPT_CHARACTERS]} | {lines}",
        used_for=used_for,
        file_lines=entry.file_lines if used_for == "nothing" else 0,
    )


def reject_duplicate(entry: Entry) -> Rejection:
    """The rejection of `entry`, whose id another one of the same day has."""
    message = (
        f"entry {entry.entry_id!r} of {entry.entity} was read before, for the same day: leave one out, or give "
        "it an id of its own"
    )
    return reject_entry(Rule.DUPLICATE_ID, message, entry)


def check_entry(entry: Entry, tolerance: Decimal = TOLERANCE) -> Rejection | None:
    """The rejection of `entry` by the first rule that it breaks; None where it is valid."""
    fault = _fault(entry, tolerance)
    return None if fault is None else reject_entry(*fault, entry)


def admit(entry: Entry, tolerance: Decimal, strict: bool = False) -> tuple[Entry | None, Rejection | None]:
    """The usable part of `entry` and its rejection; either may be None.

    Amounts with too many decimals are rounded to the currency's. Of an entry that doesn't balance the lines are
    used without amounts. With `strict`, nothing of an entry that breaks a rule is used.
    """
    fault = _fault(entry, tolerance)
    if fault is None:
        return entry, None
    if strict:
        return None, reject_entry(*fault, entry)
    rule, message = fault
    if rule is Rule.TOO_MANY_DECIMALS:
        rounded = _rounded(entry)
        if (fault := _fault(rounded, tolerance)) is None:
            message += "; here it is rounded to the currency's decimals"
            return rounded, reject_entry(rule, message, entry, "all")
        entry, (rule, message) = rounded, fault
    if rule in (Rule.UNBALANCED, Rule.TOTAL_MISMATCH):
        lines = [replace(line, amount=None) for line in entry.lines or ()]
        without_amounts = replace(entry, lines=lines, total=None)
        if _fault(without_amounts, tolerance) is None:
            return without_amounts, reject_entry(
                rule, f"{message}; its accounts and sides are used", entry, "lines"
            )
    return None, reject_entry(rule, message, entry)


def _rounded(entry: Entry) -> Entry:
    """`entry` with all amounts rounded (half to even) in each currency in which one has too many decimals.

    Amounts that are rounded alike still balance.
    """
    amounts = [(entry.total, entry.currency)]
    all_lines = (*(entry.lines or ()), *(entry.known_lines or ()))
    amounts += [(line.amount, line.currency or entry.currency) for line in all_lines]
    finer = {currency for amount, currency in amounts if amount is not None and _has_too_many_decimals(amount)}

    def rounded(amount: Decimal | None, currency: str) -> Decimal | None:
        if amount is None or currency not in finer or not _is_fit(amount):
            return amount
        return amount.quantize(Decimal(1).scaleb(-decimals(currency)), context=EXACT)

    def of_lines(lines: list[Line] | None) -> list[Line] | None:
        if lines is None:
            return None
        return [replace(line, amount=rounded(line.amount, line.currency or entry.currency)) for line in lines]

    lines = of_lines(entry.lines)
    total = rounded(entry.total, entry.currency)
    if lines is not None and total is not None and entry.currency in finer:
        total = total_of(lines, entry.currency)
    return replace(entry, lines=lines, total=total, known_lines=of_lines(entry.known_lines))


def _has_too_many_decimals(amount: Decimal) -> bool:
    return _is_fit(amount) and amount != amount.quantize(SMALLEST_UNIT, context=EXACT)


def _is_fit(amount: Decimal) -> bool:
    """Whether an amount can be rounded and summed; one that can't breaks another rule."""
    return amount.is_finite() and abs(amount) < AMOUNT_LIMIT


def check_account(account: Account, file: str, file_line: int = 1) -> Rejection | None:
    """The rejection of `account` by the first rule that it breaks; None where it is valid."""
    fault = _text_fault([account.entity, account.code, account.name, account.parent or ""])
    if not account.entity.strip():
        fault = Rule.MISSING_ENTITY, "the account has no entity: give one in the file or in the settings"
    elif not account.code.strip():
        fault = Rule.MISSING_ACCOUNT, "the account has no code: give it one"
    elif account.nature is not None and account.nature not in NATURES:
        fault = Rule.BAD_NATURE, f"nature {account.nature!r} must be one of {', '.join(NATURES)}"
    elif account.opened and account.closed and account.closed < account.opened:
        fault = (
            Rule.BAD_PERIOD,
            f"closed on {account.closed}, before it was opened on {account.opened}: correct one",
        )
    if fault is None:
        return None
    return reject(
        *fault,
        file=file,
        file_line=file_line,
        entity=account.entity,
        excerpt=account.code,
        file_lines=0,  # its row, or the lines that use it, are counted where they stand
    )


def _fault(entry: Entry, tolerance: Decimal) -> tuple[Rule, str] | None:
    if not entry.entry_id.strip():
        return Rule.MISSING_ID, "the entry has no id: give every entry one"
    if not entry.entity.strip():
        return Rule.MISSING_ENTITY, "the entry has no entity: give one in the file or in the settings"
    if not FIRST_DAY <= entry.date <= LAST_DAY:
        return Rule.BAD_DATE, f"date {entry.date} is not between 1900 and 2200: correct it"
    if entry.total is not None and (fault := _amount_fault(entry.total, "total")):
        return fault
    if entry.direction not in DIRECTIONS:
        return Rule.BAD_DIRECTION, f"direction {entry.direction[:40]!r} must be in or out, or left out"
    texts = [entry.entity, entry.entry_id, entry.description, entry.currency, entry.journal]
    lines = entry.lines
    if lines is not None and not lines:
        return Rule.NO_LINES, "the entry has no line with an amount: leave it out, or complete it"
    known = entry.known_lines or []
    if lines and known:
        return Rule.KNOWN_LINES, "the entry has all of its lines, and known ones besides: leave one of them out"
    fault = _lines_fault(lines or known, texts) or _text_fault(texts)
    if fault is not None:
        return fault
    return _known_fault(entry, known, tolerance) if lines is None else _balance_fault(entry, lines, tolerance)


def _lines_fault(lines: list[Line], texts: list[str]) -> tuple[Rule, str] | None:
    """The fault of a line by itself; the texts of the lines are added to `texts`."""
    if len(lines) > MAX_LINES:
        return Rule.TOO_MANY_LINES, f"{len(lines):,} lines are more than {MAX_LINES:,}: split the entry"
    for line in lines:
        if not line.account.strip():
            return Rule.MISSING_ACCOUNT, "a line has no account: name it, or leave out all of the lines"
        if line.side not in SIDES:
            return Rule.BAD_SIDE, f"account {line.account}: side {line.side!r} must be D or C"
        if line.amount is not None and (fault := _amount_fault(line.amount, f"account {line.account}")):
            return fault
        texts += (line.account, line.currency, line.text)
        for dimension in line.dimensions:
            texts += dimension
    return None


def _known_fault(entry: Entry, known: list[Line], tolerance: Decimal) -> tuple[Rule, str] | None:
    """The fault of known lines that no entry with this total can have."""
    for side in SIDES:
        own = [line for line in known if line.side == side and line.currency in (entry.currency, "")]
        amount = sum((line.amount for line in own if line.amount is not None), Decimal(0))
        if entry.total is not None and amount - entry.total > tolerance:
            return Rule.KNOWN_LINES, (
                f"the known lines on side {side} add up to {_short(amount)}, and the total is "
                f"{_short(entry.total)}: correct one of them"
            )
    return None


def _amount_fault(amount: Decimal, what: str) -> tuple[Rule, str] | None:
    if not _is_fit(amount):
        return Rule.BAD_AMOUNT, f"{what}: amount {_short(amount)} is not finite or too large: correct it"
    if amount < 0:
        return Rule.NEGATIVE_AMOUNT, f"{what}: amount {_short(amount)} is negative: use the other side"
    if _has_too_many_decimals(amount):
        return Rule.TOO_MANY_DECIMALS, f"{what}: amount {_short(amount)} has more than 8 decimals: round it"
    return None


def _short(amount: Decimal) -> str:
    """An amount for messages, without trailing zeros."""
    text = str(amount)[:40] if amount else "0"
    return text.rstrip("0").rstrip(".") if "." in text and "E" not in text else text


def _text_fault(texts: list[str]) -> tuple[Rule, str] | None:
    joined = "".join(texts)
    if "\0" in joined:
        return Rule.BAD_TEXT, "a text holds a NUL character: remove it"
    if "\x1f" in joined:  # it stands between entity and id or code where jet looks for both at once
        return Rule.BAD_TEXT, "a text holds the unit separator, character U+001F: remove it"
    if not joined.isascii():
        try:
            joined.encode("utf-8")
        except UnicodeEncodeError:
            return Rule.BAD_TEXT, "a text is not valid Unicode (half of a surrogate pair): correct it"
    if len(joined) * 4 > MAX_TEXT_BYTES and any(len(text.encode()) > MAX_TEXT_BYTES for text in texts):
        return Rule.TEXT_TOO_LONG, f"a text has more than {MAX_TEXT_BYTES:,} bytes: shorten it"
    return None


def _balance_fault(entry: Entry, lines: list[Line], tolerance: Decimal) -> tuple[Rule, str] | None:
    sides = {line.side for line in lines}
    if len(sides) == 1:
        missing = "credit" if "D" in sides else "debit"
        message = f"the entry has no {missing}: complete it"
        if len(lines) == 1:
            message += (
                "; it has one line: where a row of a table has two accounts, make two rows of it, and give "
                "all rows of an entry the same id, day and journal"
            )
        return Rule.ONE_SIDED, message
    balance: dict[str, list[Decimal]] = {}
    for line in lines:
        if line.amount is None:
            return None
        sums = balance.setdefault(line.currency or entry.currency, [Decimal(0), Decimal(0)])
        sums[line.side == "C"] += line.amount
    for currency, (debited, credited) in balance.items():
        if abs(debited - credited) > (entry.tolerances or {}).get(currency, tolerance):
            return Rule.UNBALANCED, (
                f"debits {_short(debited)} and credits {_short(credited)}"
                f"{f' in {currency}' if currency else ''} differ by "
                f"{_short(abs(debited - credited))}: correct the entry, or raise the tolerance"
            )
        if debited >= AMOUNT_LIMIT:
            return (
                Rule.BAD_AMOUNT,
                f"the debits sum up to {_short(debited)}, which is too large: correct them",
            )
    if entry.total is not None and entry.currency in balance:
        debits = balance[entry.currency][0]
        if abs(entry.total - debits) > tolerance:
            return Rule.TOTAL_MISMATCH, (
                f"total {_short(entry.total)} is not the sum of the debits, {_short(debits)}: "
                "correct it, or leave it out"
            )
    return None
