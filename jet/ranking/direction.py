"""The direction of money: which accounts are money accounts, and the direction of a set of lines.

An entry's direction is "in" or "out", as seen from the bank: an inflow debits a money account, an outflow
credits one. Where an entry to predict states it, sets of lines with the opposite direction are no candidates,
and earlier entries with it are no evidence (`jet.ranking.evidence`).

A set of lines that debits money accounts alone goes in, one that credits them alone goes out. One that does
both (a transfer) or neither has an unknown direction, which contradicts none.

Money accounts differ from company to company. Precision matters more than recall: an account that is wrongly
taken for one rules out right sets, one that is missed rules out nothing. So an account is a money account

- by the entries that state their direction, if two or more strictly earlier ones confirm it, and hardly any
  contradicts it. Where they contradict it, it isn't one, whatever its name;
- else by its chart: an asset (or of unknown nature) whose code or name has a word for it, or whose parent is
  such an account, and no word for what banks charge, lend or owe. Where all accounts with such a word lie in
  ranges of a standard chart (`RANGES`), and are at least half of the accounts in these, the other accounts in
  these are too.

Shapes: N booked entries, C accounts, L lines, B entries.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.catalog import MAX_DEPTH, Catalog
from jet.books.tokens import NOTHING
from jet.ranking.counts import Counts
from jet.retrieval.columns import EntryColumns

IN, OUT, UNSTATED = 1, -1, 0

_MONEY = re.compile(
    r"\b(bank|banken|banks?konto\w*|bankgiro\w*|bankguthaben|\w+bank(en)?|\w+sparkasse|sparkasse|postfinance|"
    r"(plus|post|bank)?giro(konto)?|checkkonto|checkräkning(skonto)?|företagskonto|affärskonto|sparkonto|"
    r"(haupt|neben|bar|hand|porto)?kasse|(hand|växel)?kassa|kassenbestand|bargeld|kontanter|"
    r"cash|petty cash|checking|chequing|current account|savings|savings account|money market|paypal|"
    r"banques?|caisses?|comptes? courants?|ccp|post (account|konto)|postkonto|cuentas? corrientes?|caja|"
    r"bancos?|cassa|banca|banche|conto corrente|kas|caixa)\b"
    r"|現金|預金|现金|银行|銀行|存款|小口|商业账户"
)
_NOT_MONEY = re.compile(
    r"charge|fee|\binterest|loan|mortgage|cost|expense|income|revenue|discount|receipts?\b|receivable|payable|"
    r"overdraft|credit card|service|difference|over.?short|\bsales\b|dividend|in transit|clearing|prepa|"
    r"advance|inventor|stock|debtor|customer|deposits? (paid|received)|director|partner|"
    r"shareholder|owner|intercompany|"
    r"kostnad|avgift|ränt|lån|kredit|differen[sz]|rabatt|fordr|försäljning|kund|förutbet|upplup|moms|skatt|"
    r"spesen|gebühr|zins|darlehen|dienst|\b(kunden|lieferanten)?skont[io]|forderung|debitor|verkauf|transit|vorrat|aufwand|ertrag|"
    r"associé|gérant|frais|commission|intér|emprunt|agios|escompte|concours|découvert|client|virement|"
    r"手数料|手续费|收费|服务|利息|借入|贷款|费|売上|収入|收入"
)
RANGES = {
    "BAS": (1900, 1999),
    "SKR 03": (1200, 1299),
    "SKR 04": (1600, 1899),
    "cash first": (1000, 1099),
    "PCG 51": (510, 519),
    "PCG 53": (530, 539),
}
"""Money accounts of standard charts, by the first digits of their codes: Swedish, German (03 keeps its
cash in the next), Swiss and many American, French."""

_LEAST_ENTRIES = 2  # the least entries that confirm that an account is a money account, or contradict it
_LEAST_RATIO = 10  # the least ratio of confirming entries to contradicting ones


@dataclass(frozen=True)
class MoneyAccounts:
    """The money accounts of a catalog, as known from strictly earlier entries."""

    by_chart: np.ndarray  # bool [C]
    confirmed: Counts  # of accounts, in the entries whose direction confirms that it is a money account
    contradicted: Counts  # likewise, in those whose direction contradicts it

    @classmethod
    def of(cls, booked: EntryColumns, catalog: Catalog) -> MoneyAccounts:
        """The money accounts by the charts, and by the booked entries that state their direction."""
        row = np.repeat(np.arange(len(booked)), booked.lengths)
        stated = booked.direction[row]
        debit = np.where(booked.tokens % 2 == 0, IN, OUT)
        counts = []
        for which in (stated == debit, stated == -debit):
            pairs = np.unique(np.stack([booked.tokens[which] // 2, row[which]]), axis=1)
            counts.append(Counts.of(pairs[0].astype(np.uint64), pairs[1]))
        return cls(money_accounts(catalog), *counts)

    def directions(self, tokens: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """int8 [...]: the direction of the sets `tokens` [..., L], with the money accounts known from rows
        below `limit` [...]."""
        is_line = tokens != NOTHING
        account = np.where(is_line, tokens // 2, 0)
        money = self.by_chart[account] if len(self.by_chart) else np.zeros(tokens.shape, dtype=bool)
        if len(self.confirmed.key) or len(self.contradicted.key):
            counts = self.confirmed, self.contradicted
            confirmed, contradicted = (each.before(account, limit[..., None]) for each in counts)
            is_money = (confirmed >= _LEAST_ENTRIES) & (confirmed >= _LEAST_RATIO * contradicted)
            is_other = (contradicted >= _LEAST_ENTRIES) & (contradicted > confirmed)
            money = is_money | (money & ~is_other)
        money &= is_line
        debit, credit = ((money & (tokens % 2 == side)).any(axis=-1) for side in (0, 1))
        return debit.astype(np.int8) - credit.astype(np.int8)

    def booked_directions(self, booked: EntryColumns) -> np.ndarray:
        """int8 [N]: the direction of each of the booked entries: as it states it, else by its lines, with the
        money accounts known from strictly earlier entries."""
        row = np.repeat(np.arange(len(booked)), booked.lengths)
        by_line = self.directions(booked.tokens[:, None], row)
        debit, credit = (np.bincount(row[by_line == each], minlength=len(booked)) > 0 for each in (IN, OUT))
        by_lines = debit.astype(np.int8) - credit.astype(np.int8)
        return np.where(booked.direction != UNSTATED, booked.direction, by_lines)


def money_accounts(catalog: Catalog) -> np.ndarray:
    """bool [C]: whether each account is a money account by its chart alone."""
    accounts = catalog.accounts
    codes, names = (_normal_all(accounts[name]) for name in ("code", "name"))
    words = [f"{code.replace(':', ' ')} {name}" for code, name in zip(codes, names, strict=True)]
    distinct = set(words)  # companies with the same standard chart have the same words
    money = {each for each in distinct if _MONEY.search(each)}
    other = {each for each in distinct if _NOT_MONEY.search(each)}
    nature = pc.fill_null(accounts["nature"], "asset")
    possible = pc.equal(nature, "asset").to_numpy() & np.array(
        [each not in other for each in words], dtype=bool
    )
    named = possible & np.array([each in money for each in words], dtype=bool)
    is_money = named.copy()
    parent = _parents(catalog)
    for _ in range(MAX_DEPTH):
        is_money |= possible & (parent != NOTHING) & is_money[parent]
    return is_money | (possible & _in_range(catalog, codes, named))


def _parents(catalog: Catalog) -> np.ndarray:
    """int64 [C]: the row of each account's parent; NOTHING where it has none."""
    entity, parent = (catalog.accounts[name].combine_chunks() for name in ("entity", "parent"))
    return catalog.rows(entity, parent)


