"""What is fuzzed: every reader of a file that somebody else wrote, as a function of that file's bytes.

A target returns where the file was read or refused as it should be, and raises where anything else happens: an
exception that is no refusal, a refusal that doesn't name the file, or content that breaks a promise. Its first
byte chooses among settings (or among the files of a bundle), the others are the file.

Two drivers share them: `test_fuzzing.py` (Hypothesis, with every test run) and `run.py` (atheris, `make fuzz`).
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jet.artifacts.artifact import MANIFEST, ArtifactError, artifact_writer, finished, open_artifact
from jet.artifacts.tables import SchemaError
from jet.books.checks import EXCERPT_CHARACTERS, Rule, check_account, check_entry
from jet.books.importers import (
    Account,
    Entry,
    ImportSettings,
    Passed,
    Record,
    Rejection,
    UnreadableFile,
    import_file,
    to_tables,
)
from jet.books.schema import ACCOUNTS, ENTRIES, FILES, REJECTED
from jet.bundle.saved import load_bundle
from ray_jobs.options import ingest
from ray_jobs.runtime.arguments import job_parser, parsed

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "books"))
import audit_files
import bank_statements
import gnucash_books
import made_up
import workbooks

Target = Callable[[bytes], None]

RULES = {rule.value for rule in Rule}

SCHEMAS = (ENTRIES, ACCOUNTS, REJECTED, FILES)

SETTINGS = (
    {},
    {"entity": "Acme", "default_currency": "EUR", "tolerance": 0},
    {"decimal_comma": True, "tolerance": 1e30},
    {"encoding": "cp437", "entity_from": "org_number"},
    {"encoding": "gb18030", "entity_from": "name_and_org_number"},
    {"date_format": "%d.%m.%Y", "delimiter": "\t"},
    {"columns": {"entry_id": "date", "account_name": "text"}},
    {"quote": "", "skip_lines": 1, "strict": True},
    {"quote": "'", "decimal_comma": False, "sides": {"x": "D", "S": "C"}},
    {"dialect": "ledger"},
    {"dialect": "hledger"},
    {"bank_accounts": dict.fromkeys((bank_statements.IBAN, ""), "1930")},
)


@cache
def folder() -> Path:
    """Where the files of this process are."""
    made = tempfile.TemporaryDirectory(prefix="jet-fuzz-")
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[tempfile.TemporaryDirectory] = []


def check_refusal(error: Exception, path: Path) -> None:
    """Raise AssertionError where a refusal doesn't say of what, on one line that people can read."""
    assert str(path) in str(error), f"a refusal that doesn't name the file: {error!r}"
    assert len(str(error)) < 3000, f"a refusal that nobody reads: {error!r}"


# --- ledgers -----------------------------------------------------------------------------------------------


def ledger_target(format_: str, name: str) -> Target:
    """The importer of a format, all that is common to them included."""

    def target(data: bytes) -> None:
        path = folder() / name
        path.write_bytes(data[1:])
        read_ledger(path, ImportSettings(format=format_, **SETTINGS[data[0] % len(SETTINGS)]) if data else None)

    return target


def sheet_target(data: bytes) -> None:
    """The sheet of a workbook."""
    path = folder() / "sheet.xlsx"
    path.write_bytes(workbooks.as_excel_writes_it(data[1:]))
    read_ledger(path, ImportSettings(**SETTINGS[data[0] % len(SETTINGS)]) if data else None)


def read_ledger(path: Path, settings: ImportSettings | None = None) -> list[Record] | None:
    """The records of a file, all promises checked; None where it was refused."""
    settings = settings or ImportSettings()
    try:
        records = list(import_file(str(path), settings))
    except UnreadableFile as error:
        check_refusal(error, path)
        return None
    check_records(records, str(path), settings)
    return records


def check_records(records: list[Record], file: str, settings: ImportSettings) -> None:
    """Raise AssertionError where a record isn't what every reader of records relies on."""
    tolerance = Decimal(str(settings.tolerance))
    ids: set[tuple[str, str]] = set()
    accounts = {(each.entity, each.code) for each in records if isinstance(each, Account)}
    is_refused = any(isinstance(each, Rejection) for each in records)
    for record in records:
        if isinstance(record, Entry):
            assert (fault := check_entry(record, tolerance)) is None, fault
            assert (record.entity, record.entry_id) not in ids
            ids.add((record.entity, record.entry_id))
            used = {(record.entity, line.account) for line in record.lines or ()}
            assert used <= accounts or is_refused, used - accounts
        elif isinstance(record, Account):
            assert (fault := check_account(record, file)) is None, fault
        elif isinstance(record, Rejection):
            assert record.rule in RULES, record
            # What is wrong, and the way out.
            assert ":" in record.message or "must" in record.message or record.rule == Rule.INCLUDE, record
            assert record.file_line >= 1, record
            assert len(record.message) <= 1000, record
            assert len(record.excerpt) <= EXCERPT_CHARACTERS, record
    counts = [0, 0, 0, 0]
    for tables in to_tables(records, batch=7):
        for number, (table, schema) in enumerate(zip(tables, SCHEMAS, strict=True)):
            assert table.schema == schema
            table.validate(full=True)
            counts[number] += len(table)
    assert sum(counts) == sum(not isinstance(record, Passed) for record in records)


