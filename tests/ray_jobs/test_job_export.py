"""`jet export`: predictions out as bookings, or what people made of them; nothing is lost on the way."""

from __future__ import annotations

import csv
import json
import logging
from decimal import Decimal
from pathlib import Path

import made_up
import pytest
from job_runs import entry, run_job, succeed, write_jsonl

from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.books.reading import read

RENT = [("5010", "Rent", "D", "80.00"), ("2641", "Tax", "D", "20.00"), ("1930", "Bank", "C", "100.00")]
UNKNOWN = [(code, name, side, None) for code, name, side, _ in RENT]
COMPANIES = ("acme", "birch")


def answered(entry_id, decision, lines, entity="acme"):
    """A row of predictions."""
    [row] = made_up.predictions([entity], [decision]).to_pylist()
    spelled = [
        {"account": code, "name": name, "side": side, "probability": 1.0, "guess": False}
        | {"amount": amount and Decimal(amount)}
        for code, name, side, amount in lines
    ]
    return row | {"entry_id": entry_id, "lines": spelled, "reason": f"why {decision}"}


def predicted(folder: Path, *parts) -> Path:
    """What `jet predict` could have written: parts of rows."""
    with artifact_writer(str(folder), "predictions", {}, {}) as writer:
        for number, rows in enumerate(parts):
            table = made_up.PREDICTIONS.empty_table().from_pylist(rows, schema=made_up.PREDICTIONS)
            writer.write_table(f"data/part-{number:06}.parquet", table)
        writer.publish({"predictions": sum(map(len, parts))})
    return folder


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A folder with `new.jsonl`, and the predictions of its entries in two parts, in another order."""
    asked = [entry(name, booked=False, total="100.00") for name in ("1", "2", "4")]
    asked += [entry("3", booked=False), entry("1", entity="birch", booked=False, total="100.00")]
    write_jsonl(tmp_path / "new.jsonl", asked)
    predicted(
        tmp_path / "predictions",
        [answered("4", "none", []), answered("2", "review", RENT), answered("1", "auto", RENT, "birch")],
        [answered("3", "review", UNKNOWN), answered("1", "auto", RENT)],
    )
    return tmp_path


def given(night: Path, format_: str, *more, output="out") -> tuple:
    return (
        *("--predictions", night / "predictions", "--ledgers", night / "new.jsonl"),
        *("--format", format_, "--output", night / output, *more),
    )


def left_out(night: Path) -> dict[str, str]:
    """Why entries are left out, by their ids."""
    with (night / "out/left-out.csv").open() as stream:
        return {row["entry_id"]: row["why"] for row in csv.DictReader(stream)}


def test_what_is_sure_is_booked_what_is_not_is_pending_and_the_rest_is_listed(night):
    told = succeed("export", *given(night, "hledger"))
    assert {name: told[name] for name in ("booked", "pending", "left_out", "reviewed")} == {
        "booked": 2, "pending": 1, "left_out": 2, "reviewed": 0,
    }  # fmt: skip
    assert told["files"] == ["acme.journal", "birch.journal", "left-out.csv", "left-out.jsonl"]
    journal = (night / "out/acme.journal").read_text()
    assert "2024-03-01 * (1) rent\n    5010  80.00 SEK\n    2641  20.00 SEK\n    1930  -100.00 SEK\n" in journal
    assert "2024-03-01 ! (2) rent\n" in journal
    assert "account 5010\n    ; Rent\n" in journal
    assert left_out(night) == {
        "4": "why none",
        "3": "the amount on account 5010 isn't known, since the entry has no total or jet no habit for it: "
        "complete the amounts",
    }


@pytest.mark.parametrize(("setting", "pending"), [((), 2), (("--export.amounts", "0.8"), 1)])
def test_accounts_that_are_sure_are_not_booked_with_amounts_that_are_not(tmp_path, setting, pending):
    write_jsonl(tmp_path / "new.jsonl", [entry(name, booked=False, total="100.00") for name in ("1", "2", "3")])
    sure = {"2": 0.99, "3": 0.8125}
    rows = [answered(name, "auto", RENT) | {"amount_confidence": sure[name]} for name in ("2", "3")]
    rows.append(answered("1", "review", RENT) | {"amount_confidence": 0.99})
    predicted(tmp_path / "predictions", rows)
    told = succeed("export", *given(tmp_path, "hledger", *setting))
    assert (told["booked"], told["pending"]) == (3 - pending, pending)
    assert told["unsure_amounts"] == pending - 1
    journal = (tmp_path / "out/acme.journal").read_text()
    assert "* (2) rent" in journal
    assert ("! (3) rent" if pending == 2 else "* (3) rent") in journal


@pytest.mark.parametrize("format_", ["sie", "csv", "jsonl"])
def test_formats_without_a_mark_have_files_of_what_is_pending(night, format_):
    told = succeed("export", *given(night, format_))
    suffix = {"sie": "si"}.get(format_, format_)
    own = ["booked/acme.si", "booked/birch.si", "pending/acme.si"]
    files = own if format_ == "sie" else [f"booked.{suffix}", f"pending.{suffix}"]
    assert told["files"] == sorted([*files, "left-out.csv", "left-out.jsonl"])
    pending = read(str(night / "out" / files[-1])).entries
    assert pending["description"].to_pylist() == ["rent"]
    assert [line["account"] for line in pending["lines"][0].as_py()] == ["5010", "2641", "1930"]


def test_what_is_left_out_is_read_again_completed_and_booked(night):
    succeed("export", *given(night, "jsonl"))
    rows = [json.loads(line) for line in (night / "out/left-out.jsonl").read_text().splitlines()]
    assert [row["entry_id"] for row in rows] == ["4", "3"]
    assert "lines" not in rows[0]
    for line, amount in zip(rows[1]["lines"], ("8", "2", "10"), strict=True):
        line["amount"] = amount
    write_jsonl(night / "reviewed.jsonl", rows)
    told = succeed("export", *given(night, "jsonl", "--reviewed", night / "reviewed.jsonl", output="again"))
    assert (told["reviewed"], told["booked"], told["pending"], told["left_out"]) == (1, 3, 1, 1)
    booked = read(str(night / "again/booked.jsonl")).entries
    assert Decimal("10") in booked["total"].to_pylist()


def test_what_was_corrected_is_booked_as_corrected_and_what_is_from_elsewhere_is_named(night, caplog):
    corrected = [entry("2", description="rent, not tax"), entry("99")]
    write_jsonl(night / "reviewed.jsonl", corrected)
    with caplog.at_level(logging.WARNING):
        told = succeed("export", *given(night, "ledger", "--reviewed", night / "reviewed.jsonl"))
    assert (told["reviewed"], told["reviewed_elsewhere"], told["pending"]) == (1, 1, 0)
    assert (
        "2024-03-01 * (2) rent, not tax\n    5010  100.00 SEK\n    1930  -100.00 SEK\n"
        in (night / "out/acme.ledger").read_text()
    )
    assert "1 entry ('99' of 'acme') of --reviewed are none of these predictions" in caplog.text


def test_the_same_command_again_finds_it_and_another_one_is_refused(night):
    first = succeed("export", *given(night, "csv"))
    before = {path: path.stat().st_mtime_ns for path in (night / "out").rglob("*")}
    again = succeed("export", *given(night, "csv"))
    assert again | {"seconds": 0} == first | {"seconds": 0}
    assert {path: path.stat().st_mtime_ns for path in (night / "out").rglob("*")} == before
    assert "format: 'csv' there, 'jsonl' here" in run_job("export", *given(night, "jsonl")).complaint


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda rows: rows[1:],
            "1 entry ('1' of 'acme') of the predictions are not in --ledgers: give what was",
        ),
        (
            lambda rows: [*rows, entry("7", booked=False)],
            "1 entry ('7' of 'acme') of --ledgers have no prediction: give what was predicted, and no more",
        ),
    ],
)
def test_entries_without_their_other_half_are_named_and_nothing_is_written(night, change, why):
    rows = [json.loads(line) for line in (night / "new.jsonl").read_text().splitlines()]
    write_jsonl(night / "new.jsonl", change(rows))
    done = run_job("export", *given(night, "jsonl"))
    assert done.status == 2
    assert why in done.complaint
    assert sorted(path.name for path in night.iterdir()) == ["new.jsonl", "predictions"]


def test_the_chart_says_what_an_account_is(night):
    bare = succeed("export", *given(night, "beancount"))
    assert (bare["booked"], bare["left_out"]) == (0, 5)
    assert "nobody says whether account '5010' is an asset" in left_out(night)["1"]
    kinds = {"5010": "expense", "2641": "liability", "1930": "asset"}
    accounts = [
        {"type": "account", "entity": company, "code": code, "name": code, "nature": nature}
        for company in COMPANIES
        for code, nature in kinds.items()
    ]
    write_jsonl(night / "chart.jsonl", [*accounts, entry("old")])
    told = succeed("export", *given(night, "beancount", "--books", night / "chart.jsonl", output="again"))
    assert (told["booked"], told["left_out"]) == (2, 2)
    assert '2024-03-01 open Liabilities:2641\n  name: "Tax"\n' in (night / "again/acme.beancount").read_text()


def test_accounts_get_the_names_that_are_given(night):
    names = "{5010: Expenses:Rent, 2641: Liabilities:Tax, 1930: Assets:Bank}"
    succeed("export", *given(night, "beancount", "--export.accounts", names))
    assert "  Expenses:Rent  80.00 SEK\n" in (night / "out/acme.beancount").read_text()


def test_a_night_without_entries_is_exported_as_nothing(tmp_path):
    predicted(tmp_path / "predictions")
    (tmp_path / "new.jsonl").touch()
    told = succeed("export", *given(tmp_path, "csv"))
    assert (told["booked"], told["left_out"], told["files"]) == (0, 0, ["left-out.csv", "left-out.jsonl"])


def test_bookings_are_written_wherever_artifacts_are(night, place):
    files = succeed("export", *given(night, "sie")[:-1], f"{place}/out")["files"]
    found = open_artifact(f"{place}/out", "bookings")
    assert sorted(found.manifest.files) == files
    assert found.read_bytes("booked/acme.si").startswith(b"#FLAGGA 0\r\n")
    assert succeed("export", *given(night, "sie")[:-1], f"{place}/out")["files"] == files


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "format"),
        (("--format", "cvs"), "format must be one of ledger, hledger, beancount, sie, csv"),
    ],
)
def test_a_format_must_be_given_that_there_is(night, options, why):
    others = [each for each in given(night, "csv") if each not in ("--format", "csv")]
    assert why in run_job("export", *others, *options).complaint
