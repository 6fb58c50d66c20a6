"""Which column is which field, by the names in the header.

What a name leaves open is either tried (which of several columns tells the entries apart) or a doubt, which a
person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jet.books.importers.guessing.presets import preset_of
from jet.books.importers.guessing.words import FIELD_WORDS, FOREIGN, ID_WORDS, TAKEN, word
from jet.books.importers.tables.rows import plain, sought
from jet.books.settings import FIELDS, ImportSettings


@dataclass
class Assigned:
    """The column of each field."""

    names: list[str]
    columns: dict[str, str]
    """By field, without the id; "" for a field that a column is called like, and isn't."""
    ids: list[list[str]]
    """Columns that may tell the entries apart; those of the first list with any count."""
    doubts: list[str] = field(default_factory=list)
    """What a person must decide, in words, with the way out."""
    preset: str = ""

    @property
    def every_id(self) -> list[str]:
        """All columns that may tell the entries apart."""
        return [name for names in self.ids for name in names]

    @property
    def unread(self) -> list[str]:
        """The columns that no field has."""
        had = {*self.columns.values(), *self.every_id}
        return [name for name in self.names if name and name not in had]

    @property
    def is_signed(self) -> bool:
        """Whether the sides are told by signs alone."""
        return bool(self.columns.get("amount")) and not self.columns.get("side")


def is_plain(names: Sequence[str], settings: ImportSettings) -> bool:
    """Whether a header has the columns needed by the names of the fields, so that there is nothing to guess."""
    return {plain(name) for name in names} >= sought(settings).keys()


def assigned(names: list[str]) -> Assigned:
    """The fields of the columns that are called `names`."""
    known = preset_of(names)
    if known is not None:
        preset, columns = known
        entry_id = columns.pop("entry_id")
        nothing = {each: "" for each in preset.none if each not in columns}
        found = Assigned(names, columns | nothing, [[entry_id]], preset=preset.name)
    else:
        found = _by_words(names)
    called = {plain(name) for name in found.unread}
    for each in FIELDS:
        if each in called and each not in found.columns:
            found.columns[each] = ""
    return found


def _by_words(names: list[str]) -> Assigned:
    by_word: dict[str, list[str]] = {}
    for name in names:
        by_word.setdefault(word(name), []).append(name)
    ids = [[name for each in sorted(words & by_word.keys()) for name in by_word[each]] for words in ID_WORDS]
    found = Assigned(names, {}, ids)
    for each, lists in FIELD_WORDS.items():
        own = next((some for words in lists if (some := _called(words, by_word))), [])
        if len(own) > 1:
            found.doubts.append(
                f"{' and '.join(map(repr, own))} may both be the {each}: name the right one in ingest.columns, "
                f"as in {{{each}: {own[0]}}}"
            )
        if own:
            found.columns[each] = own[0]
    if "account" not in found.columns and "account_name" in found.columns:
        found.columns["account"] = found.columns["account_name"]
    if "description" not in found.columns and "text" in found.columns:
        found.columns["description"] = found.columns["text"]
    _choose_amounts(found.columns)
    if FOREIGN & by_word.keys():
        found.columns["currency"] = ""  # it is that of the foreign amounts
    found.doubts += _missing(found)
    return found


def _called(words: frozenset[str], by_word: dict[str, list[str]]) -> list[str]:
    """The columns with one of the names."""
    return [name for each in sorted(words & by_word.keys()) for name in by_word[each]]


def _choose_amounts(columns: dict[str, str]) -> None:
    """Leave one way to tell amounts and sides: two columns, before an amount with a side."""
    if "debit" in columns and "credit" in columns:
        columns.pop("amount", None)
        columns.pop("side", None)
    else:
        columns.pop("debit", None)
        columns.pop("credit", None)


def _missing(found: Assigned) -> list[str]:
    """The columns that a table needs and hasn't, in words."""
    wanted = {
        "entry_id (what the rows of an entry share, and no others)": any(found.ids),
        "date": "date" in found.columns,
        "description": "description" in found.columns,
        "account (of new entries, give the config that the books were read by)": "account" in found.columns,
        "debit and credit, or amount": "debit" in found.columns or "amount" in found.columns,
    }
    missing = [name for name, is_there in wanted.items() if not is_there]
    if not missing:
        return []
    unknown = [name for name in found.names if name and word(name) not in TAKEN]
    return [
        f"no column is known as {'; as '.join(missing)}; of its columns, {', '.join(unknown)[:500] or 'none'} "
        "may be: name them in ingest.columns"
    ]