# --- settings ----------------------------------------------------------------------------------------------


@cache
def _parser():
    return job_parser("ingest", ingest)


def config_target(data: bytes) -> None:
    """The config file of a job."""
    path = folder() / "config.yaml"
    path.write_bytes(data[1:])
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            given = parsed(_parser(), ["--ledgers", "a", "--output", "b", "--config", str(path)], ingest)
    except SystemExit:
        assert "error: " in told.getvalue()
        return
    except ValueError as error:
        if "must not be" not in str(error):  # this names the setting
            check_refusal(error, path)
        return
    # A setting that can't be says so itself, by its name.
    with contextlib.suppress(ValueError):
        _parser().instantiate(given)


# --- artifacts ---------------------------------------------------------------------------------------------


@cache
def _artifact() -> Path:
    path = folder() / "things"
    with artifact_writer(str(path), "things", {"a": 1}, {"b": "2"}) as writer:
        writer.write_table("data/part-0.parquet", made_up.accounts_table(made_up.chart_rows()))
        writer.write_bytes("other/note.txt", b"note")
        writer.publish({"things": 1}, {"more": [1, {"x": None}]})
    return path


def manifest_target(data: bytes) -> None:
    """The manifest of an artifact, and what is read by it."""
    path = _artifact()
    (path / MANIFEST).write_bytes(data[1:])
    for read in (_open, lambda where: finished(where, "things", {"a": 1}, {"b": "2"})):
        try:
            read(str(path))
        except (ArtifactError, SchemaError, OSError) as error:
            check_refusal(error, path)


def _open(path: str) -> None:
    artifact = open_artifact(path, "things")
    artifact.verify()
    artifact.read_table(ACCOUNTS)
    assert all(isinstance(number, int) for number in artifact.manifest.rows.values())


@cache
def _bundle() -> tuple[Path, dict[str, bytes]]:
    """A small bundle, and what its files hold."""
    data = made_up.training_data(
        made_up.books(days=30, a_day=0.2), made_up.accounts_table(made_up.chart_rows())
    )
    bundle = made_up.assembled(data, made_up.network(data))
    path = Path(made_up.save(bundle, folder() / "model"))
    names = json.loads((path / MANIFEST).read_bytes())["files"]
    return path, {name: (path / name).read_bytes() for name in sorted(names) if name != "MODEL_CARD.md"}


def bundle_target(data: bytes) -> None:
    """One file of a bundle, the manifest made to fit: whoever writes one can write the other."""
    path, files = _bundle()
    name = list(files)[(data[0] if data else 0) % len(files)]
    (path / name).write_bytes(data[1:])
    manifest = (path / MANIFEST).read_bytes()
    fitting = json.loads(manifest)
    fitting["files"][name] = {"size": len(data) - 1, "sha256": hashlib.sha256(data[1:]).hexdigest()}
    (path / MANIFEST).write_text(json.dumps(fitting))
    try:
        load_bundle(str(path)).network  # noqa: B018 (made when it is asked for)
    except (ArtifactError, SchemaError, OSError) as error:
        check_refusal(error, path)
    finally:
        (path / name).write_bytes(files[name])
        (path / MANIFEST).write_bytes(manifest)


# --- all of them, and what to begin with -------------------------------------------------------------------

TARGETS: dict[str, Target] = {
    "sie": ledger_target("sie", "book.se"),
    "fec": ledger_target("fec", "123456789FEC20241231.txt"),
    "datev": ledger_target("datev", "EXTF_book.csv"),
    "auditfile": ledger_target("auditfile", "book.xml"),
    "camt": ledger_target("camt", "statement.xml"),
    "mt940": ledger_target("mt940", "statement.sta"),
    "ofx": ledger_target("ofx", "statement.ofx"),
    "gnucash": ledger_target("gnucash", "book.gnucash"),
    "jsonl": ledger_target("jsonl", "book.jsonl"),
    "ledger": ledger_target("ledger", "book.ledger"),
    "csv": ledger_target("tabular", "book.csv"),
    "xlsx": ledger_target("tabular", "book.xlsx"),
    "sheet": sheet_target,
    "parquet": ledger_target("tabular", "book.parquet"),
    "any": ledger_target("auto", "book"),
    "config": config_target,
    "manifest": manifest_target,
    "bundle": bundle_target,
}