def _in_range(catalog: Catalog, codes: list[str], named: np.ndarray) -> np.ndarray:
    """bool [C]: the accounts in those ranges of standard charts that have accounts `named` like money accounts,
    in companies where these ranges have all so named, and at least half of the accounts in them are."""
    entity = np.repeat(np.arange(len(catalog.entities)), np.diff(catalog.offsets))

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(entity[which], minlength=len(catalog.entities))[entity]

    inside = np.zeros(len(codes), dtype=bool)
    distinct, number = np.unique(np.array(codes, dtype=object), return_inverse=True)
    for first, last in RANGES.values():
        digits = len(str(last))
        start = [int(code[:digits]) if code.isdecimal() and len(code) >= digits else 0 for code in distinct]
        start_of = np.array(start, dtype=np.int64)[number]
        held = (start_of >= first) & (start_of <= last)
        inside |= held & (count(held & named) > 0)
    return inside & (count(named & ~inside) == 0) & (2 * count(named) >= count(inside))


def _normal_all(texts: pa.ChunkedArray) -> list[str]:
    """Each of `texts` in NFKC and case folded; charts repeat most of them."""
    encoded = texts.combine_chunks().dictionary_encode()
    distinct = [unicodedata.normalize("NFKC", text).casefold() for text in encoded.dictionary.to_pylist()]
    return [distinct[number] for number in encoded.indices.to_pylist()]
