"""Journals from a seed: the same one every time, within what ledger, hledger or both allow, and now and then
beyond it.

Each journal has a few features of its own, drawn first: where all of them meet in every file, one that a tool
refuses would hide the rest. What `kinds.OPEN` lists is kept out, or it would hide the rest too.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path

from amounts import PRICED, SYMBOLS, Style, a_style, written
from postings import pattern

DIALECTS = ("both", "ledger", "hledger")

FEATURES = {  # the probability of each, and the dialect that has it
    **{"assertion": (0.15, "both"), "assignment": (0.08, "both"), "wrong assertion": (0.03, "both")},
    **{"virtual": (0.15, "both"), "pool": (0.12, "both"), "mixed pool": (0.03, "both")},
    **{
        "cost": (0.2, "both"),
        "exchange": (0.1, "both"),
        "exchange of three": (0.03, "both"),
        "lot": (0.08, "both"),
        "sale": (0.05, "ledger"),
    },
    **{"lot notes": (0.05, "ledger"), "priced by @": (0.04, "both"), "virtual cost": (0.03, "ledger")},
    **{"many commodities": (0.3, "both"), "two left out": (0.03, "both"), "nothing left out": (0.2, "both")},
    **{"comments": (0.3, "both"), "tight comments": (0.08, "both"), "blocks": (0.08, "both")},
    **{"status": (0.3, "both"), "code": (0.2, "both"), "secondary dates": (0.15, "both")},
    **{
        "posting dates": (0.05, "both"),
        "no year": (0.15, "both"),
        "apply year": (0.08, "ledger"),
        "out of order": (0.05, "both"),
    },
    **{"alias": (0.12, "both"), "pattern alias": (0.05, "hledger"), "apply account": (0.1, "both")},
    **{"accounts": (0.15, "both"), "account subdirectives": (0.08, "ledger"), "bucket": (0.07, "ledger")},
    **{"payees": (0.06, "both"), "tags": (0.06, "both"), "prices": (0.1, "both"), "include": (0.1, "both")},
    **{"commodity line": (0.2, "both"), "commodity block": (0.12, "both"), "D": (0.12, "both")},
    **{"decimal-mark": (0.12, "hledger"), "ledger lines": (0.08, "ledger"), "expressions": (0.04, "ledger")},
    **{"automated": (0.05, "both"), "periodic": (0.05, "both"), "off by a little": (0.1, "both")},
    **{"unbalanced": (0.02, "both"), "zero": (0.08, "both"), "odd numbers": (0.12, "both")},
    **{"decimal comma": (0.2, "both"), "mixed marks": (0.05, "both"), "groups": (0.25, "both")},
    **{"one blank": (0.05, "both"), "tabs": (0.1, "both"), "odd blanks": (0.08, "both")},
    **{"blank lines with blanks": (0.06, "both"), "dense": (0.15, "both"), "crlf": (0.05, "both")},
    **{"no final newline": (0.08, "both"), "huge": (0.03, "both")},
    **{"no commodity": (0.1, "both"), "single posting": (0.03, "both"), "junk": (0.02, "both")},
}

ACCOUNTS = [
    *("Assets:Bank", "Assets:Cash", "Expenses:Food", "Expenses:Rent", "Expenses:Food:Out", "Income:Sales"),
    *("Liabilities:Card", "Equity:Opening", "Ausgaben:Büro", "資産:現金", "Dépenses:Café", "a"),
    *("Assets:Cash at bank", "Expenses:A & B", "Expenses:1410", "Aufwand:Büro 2"),
]
PAYEES = ["Shop", "Corner Shop", "Café", "O'Neil & Co.", "株式会社", "Rent 2/3", "x", "", "A  B", "No. 7 | 12"]
COMMENTS = ["note", "tag: x", ":a:b:", "10 EUR", "= 5", "日本", "", "see (x) [y]", "a, b: c", "; twice"]

_JUNK = ["frobnicate 3", "2024-13-01 x", "    stray  1 EUR", "-x", "Y", "@"]


@dataclass
class Journal:
    """A main file and those that it includes, in pieces that stand by themselves: what can be left out."""

    seed: int
    dialect: str
    features: list[str]
    files: dict[str, list[list[str]]] = field(default_factory=dict)
    newline: str = "\n"
    ends: bool = True

    def content(self, name: str) -> bytes:
        """The bytes of one of the files."""
        text = self.newline.join(line for piece in self.files[name] for line in piece)
        return (text + (self.newline if self.ends else "")).encode()

    def write(self, folder: Path) -> Path:
        """Write the files; returns the main one's path."""
        for name in self.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.content(name))
        return folder / "main.journal"

    def __str__(self) -> str:
        """For people: each file under its name."""
        return "\n".join(
            f"----- {name}\n{self.content(name).decode().replace(chr(13), '')}" for name in self.files
        )