SIE = """#FLAGGA 0
#FORMAT PC8
#SIETYP 4
#ORGNR 556000-0001
#FNAMN "Åkes \\"Bygg\\" AB"
#RAR 0 20240101 20241231
#KPTYP BAS2014
#KONTO 1930 "Bank"
#KONTO 5010 Lokalhyra
#KTYP 5010 K
#DIM 6 "Projekt"
#IB 0 1930 100.00
#VER A 7 20240131 "Hyra"
{
#TRANS 5010 {6 "P1" 1 20} 1200.00 20240131 "januari"
#RTRANS 5010 {} 1,50
#TRANS 5010 {} 1,50
#BTRANS 5010 {} 3
#TRANS 1930 {} -1201.50
}
#VER "" "" 20240229
{
#TRANS 1930 {} 0
}
"""

FEC = """JournalCode|JournalLib|EcritureNum|EcritureDate|CompteNum|CompteLib|CompAuxNum|CompAuxLib|PieceRef|\
PieceDate|EcritureLib|Debit|Credit|EcritureLet|DateLet|ValidDate|Montantdevise|Idevise
AN|A nouveaux|1|20240101|512|Banque|||||é|5,00|0,00||||||
AC|Achats|7|20240131|6064|Papier|||F7|20240131|Dupont|1000,50|0,00||||||
OD||0|20240131|6|||||||1.234|||||||
AC|Achats|7|20240131|401||DUP|Dupont|F7|20240131|Dupont|0,00|1000,50||||||
OD||0|20240201|4|||||||||1.234|||||||
"""

DATEV = """"EXTF";700;21;"Buchungsstapel";13;20240130140440439;;"RE";"";"";29098;55003;20240101;4;20240101;\
20240831;"Buchungsstapel";"WD";1;0;0;"EUR";;"";;;"03";;;"";""
Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basis-Umsatz;WKZ Basis-Umsatz;Konto;\
Gegenkonto
119,00;"S";"EUR";;;"";4930;70000;"9";3101;"R7";"";;"Büro ""A""
5,00;"H";"USD";1,1;4,50;"EUR";1200;9000;;101;"";"";;""
107;"S";"";;;;10000;8300;"";3108;;;0,00;x
100;"S";"";;;;3120;70000;"94";31082024;;;;x
"""

JSONL = """{"entry_id":"7","entity":"Acme","date":"2025-01-31","description":"Rent é","currency":"EUR",\
"journal":"b","total":"1200.00","lines":[{"account":"6310","account_name":"Rent","side":"D","amount":"1200.00","text":"x",\
"dimensions":{"project":"P1"}},{"account":"1800","side":"C","amount":1.2e3,"currency":"EUR",\
"dimensions":[{"dimension":"a","object":"b"}]}]}
{"entry_id":8,"date":"20250228","description":null,"total":-1.5}
{"type":"account","entity":"Acme","code":"6315","name":"Storage","parent":"63","nature":"expense",\
"opened":"2025-02-01","closed":"2025-03-01"}
"""

LEDGER = """; a comment
account Assets:Bank  ; type: Cash
alias B=Assets:Bank
apply account Home
2025/01/31=2025/02/01 * (12) Rent ; note
    Expenses:Rent  $1,200.00 = $5
    ; inner
    [Savings]   -5 EUR @ 1.1 USD
    (Virtual)  3
    B
end apply account
Y2024
02-29 ! Shares
  Assets:Stock  10 "ABC 1" {$2.5} [2024-01-01] @@ $30
  Assets:Bank  -30 $
comment
x
end comment
include other.ledger
commodity 1.000,00 EUR
bucket Assets:Bank
Account x
  alias y
2024-03-01 Y ; z
  y	5 EUR = 5,5
  Assets:Bank
2024-02-01 X
  Assets:Bank  = 1.000 EUR
  y  (5 + 3)
P 2024/01/01 EUR $1.1
"""

