"""No bytes break a reader of files: each is read, or refused with a reason that names the file.

Files are made in three ways: from valid ones by changing bytes, words and lines; from the words of a format, in
an order that is nearly its own; and from nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from fuzz_targets import TARGETS, TOKENS, WORDS, parquet, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = {"bundle": 40, "config": 60}
"""Examples of a test where one takes long."""


def hypothesis_settings(target: str, examples: int = 150):
    return settings(
        max_examples=EXAMPLES.get(target, examples),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


words = st.sampled_from(WORDS) | st.text(max_size=6)
chooser = st.integers(0, 255).map(lambda number: bytes([number]))


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw, target):
    """A valid file with some bytes, words or lines changed."""
    data = draw(st.sampled_from(seeds(target)))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(1, max(1, len(data))))
        stop = min(len(data), start + draw(st.integers(0, 12)))
        lines = data[1:].splitlines(keepends=True) or [b""]
        line = draw(st.sampled_from(lines))
        token = encoded(draw(st.sampled_from(TOKENS[target]) | words))
        data = draw(
            st.sampled_from(
                [
                    data[:start] + token + data[stop:],
                    data[:start] + data[stop:],
                    data[:start] + data[stop - 1 :] if stop > 1 else data,
                    data[:start] + line + data[start:],
                    data[:1] + data[1:].replace(line, b"", 1),
                    data[:start],
                ]
            )
        )
    return data


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | words
    | st.sampled_from(["D", "C", "SEK", "2025-01-31"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def mostly(value, unusual=json_values):
    return st.one_of(st.just(value), st.just(value), st.just(value), unusual)


json_lines = st.fixed_dictionaries(
    {"account": mostly("1930"), "side": mostly("D") | mostly("C"), "amount": mostly("5")},
    optional=dict.fromkeys(
        ("account_name", "text", "currency", "dimensions", "opened", "closed", "nature"), json_values
    ),
)
json_entries = st.fixed_dictionaries(
    {"entry_id": mostly("1"), "date": mostly("2025-01-31"), "description": mostly("x")},
    optional={
        "lines": mostly([], st.lists(json_lines, max_size=4) | json_values),
        **dict.fromkeys(("type", "entity", "currency", "journal", "total"), json_values),
    },
)
json_accounts = st.fixed_dictionaries(
    {"type": st.just("account"), "code": mostly("1930")},
    optional=dict.fromkeys(("name", "parent", "nature", "opened", "closed", "entity"), json_values),
)


def of_lines(line):
    return st.lists(line, max_size=12).map("\n".join)


def xml_element(inner):
    names = [
        "Journal",
        "JournalID",
        "Transaction",
        "Line",
        "AccountID",
        "DebitAmount",
        "Amount",
        "CreditAmount",
    ]
    names += ["TransactionDate", "TransactionID", "trLine", "amnt", "amntTp", "Description", "Account"]
    return st.tuples(st.sampled_from(names), st.lists(inner, max_size=4)).map(
        lambda element: f"<{element[0]}>{''.join(element[1])}</{element[0]}>"
    )


xml_trees = st.recursive(
    words.filter(lambda word: word.isprintable() and not set(word) & set("<&]"))
    | st.sampled_from(["1", "2025-01-31", "5", "D", "C"]),
    xml_element,
    max_leaves=12,
)
sie_words = words | st.sampled_from(['"a b"', "{}", '{1 "2"}', "1930", "100", "-100", "20250131"])
GRAMMARS = {
    "sie": of_lines(
        st.builds(
            lambda tag, rest: " ".join([tag, *rest]),
            st.sampled_from(
                ["#VER A 1 20250131", "{", "#TRANS 1930 {} 5", "#TRANS 2 {} -5", "}", *TOKENS["sie"], "#FNAMN"]
            ),
            st.lists(sie_words, max_size=3),
        )
    ),
    "jsonl": of_lines((json_entries | json_accounts).map(json.dumps)),
    "ledger": of_lines(
        st.builds(
            lambda start, rest: start + "".join(rest),
            st.sampled_from(["2025-01-31 ", "  ", "\tA:B  ", "  A  1 EUR", "  B", *TOKENS["ledger"]]),
            st.lists(words | st.sampled_from(TOKENS["ledger"]), max_size=4),
        )
    ),
    "csv": st.builds(
        lambda header, rows: "\n".join(",".join(row) for row in [header, *rows]),
        st.permutations(["entry_id", "date", "description", "account", "side", "amount", "total"]),
        st.lists(st.lists(words | st.sampled_from(["1", "2025-01-31", "D", "C", "5"]), max_size=8), max_size=6),
    ),
    "fec": st.builds(
        lambda header, rows: "\n".join("|".join(row) for row in [header, *rows]),
        st.permutations(
            [*("JournalCode", "EcritureNum", "EcritureDate", "CompteNum", "EcritureLib", "Debit", "Credit")]
        ),
        st.lists(st.lists(words | st.sampled_from(["1", "20250131", "AN", "5"]), max_size=8), max_size=6),
    ),
    "datev": st.builds(
        lambda header, rows: "\n".join([header, "Umsatz", *(";".join(row) for row in rows)]),
        st.sampled_from(['"EXTF";700;21;;;;;;;;1;2;20240101;4;20240101', '"EXTF";700;20', '"DTVF";;21']),
        st.lists(
            st.lists(words | st.sampled_from(["5", '"S"', "H", "4930", "70000", "9", "3101"]), max_size=12),
            max_size=5,
        ),
    ),
    "auditfile": xml_trees.map(
        lambda tree: f"<AuditFile><GeneralLedgerEntries>{tree}</GeneralLedgerEntries></AuditFile>"
    ),
    "config": of_lines(
        st.builds(
            lambda indent, key, value: f"{indent}{key}: {value}",
            st.sampled_from(["", "  ", "    "]),
            st.sampled_from(["model", "hidden", "ingest", "columns", "tolerance", "encoding", "date_format"]),
            words | st.sampled_from(["", "3", "utf-7", "%Y%m%d", "{entity: x}", "1e400", "[]"]),
        )
    ),
}
MANIFEST_PARTS = ("kind", "fingerprint", "rows", "files", "config", "inputs", "resolved", "facts", "created")


@pytest.mark.parametrize("target", TARGETS)
def test_a_valid_file_is_read_and_changes_of_it_are_read_or_refused_with_the_files_name(target):
    for seed in seeds(target):
        TARGETS[target](seed)

    @hypothesis_settings(target)
    @given(mutated(target))
    def read(data):
        TARGETS[target](data)

    read()


@pytest.mark.parametrize("target", GRAMMARS)
def test_what_is_nearly_of_a_format_is_read_or_refused_with_the_files_name(target):
    @hypothesis_settings(target)
    @given(chooser, GRAMMARS[target].map(encoded))
    def read(first, data):
        TARGETS[target](first + data)

    read()


@pytest.mark.parametrize("target", TARGETS)
def test_any_bytes_are_read_or_refused_with_the_files_name(target):
    @hypothesis_settings(target, 60)
    @given(chooser, st.binary(max_size=80))
    def read(first, data):
        TARGETS[target](first + data)

    read()
    TARGETS[target](b"")


@hypothesis_settings("manifest")
@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*MANIFEST_PARTS, "folder", "more"), json_values)))
def test_a_manifest_with_parts_of_any_kind_is_read_or_refused(changes):
    manifest = json.loads(seeds("manifest")[0][1:])
    TARGETS["manifest"](b"\0" + json.dumps(manifest | changes).encode())
    files = changes.get("files")
    if isinstance(files, dict):
        facts = {"size": 1, "sha256": "0"}
        TARGETS["manifest"](b"\0" + json.dumps(manifest | {"files": dict.fromkeys(files, facts)}).encode())


@hypothesis_settings("bundle")
@given(st.data())
def test_a_bundle_with_settings_of_any_kind_is_read_or_refused(data):
    number, seed = next((n, seed) for n, seed in enumerate(seeds("bundle")) if seed[1:2] == b"{")
    content = json.loads(seed[1:])
    place = content
    while isinstance(place, dict) and place and data.draw(st.booleans()):
        inner = place[data.draw(st.sampled_from(sorted(place)))]
        if not isinstance(inner, dict):
            break
        place = inner
    place[data.draw(st.sampled_from(sorted(place)) if place else words)] = data.draw(json_values)
    TARGETS["bundle"](bytes([number]) + json.dumps(content).encode())


CELLS = [
    pa.array([None, None], pa.null()),
    pa.array([True, None]),
    pa.array([2**62, -1]),
    pa.array([float("nan"), float("inf")]),
    pa.array([1e308, 5e-324]),
    pa.array([2**31 - 1, -(2**31)], pa.date32()),
    pa.array([2**62, -(2**62)], pa.timestamp("us")),
    pa.array([2**62 + 1, 1], pa.timestamp("ns")),
    pa.array([1, 2], pa.timestamp("us", "Nowhere/Such")),
    pa.array([1, 2], pa.time64("us")),
    pa.array([1, 2], pa.duration("s")),
    pa.array([b"\xff\0", b""]),
    pa.array([b"\xff\xfe", b"ok"], pa.binary()).view(pa.string()),
    pa.array([Decimal("9" * 70), None], pa.decimal256(76, 3)),
    pa.array([Decimal("1e-30"), Decimal(1)], pa.decimal128(38, 30)),
    pa.array([["a"], None]),
    pa.array([{"a": 1}, {"a": None}]),
    pa.array(["\0", "\x1f"]).dictionary_encode(),
    pa.array(["x" * 100_001, "\u202e"], pa.large_string()),
    pa.array([datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]),
]


@hypothesis_settings("parquet")
@given(
    st.fixed_dictionaries(
        {name: st.sampled_from(CELLS) | st.just(usual) for name, usual in (
            ("entry_id", pa.array(["1", "2"])),
            ("date", pa.array([20_000, 20_000], pa.date32())),
            ("description", pa.array(["a", "b"])),
        )},
        optional={
            name: st.sampled_from(CELLS)
            for name in ("account", "side", "amount", "debit", "credit", "text", "total", "entity")
        },
    )
)  # fmt: skip
def test_parquet_columns_of_any_type_are_read_or_refused(columns):
    TARGETS["parquet"](b"\0" + parquet(columns))


def test_the_coverage_guided_driver_runs_and_finds_what_is_wrong(tmp_path):
    pytest.importorskip("atheris")
    run = [sys.executable, str(Path(__file__).parent / "run.py")]
    fine = subprocess.run(
        [*run, "jsonl", "--seconds", "2"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert fine.returncode == 0, fine.stderr
    assert "jsonl: " in fine.stdout
    assert "executions" in fine.stdout
