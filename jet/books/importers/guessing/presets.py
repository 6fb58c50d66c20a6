"""Exports whose columns are known, where a header alone says less than the program's documents do.

- Odoo, journal items: the labels and names of the fields of `account.move.line` in
  `addons/account/models/account_move_line.py` of github.com/odoo/odoo. Debit and credit are in the company's
  currency (`currency_field="company_currency_id"`), so that the line's own currency must not be read with them.
- ERPNext, GL Entry: `erpnext/accounts/doctype/gl_entry/gl_entry.json` of github.com/frappe/erpnext. `debit` and
  `credit` are in the company's currency, the columns "in account currency" in that of `account_currency`.
- QuickBooks Online, journal entries as it imports them: `*JournalNo`, `*JournalDate`, `*AccountName`, `Debits`,
  `Credits`, as the CiviCRM extension `io.compuco.financeexportformats` lists them.

Left out, since no source of theirs names the columns of an export with whole entries: the reports of QuickBooks
(their columns are the user's choice, and amounts have the sign of the account's nature), Xero (whose manual
journals have amounts before the tax lines that it adds), Fortnox (which exports SIE), Exact, Sage (whose audit
trail has one side of an entry a row) and Lexware (Buchungssätze with two accounts in a row).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jet.books.importers.guessing.words import word


@dataclass(frozen=True)
class Preset:
    """The columns of an export."""

    name: str
    needed: dict[str, str]
    """The column of each field, as `words.word` has it; a file with all of them is such an export."""
    also: dict[str, str] = field(default_factory=dict)
    """Columns that it may have."""
    none: tuple[str, ...] = ()
    """Fields that no column is of, whatever it is called."""


PRESETS = (
    Preset(
        "Odoo, journal items",
        {
            **{"entry_id": "journal entry", "date": "date", "account": "account", "description": "label"},
            **{"debit": "debit", "credit": "credit"},
        },
        {"journal": "journal", "entity": "company", "currency": "company currency"},
        ("currency",),
    ),
    Preset(
        "Odoo, account.move.line",
        {
            **{"entry_id": "move name", "date": "date", "account": "account id", "description": "name"},
            **{"debit": "debit", "credit": "credit"},
        },
        {"journal": "journal id", "entity": "company id", "currency": "company currency id"},
        ("currency",),
    ),
    *(
        Preset(
            "ERPNext, GL Entry",
            {
                **{"entry_id": "voucher no", "date": "posting date", "account": "account"},
                **{"description": "remarks", "debit": debit, "credit": credit},
            },
            {"journal": "voucher type", "entity": "company"},
            ("currency",),
        )
        for debit, credit in (("debit", "credit"), ("debit amount", "credit amount"))
    ),
    Preset(
        "QuickBooks Online, journal entries",
        {
            **{"entry_id": "journalno", "date": "journaldate", "account": "accountname"},
            **{"description": "description", "debit": "debits", "credit": "credits"},
        },
        {"currency": "currency"},
    ),
)


def preset_of(names: Sequence[str]) -> tuple[Preset, dict[str, str]] | None:
    """The preset that a header's `names` are of, and the column of each field; None where they are of none."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(word(name), []).append(name)
    for preset in PRESETS:
        if all(len(found.get(column, ())) == 1 for column in preset.needed.values()):
            also = {each: column for each, column in preset.also.items() if len(found.get(column, ())) == 1}
            return preset, {each: found[column][0] for each, column in (preset.needed | also).items()}
    return None