CSV = """entry_id;date;description;account;account_name;side;amount;debit;credit;text;total;\
currency;entity;journal
7;2025-01-31;"Office ""rent"" x";6310;Rent;D;1.200,00;;;x;;EUR;;b
7;2025-01-31;;1800;Bank;C;1.200,00;;;y;;EUR;;
8;20250228;February;;;;;;;;9.5;;Acme;
"""

UNMAPPED = """Acme AB;;

Verifikat;Datum;Text;Konto;Kontonamn;Serie;Debet;Kredit
7;31/01/2025;"Hyra é";0420;Lokalhyra;A;1.200,00;
7;31/01/2025;"Hyra é";1930;Bank;A;;1.200,00
;;;2640;Moms;A;0,5;
8;02/03/2025;Kaffe;5410;;A;1 000;
8;02/03/2025;Kaffe;1930;;A;;1 000
Summa;;;;;;2.200,00;2.200,00
"""

CONFIG = """ingest:
  entity: Acme
  columns: {entry_id: Voucher, date: Day}
  date_format: "%d.%m.%Y"
  decimal_comma: true
  tolerance: 1e-3
model: {hidden: 64, copy_share: 0.5}
losses:
  stop: {form: linear, start: 0, end: 1}
predict:
  promise: 0.99
runtime:
  train_workers: 2
"""


