"""The words for sides in books, and for the direction of money in bank statements.

The meaning of some letters depends on the other word: D is debit beside C (English, French), K (debet and
kredit in the north and east), H (Debe and Haber) and A (Dare and Avere), but credit beside MD (Má dáti and
Dal). So all words of a file decide together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

_PAIRS = (
    ("d dr db deb debit debits", "c cr cred credit credits"),
    ("dbit", "crdt"),
    ("d debet", "k kr kredit credit"),
    ("s soll", "h haben"),
    ("d débit debit", "c crédit credit"),
    ("d debe", "h haber"),
    ("d dare", "a avere"),
    ("débito debito", "crédito credito"),
    ("d duguje", "p potražuje"),
    ("b borç borc", "a alacak"),
    ("wn w", "ma m"),
    ("md", "d dal"),
    ("t tartozik", "k követel"),
    ("дт д дебет", "кт к кредит"),
    ("dt", "kt ct"),
    ("借 借方", "貸 貸方 贷 贷方"),
    ("차변", "대변"),
    ("+", "-"),
)
_IN = """
in incoming inflow crdt credit kredit cr c k + deposit received receipt receipts eingang einnahme gutschrift
haben h insättning insattning entrée entree encaissement crédit bij ontvangst ind inn entrata entrada ingreso
abono приход 入金"""
_OUT = """
out outgoing outflow dbit debit debet dr d - withdrawal paid payment payments ausgang ausgabe lastschrift soll s
uttag sortie décaissement decaissement débit af uitgave ud ut uscita salida gasto cargo расход 出金"""
_DIRECTIONS = {word: way for words, way in ((_IN, "in"), (_OUT, "out")) for word in words.split()}

KNOWN = "D/C, Dr/Cr, Debit/Credit, D/K, S/H, DBIT/CRDT, Débit/Crédit, Wn/Ma, MD/D, Дт/Кт, 借/貸, +/-"


def plain_word(word: str) -> str:
    """A word in the form that is compared."""
    plain = unicodedata.normalize("NFKC", word.strip()).casefold()
    return plain.rstrip(".").replace("\N{MINUS SIGN}", "-")


class Sides:
    """The side that each word of a file means, by all words of the file; the settings take precedence."""

    def __init__(self, words: Iterable[str], given: Mapping[str, str]) -> None:
        self._given = {plain_word(word): side for word, side in given.items()}
        found = {plain_word(word) for word in words} - self._given.keys()
        self._sides = {word: _meanings(word, found) for word in found} | {
            word: {side} for word, side in self._given.items()
        }

    def side(self, word: str) -> str:
        """D or C for a word. Raises ValueError where its meaning isn't known."""
        sides = self._sides.get(plain_word(word), set())
        if len(sides) == 1:
            return next(iter(sides))
        if sides:
            raise ValueError(
                f"side {word[:40]!r} is debit beside some of the file's other words and credit beside others: "
                f"say which in ingest.sides, as in {{{word[:40]}: D}}"
            )
        raise ValueError(
            f"side {word[:40]!r} is not known: write D or C, or say in ingest.sides which of both it is, as "
            f"in {{{word[:40]}: D}}; known are {KNOWN}"
        )

    def are_signs(self, signed: Iterable[tuple[str, bool]]) -> bool:
        """Whether the words only repeat the signs of the amounts: all credits are negative, and no debit is.

        `signed` has pairs of a word and whether an amount beside it is negative.
        """
        found = {
            (side, is_negative)
            for word, is_negative in signed
            for side in self._sides.get(plain_word(word), "?")
        }
        return found == {("D", False), ("C", True)}


def _meanings(word: str, found: set[str]) -> set[str]:
    """D, C or both: by the pairs whose other word is in the file, otherwise by the first pair with the word."""
    pairs = [(set(debit.split()), set(credit.split())) for debit, credit in _PAIRS]
    own = [(side, pair[1 - at]) for pair in pairs for at, side in enumerate("DC") if word in pair[at]]
    beside = {side for side, partners in own if partners & found}
    return beside or {side for side, _ in own[:1]}


def direction(word: str) -> str:
    """ "in" or "out" for a word of a bank's statement, whose credit is money that comes in.

    Raises ValueError.
    """
    way = _DIRECTIONS.get(" ".join(plain_word(word).replace("money", "").split()))
    if way is None:
        raise ValueError(
            f"direction {word[:40]!r} is not known: write in or out, as the bank sees it, or rename the column"
        )
    return way
