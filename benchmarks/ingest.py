"""Reading ledgers: jet's importers beside a straight parser to pandas, one process and one core each.

    python -m benchmarks.ingest [--data ../shared/data] [--entries 20000]

Both read the same file into tables in memory: jet with every check that `jet ingest` makes (dates, amounts,
sides, balance, ids, charts), the parser with none, as one writes it in an afternoon: `pandas.read_json` and
`json_normalize` for JSON Lines, one regular expression a line for SIE. JSON Lines are a demo ledger; SIE is the
real files below `--data`, their vouchers repeated with other numbers until there are enough (without `--data`
that row is left out).
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.side_by_side import alternate, compared, report
from jet.books.importers import ImportSettings, import_file, to_tables
from jet.demo import DemoSettings, write_demo_ledger

LINES_A_SECOND = 50_000
"""What a core should read."""


def main() -> None:
    """Measure both formats."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with a folder `sie` of ledger files")
    parser.add_argument("--entries", type=int, default=20_000)
    args = parser.parse_args()
    rows, rates = [], {}
    with tempfile.TemporaryDirectory() as folder:
        books: dict[str, tuple[Path, Callable[[Path], pd.DataFrame]]] = {}
        write_demo_ledger(Path(folder), DemoSettings(companies=1, entries=args.entries, seed=7))
        books["JSON Lines"] = next(Path(folder).glob("*.jsonl")), jsonl_to_pandas
        if args.data:
            books["SIE"] = repeated_sie(args.data / "sie", args.entries, Path(folder)), sie_to_pandas
        for name, (path, parse) in books.items():
            entries, lines = counts(path)
            seconds = alternate({"jet": partial(imported, path), "pandas": partial(parse, path)})
            row = compared(
                seconds, entries, stage=f"ingest, {name}", unit="entries", beside="pandas", least=2.0
            )
            rates[name] = row.jet * lines / entries
            row.notes.update({"lines a second": round(rates[name]), "to reach": LINES_A_SECOND})
            rows.append(row)
    report("ingest", "python -m benchmarks.ingest --data ../shared/data", rows)


def imported(path: Path) -> list[pa.Table]:
    """The entries of a file as `jet ingest` reads them."""
    return [entries for entries, *_ in to_tables(import_file(str(path), ImportSettings(), columns=True))]


def counts(path: Path) -> tuple[int, int]:
    """How many entries and lines there are."""
    tables = imported(path)
    lines = sum(pc.sum(pc.list_value_length(table["lines"])).as_py() or 0 for table in tables)
    return sum(map(len, tables)), lines


def jsonl_to_pandas(path: Path) -> pd.DataFrame:
    """One row a line."""
    rows = pd.read_json(path, lines=True, dtype=False)
    entries = rows[rows["type"] != "account"] if "type" in rows else rows
    exploded = entries[["entity", "entry_id", "date", "description", "lines"]].explode("lines")
    lines = pd.json_normalize(exploded["lines"].tolist())
    lines.index = exploded.index
    lines["amount"] = pd.to_numeric(lines["amount"])
    found = exploded.drop(columns="lines").join(lines[["account", "side", "amount"]].reset_index(drop=True))
    return found.assign(date=pd.to_datetime(found["date"]))


_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"|\{([^}]*)\}|(\S+)')


def sie_to_pandas(path: Path) -> pd.DataFrame:
    """One row a line."""
    rows, voucher = [], None
    for text in path.read_text("cp437").splitlines():
        words = [quoted or objects or plain for quoted, objects, plain in _FIELD.findall(text)]
        if not words:
            continue
        if words[0] == "#VER":
            voucher = words
        elif words[0] == "#TRANS" and voucher is not None:
            text = words[5] if len(words) > 5 else ""
            rows.append((voucher[1], voucher[2], voucher[3], voucher[4:5], words[1], words[3], text))
    columns = ["series", "number", "date", "text", "account", "amount", "line_text"]
    found = pd.DataFrame(rows, columns=columns)
    found["amount"] = pd.to_numeric(found["amount"])
    found["side"] = found["amount"].gt(0).map({True: "D", False: "C"})
    return found.assign(date=pd.to_datetime(found["date"]), text=found["text"].str[0])


def repeated_sie(folder: Path, entries: int, target: Path) -> Path:
    """The vouchers of the largest real file again and again, in series of their own."""
    source = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    text = source.read_bytes().decode("cp437")
    first = text.index("#VER")
    vouchers = text[first:]
    found = target / "repeated.se"
    with found.open("w", encoding="cp437", newline="") as stream:
        stream.write(text[:first])
        for again in _until(entries, vouchers.count("#VER")):
            stream.write(re.sub(r"#VER (\"?)(\w*)", rf"#VER \g<1>\g<2>{again}", vouchers))
    return found


def _until(entries: int, a_round: int) -> Iterator[int]:
    return iter(range(-(-entries // a_round)))


if __name__ == "__main__":
    main()