def parquet(columns: dict[str, Iterable]) -> bytes:
    """A parquet file of these columns."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@cache
def _gnucash_database() -> bytes:
    path = folder() / "seed.gnucash"
    gnucash_books.in_sqlite(path)
    return path.read_bytes()


LEDGERS = (
    *("sie", "fec", "datev", "auditfile", "camt", "mt940", "ofx", "gnucash", "jsonl", "ledger"),
    *("csv", "xlsx", "sheet", "parquet"),
)
"""The targets of ledgers, each of one format."""


def seeds(target: str) -> list[bytes]:
    """Small files to begin with, in what they hold far apart from each other."""
    day = pa.array([20_000, 20_000], pa.date32())
    tables = [
        {
            "entry_id": ["1", "1"],
            "date": day,
            "description": ["a", "b"],
            "account": ["1", "2"],
            "amount": [5, -5],
        },
        {
            "entry_id": [1.0, 2.0],
            "date": pa.array([1, 2], pa.timestamp("us")),
            "description": pa.array(["a", "a"]).dictionary_encode(),
            "total": pa.array([Decimal("1.5"), None]),
        },
    ]
    files: dict[str, list[bytes]] = {
        "sie": [SIE.encode("cp437"), SIE.encode(), SIE.encode("latin-1").replace(b"\n", b"\r\n")],
        "fec": [
            FEC.encode("iso8859-15"),
            FEC.replace("|", "\t").encode(),
            FEC.replace("Debit|Credit", "Montant|Sens").replace("|0,00", "|D").encode(),
        ],
        "datev": [
            DATEV.encode("cp1252"),
            DATEV.replace('"03"', '""').encode(),
            b'"EXTF";700;20;"Kontenbeschriftungen";3\nKonto;Kontenbeschriftung\n420;"B\xfcro"',
        ],
        "auditfile": [
            *(text.encode() for text in (audit_files.NORWAY, audit_files.ROMANIA, audit_files.NETHERLANDS)),
            audit_files.PORTUGAL.encode("cp1252"),
        ],
        "camt": [bank_statements.CAMT.encode(), bank_statements.CAMT_08.encode("latin-1")],
        "mt940": [bank_statements.MT940.encode(), bank_statements.MT940.replace("\n", "\r\n").encode("cp1252")],
        "ofx": [bank_statements.OFX.encode(), bank_statements.OFX_XML.encode()],
        "gnucash": [
            gnucash_books.in_xml().encode(),
            gzip.compress(gnucash_books.in_xml().encode(), mtime=0),
            _gnucash_database(),
        ],
        "jsonl": [JSONL.encode(), b"\xef\xbb\xbf" + JSONL.encode()],
        "ledger": [LEDGER.encode(), LEDGER.encode("latin-1")],
        "csv": [
            *(CSV.replace(";", delimiter).encode() for delimiter in ";,\t"),
            UNMAPPED.encode("cp1252"),
            UNMAPPED.replace("Debet;Kredit", "Belopp;D/K").replace(";;", ";K;").encode(),
        ],
        "xlsx": [workbooks.as_excel_writes_it()],
        "sheet": [workbooks.EXCEL[workbooks.SHEET].encode()],
        "parquet": [parquet(columns) for columns in tables],
        "config": [CONFIG.encode(), json.dumps({"model": {"hidden": 3}}).encode()],
    }
    files["any"] = [file for name in LEDGERS for file in files[name]]
    if target == "manifest":
        files["manifest"] = [_valid_manifest()]
    if target == "bundle":
        return [bytes([number]) + content for number, content in enumerate(_bundle()[1].values())]
    return [bytes([number % len(SETTINGS)]) + file for number, file in enumerate(files[target])]


@cache
def _valid_manifest() -> bytes:
    return (_artifact() / MANIFEST).read_bytes()


TOKENS: dict[str, list[str]] = {
    "sie": ["#VER ", "#TRANS ", "#RTRANS ", "#BTRANS ", "#KONTO ", "#RAR ", "#DIM ", "{", "}", '"', '\\"', "#"],
    "fec": ["|", "\t", "Montant", "Sens", "|D|", "|-1|", "AN|", "20240131", "1,234", "1.234"],
    "auditfile": [
        "<",
        "</",
        "/>",
        "<!DOCTYPE a>",
        "<![CDATA[",
        "<Line>",
        "<Amount>",
        "<Transaction>",
        "<trLine>",
    ],
    "camt": ["<", "</", "/>", "<Ntry>", "</Ntry>", "<Amt>", "<Cd>", "DBIT", "BOOK", "1e999", "<Stmt>"],
    "mt940": [":61:", ":86:", ":60F:", ":62F:", "-}", "\n", "RC", "C2501", "?20", "?32", "0229", ","],
    "ofx": [
        "<STMTTRN>",
        "</STMTTRN>",
        "<",
        ">",
        "<CURDEF>",
        "<PAYEE>",
        "<TRNAMT>",
        "&lt;",
        "\n",
        "<?xml?>",
        "-",
    ],
    "jsonl": ['"lines":', "[", "]", "{", "}", '"', ":", ",", "null", "true", '"type":"account"', "\\ud800"],
    "ledger": ["apply account ", "end ", "alias ", "account ", "comment", "@", "@@", "{", "}", "=", "  ", ";"],
    "csv": [";", ",", "\t", '"', '""', "|"],
    "xlsx": ["PK\x03\x04", "PK\x01\x02", "sheet1.xml", "<c", "rId1", "styles"],
    "sheet": [
        "<c r='XFD9'>",
        "<v>",
        "</v>",
        "<row r='2'>",
        " t='s'",
        " t='d'",
        " s='9'",
        "<is><t>",
        "<f>",
        "1e999",
    ],
    "parquet": ["PAR1"],
    "config": [": ", "- ", "&a ", "*a", "!!python/object:x ", "<<: ", "? ", "[", "{", "|", ">", "---"],
    "manifest": ['"files"', '"folder": "..",', "../", "null", "[", "{", "1e999", '"sha256"', '"format": 1'],
    "bundle": ["F32", '"shape":[1,1]', "null", "-1", "1e999", "[", "{", "PAR1"],
}
TOKENS["gnucash"] = [
    "<trn:split>",
    "</trn:split>",
    "5/1",
    "0/0",
    "-5/3",
    "root",
    "t1",
    "bank",
    "CREATE VIEW ",
    "n",
]
TOKENS["datev"] = [";", '"', '"S"', '"H"', ";9;", ";94;", "4930", "70000", "8400", "3101", "EXTF", '"04"']
TOKENS["ledger"] += [
    "commodity ",
    "  format ",
    "decimal-mark ,",
    "D 1.000,00 EUR",
    "include ",
    "bucket ",
    "Y 20",
]
TOKENS["ledger"] += ["payee ", "  alias ", "\t", "[", "(", "== ", "1,000 EUR"]
TOKENS["any"] = [token for name in LEDGERS for token in TOKENS[name]]

WORDS = [
    *("", " ", "0", "-0", "1", "7", "-1", "1e30", "1e-9", "1e9999999", "1e-9999999", "NaN", "1_000"),
    *("1,234", "1.234,5", "(5)", "5-", "99999999999999999999", "0.000000001", "٣", "²", "½"),
    *("0001-01-01", "9999-12-31", "10000-01-01", "2025-02-30", "20250131", "2025-W05-1", "2025-01-31T99"),
    *("\0", "\x1a", "\x1c", "\x1f", "\x85", "\u2028", "\u202e", "\u2066", "\u200f", "\ufeff", "\r", "\n", "\t"),
    *("é", "Å", "中", "😀", "e\u0301\u0301", "İ", "ß", "\\", "'", '"', "''", "#", "=1+1", "../..", "a:b", ":"),
    *("x" * 300, ":" * 40, " " * 300, "[" * 300, "9" * 5000),
]
"""Words that somebody may put anywhere."""