def journal(seed: int) -> Journal:
    """The journal of a seed."""
    with localcontext(prec=100):
        return Writer(seed).journal()


def _ends_in_posting(pieces: list[list[str]]) -> bool:
    """Whether a file's last line may lack its end: for hledger a directive needs it, and blanks alone do."""
    while not pieces[-1][-1].strip():
        pieces[-1].pop()
    return pieces[-1][-1].startswith((" ", "\t"))


class Writer:
    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.dialect = self.draw.choice(DIALECTS)
        is_wild = self.draw.random() < 0.06
        self.features = {
            name
            for name, (probability, where) in FEATURES.items()
            if self.draw.random() < probability and (where in ("both", self.dialect) or is_wild)
        }
        if self.has("posting dates"):  # by which hledger would order what is asserted
            self.features -= {"assertion", "assignment", "wrong assertion"}
        self.made = Journal(seed, self.dialect, sorted(self.features))
        marks = ".," if self.has("mixed marks") else "," if self.has("decimal comma") else "."
        count = self.draw.randint(2, 4) if self.has("many commodities") else 1
        symbols = self.draw.sample(SYMBOLS[:-1], count)
        if self.has("no commodity"):
            symbols.append("")
        if "$" in symbols and "USD" in symbols:  # one commodity for jet
            symbols.remove("USD")
        if "€" in symbols and "EUR" in symbols:
            symbols.remove("EUR")
        habits = (marks, self.has("groups"), self.dialect == "hledger")
        self.styles = [a_style(self.draw, symbol, *habits) for symbol in symbols]
        self.priced = [a_style(self.draw, symbol, *habits) for symbol in PRICED[:4]]
        self.accounts = self.draw.sample(ACCOUNTS, self.draw.randint(3, 6))
        self.short: list[str] = []
        self.balances: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.day = self.draw.randint(1, 200)
        self.year_known = False
        self.open: list[str] = []  # what "end" lines are still owed

    def has(self, feature: str) -> bool:
        """Whether the journal has a feature at all."""
        return feature in self.features

    def now(self, feature: str, probability: float = 0.4) -> bool:
        """Whether it shows here."""
        return feature in self.features and self.draw.random() < probability

    def journal(self) -> Journal:
        """All pieces, in their files."""
        pieces = list(self.directives())
        for number in range(self.draw.randint(1, 6)):
            pieces += self.between()
            if self.now("include", 0.3):
                pieces.append(self.included(number))
            pieces.append(self.spaced(self.transaction()))
        pieces += [[line] for line in reversed(self.open)]
        self.made.files = {"main.journal": pieces, **self.made.files}
        self.made.newline = "\r\n" if self.has("crlf") else "\n"
        if self.has("no final newline"):
            self.made.ends = not all(map(_ends_in_posting, self.made.files.values()))
        return self.made

    def spaced(self, lines: list[str]) -> list[str]:
        """A transaction and the blank line after it, if there is one."""
        if self.now("dense", 0.7):
            return lines
        return [*lines, self.draw.choice([" ", "    ", "\t"]) if self.now("blank lines with blanks") else ""]

    def included(self, number: int) -> list[str]:
        """A directive, and the file that it includes."""
        name = self.draw.choice([f"part-{number}.journal", f"sub/part-{number}.journal"])
        outer = len(self.open)
        inner = [self.spaced(self.transaction()) for _ in range(self.draw.randint(1, 2))]
        if self.draw.random() < 0.3:
            inner.insert(0, self.directive(self.draw.choice(["D", "apply account", "alias", "Y", "comment"])))
        if name.startswith("sub/") and self.draw.random() < 0.2:
            self.made.files[f"deep-{number}.journal"] = [self.spaced(self.transaction())]
            inner.append([f"include ../deep-{number}.journal"])
        self.made.files[name] = inner + [[self.open.pop()] for _ in range(len(self.open) - outer)]
        return [f"include {name if self.draw.random() < 0.85 else name.replace(str(number), '*')}"]

    def between(self) -> Iterator[list[str]]:
        """What may stand between two transactions."""
        if self.now("comments", 0.3):
            marks = [";", "#", "*", "; ", "# ", "|"]
            mark = self.draw.choice(marks if self.dialect == "ledger" else marks[:-1])
            yield [f"{mark}{self.draw.choice(COMMENTS)}"]
        if self.now("blocks", 0.3):
            yield ["comment", self.draw.choice(["2024-01-01 x", "    a  1", "text", ""]), "end comment"]
        for kind in ("apply year", "apply account", "prices", "payees", "tags", "alias", "ledger lines", "D"):
            if self.now(kind, 0.12):
                yield self.directive(kind)
        if self.open and self.draw.random() < 0.25:
            yield [self.open.pop()]
        if self.now("junk", 0.3):
            yield [
                self.draw.choice(["frobnicate 3", "2024-13-01 x", "    stray  1 EUR", "end", "-x", "Y", "@"])
            ]

    def directives(self) -> Iterator[list[str]]:
        """What stands at the head of the journal."""
        names = ["decimal-mark", "commodity line", "commodity block", "D", "accounts", "bucket", "alias"]
        names += ["account subdirectives", "pattern alias", "apply account", "payees", "tags", "ledger lines"]
        names += ["automated", "periodic"]
        if self.has("no year"):
            yield self.directive("Y")
        for name in names:
            if self.has(name):
                yield self.directive(name)
                if self.draw.random() < 0.5:
                    yield [""]

    def directive(self, kind: str) -> list[str]:
        """The lines of a directive."""
        draw, style = self.draw, self.draw.choice(self.styles)
        account = draw.choice(self.accounts)
        match kind:
            case "decimal-mark":
                return [f"decimal-mark {self.styles[0].mark}"]
            case "commodity line" if self.dialect != "ledger":
                return [f"commodity {style.sample()}" + draw.choice(["", "  ; x"])]
            case "commodity line" | "commodity block":
                style = self.styles[0]  # only the last one may have no symbol
                if self.dialect != "ledger" and (not style.decimals or style.group == " "):
                    return self.directive("D")  # ledger refuses what hledger asks for
                sample = style.sample(ends_in_mark=self.dialect != "ledger")
                inner = [f"    format {sample}", "    note x", "    nomarket", "    default"]
                return [
                    f"commodity {style.symbol}",
                    draw.choice(inner if self.dialect == "ledger" else inner[:1]),
                ]
            case "D":
                return [f"D {style.sample()}"]
            case "accounts":
                return [f"account {account}" + draw.choice(["", "  ; type: A", "  ; note", "\t; x"])]
            case "account subdirectives":
                short = draw.choice(["food", "chk", "x1"])
                self.short.append(short)
                lines = [f"    alias {short}", "    payee ^Corner Shop", "    note x", "    default"]
                return [f"account {account}", *draw.sample(lines, draw.randint(1, 2))]
            case "bucket":
                return [f"{draw.choice(['bucket', 'A'])} {account}"]
            case "alias":
                short = draw.choice(["bk", "x2", "bk:sub", "Assets"])
                self.short.append(short)
                return [f"alias {short}{draw.choice(['=', ' = '])}{account}"]
            case "pattern alias":
                rules = ["/^(.+):Cash/=\\1:Petty", "/food/=Groceries", "/^Assets:/=A:", "/Out$/ = Away"]
                return [f"alias {draw.choice(rules)}"]
            case "apply account":
                ends = ["end apply account", "end apply account", "end apply", "end"]
                self.open.append(draw.choice(ends) if self.dialect == "ledger" else ends[0])
                return [f"apply account {draw.choice(['Us', 'Us:Branch', 'Büro 1'])}"]
            case "apply year":
                self.open.append(draw.choice(["end apply year", "end apply year", "end apply"]))
                self.year_known = True
                return [f"apply year {draw.randint(2019, 2025)}"]
            case "Y":
                self.year_known = True
                words = ["Y", "Y ", "year "] if self.dialect == "ledger" else ["Y", "Y "]
                return [f"{draw.choice(words)}{draw.randint(2019, 2025)}"]
            case "payees":
                return [f"payee {draw.choice(PAYEES) or 'x'}"]
            case "tags":
                return [f"tag {draw.choice(['x', 'trip'])}"]
            case "prices":
                return [f"P 2024-01-0{draw.randint(1, 9)} ACME {written(draw, Decimal(12), style)}"]
            case "ledger lines":
                lines = ["define x=3", "tag x", "assert 1 == 1", "N EUR", "C 1.00 Kb = 1024 b", "capture A /x/"]
                return [draw.choice([*lines, "--strict", "fixed EUR 1.2 USD", "expr x=1", "eval 1", "!tag y"])]
            case "automated":
                if self.dialect == "hledger":
                    return [
                        f"= {draw.choice(['Food', 'desc:Shop'])}",
                        f"    (auto)  {draw.choice(['1', '*2'])}",
                    ]
                return [f"= /{draw.choice(['Food', 'Cash'])}/", f"    {draw.choice(['(auto)', '[auto]'])}  0.5"]
            case "periodic":
                return [
                    "~ monthly",
                    f"    {account}  {style.dressed('10')}",
                    f"    {self.accounts[0]}",
                ]
            case _:
                return ["comment", "x", "end comment"]

    def transaction(self) -> list[str]:
        """The lines of a transaction."""
        header = self.header()
        if self.now("comments", 0.3):
            header.append(f"    ;{self.draw.choice(['', ' '])}{self.draw.choice(COMMENTS)}")
        postings = self.postings()
        if self.now("comments", 0.15):
            postings.insert(self.draw.randint(0, len(postings)), f"    ; {self.draw.choice(COMMENTS)}")
        return header + postings

    def header(self) -> list[str]:
        """The first line."""
        draw = self.draw
        self.day = (
            draw.randint(0, 360) if self.now("out of order") else min(360, self.day + draw.randint(0, 20))
        )
        separator = draw.choice("-/.")
        month, day = 1 + self.day // 31, 1 + self.day % 31 % 28
        form = draw.choice(["{:02d}{}{:02d}", "{:02d}{}{:02d}", "{}{}{}"])
        date = form.format(month, separator, day)
        if not (self.year_known and self.has("no year") and draw.random() < 0.7):
            date = f"2024{separator}{date}"
        if self.now("secondary dates"):
            date += "=" + draw.choice([f"2024{separator}12{separator}30", f"12{separator}30"])
        status = draw.choice([" *", " !", " *  "]) if self.now("status") else ""
        code = f" ({draw.choice(['17', 'A-1', 'co de', ''])})" if self.now("code") else ""
        payee = draw.choice(PAYEES)
        text = f"{date}{status}{code}{draw.choice([' ', ' ', '  ']) if payee else ''}{payee}"
        if self.now("comments"):
            text += draw.choice(
                [" ; ", "  ; ", "  ;", "\t; "] + ([";", " ;"] if self.has("tight comments") else [])
            )
            text += draw.choice(COMMENTS)
        return [text]

    def postings(self) -> list[str]:
        """The lines below the first, of a pattern that balances, as a rule."""
        return [self.posting(*row) for row in pattern(self)]

    def posting(self, account: str, amount: str, rest: str = "") -> str:
        """One line: an account, maybe an amount, maybe more."""
        draw = self.draw
        indent = draw.choice(["\t", " ", "  "]) if self.now("tabs") else "    "
        status = draw.choice(["* ", "! ", "*"]) if self.now("status", 0.1) else ""
        gap = "  "
        if self.now("tabs"):
            gap = draw.choice(["\t", " \t", "\t\t", "  \t"])
        elif self.now("one blank", 0.12):
            gap = " "
        elif self.now("odd blanks"):
            gap = draw.choice(["\u00a0 ", "  \u00a0", "   ", "\u3000", " \u2003"])
        line = f"{indent}{status}{account}" + (f"{gap}{amount}" if amount or rest else "")
        line += (" " if rest and amount else "") + rest
        if self.now("comments", 0.3):
            gaps = ["  ; ", "  ;", "\t; ", "   ; "] + ([";", " ;", " ; "] if self.has("tight comments") else [])
            text = draw.choice(COMMENTS)
            if self.now("posting dates"):
                text = draw.choice(
                    ["[2024-12-30]", "[2024-12-30=2024-12-31]", "date: 2024-12-30", "[=2024-12-30]"]
                )
            line += draw.choice(gaps) + text
        return line + (" " * draw.randint(1, 3) if self.now("odd blanks", 0.2) else "")

    def account(self) -> str:
        """An account, by its short name where it has one."""
        if self.short and self.draw.random() < 0.4:
            return self.draw.choice(self.short) + self.draw.choice(["", "", ":Sub"])
        return self.draw.choice(self.accounts)

    def write(self, value: Decimal, style: Style) -> str:
        """An amount."""
        return written(self.draw, value, style, 0.3 if self.has("odd numbers") else 0.0)
