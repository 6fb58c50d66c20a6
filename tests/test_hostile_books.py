"""What the library makes of hostile books that got past the importers: charts, companies and entries."""

from __future__ import annotations

from datetime import date

import made_up
import numpy as np
import pyarrow as pa
import pytest

from jet.books.catalog import MAX_DEPTH, Catalog
from jet.books.checks import MAX_TEXT_BYTES
from jet.books.schema import ACCOUNTS
from jet.bundle.extension import extended
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.retrieval.peers import chart_families

SETTINGS = PredictSettings(batch_size=16)


def charts(entities: list[str], codes: list[str], names: list[str]) -> pa.Table:
    """A table of accounts, one a place of the three lists."""
    columns = {"entity": entities, "code": codes, "name": names}
    rows = len(entities)
    return pa.table(
        [
            pa.array(columns[field.name]) if field.name in columns else pa.nulls(rows, field.type)
            for field in ACCOUNTS
        ],
        schema=ACCOUNTS,
    )


def predicted(bundle, *entries):
    table = made_up.entries_table([made_up.entry(*entry) for entry in entries])
    return Predictor.for_entries(bundle, SETTINGS, table, None)(table).to_pylist()


# --- charts ------------------------------------------------------------------------------------------------


def test_parents_in_a_circle_are_each_named_once():
    rows = [
        made_up.account("e", code, name, parent)
        for code, name, parent in (("1", "one", "2"), ("2", "two", "3"), ("3", "three", "1"), ("4", "own", "4"))
    ]
    texts = Catalog.from_accounts(made_up.accounts_table(rows)).texts()
    assert texts == ["1 | one | two | three", "2 | two | three | one", "3 | three | one | two", "4 | own"]


@pytest.mark.timeout(120)
def test_fifty_thousand_accounts_in_one_circle_are_a_catalog_with_short_texts():
    count = 50_000
    codes = [f"{number:05}" for number in range(count)]
    table = charts(["e"] * count, codes, [f"account {code}" for code in codes])
    parents = pa.array(codes[1:] + codes[:1])
    table = table.set_column(ACCOUNTS.get_field_index("parent"), ACCOUNTS.field("parent"), parents)
    catalog = Catalog.from_accounts(table)
    texts = catalog.texts()
    assert len(texts) == count
    assert max(text.count("|") for text in texts) == MAX_DEPTH + 1
    assert catalog.rows(pa.array(["e"] * 2), pa.array(["49999", "x"])).tolist() == [49_999, -1]
    assert chart_families(catalog).tolist() == [0]


@pytest.mark.timeout(120)
def test_a_hundred_thousand_entities_are_a_catalog_in_which_each_has_its_family():
    count = 100_000
    entities = [f"e{number // 2:06}" for number in range(2 * count)]
    catalog = Catalog.from_accounts(charts(entities, ["1", "2"] * count, ["cash", "sales"] * count))
    assert len(catalog.entities) == count
    assert (np.diff(catalog.offsets) == 2).all()
    assert catalog.token_rank.max() == 3
    # Two codes in common say nothing: no two of them are compared.
    assert len(set(chart_families(catalog).tolist())) == count


@pytest.mark.timeout(120)
def test_charts_that_share_all_codes_and_no_name_take_time_with_their_number_and_not_its_square(monkeypatch):
    count, each = 600, 6
    compared = []
    translate = Catalog.translate

    def counted(self, rows, entity):
        compared.append(np.size(entity))
        return translate(self, rows, entity)

    monkeypatch.setattr(Catalog, "translate", counted)
    draw = np.random.default_rng(0)
    names = ["".join(draw.choice(list("abcdefghijklmnopqrstuvwxyz"), 8)) for _ in range(count * each)]
    entities = [f"e{number // each:05}" for number in range(count * each)]
    catalog = Catalog.from_accounts(charts(entities, [str(n) for n in range(each)] * count, names))
    assert len(set(chart_families(catalog).tolist())) == count
    assert max(compared) <= 32


def test_of_companies_of_many_standards_each_joins_its_own():
    draw = np.random.default_rng(1)
    words = "bank rent sales tax wages paper travel loans cash stock fuel phone post cars".split()  # noqa: SIM905
    entities, codes, names, standards = [], [], [], []
    for company in range(120):
        standard = company % 10
        of_standard = np.random.default_rng(standard)
        chart = {
            str(code): " ".join(of_standard.choice(words, 2))
            for code in of_standard.choice(90, 20, replace=False)
        }
        for code in draw.choice(sorted(chart), 14, replace=False):
            entities.append(f"e{company:03}")
            codes.append(code)
            names.append(chart[code])
        standards.append(standard)
    family = chart_families(Catalog.from_accounts(charts(entities, codes, names)))
    assert len(set(zip(family.tolist(), standards, strict=True))) == len(set(standards))


# --- entries -----------------------------------------------------------------------------------------------


def test_a_company_without_history_gets_guesses_on_its_own_accounts(bundle):
    (row,) = predicted(bundle, ("cedar", "1", 100, "office rent"))
    assert {line["account"] for line in row["lines"]} <= {"1", "2"}
    assert all(line["guess"] for line in row["lines"])


def test_a_company_with_one_entry_is_trained_with_and_answered():
    one = made_up.entries_table([made_up.entry("cedar", "c1", 5, "the only one", "D1 C2", "5.00")])
    entries = pa.concat_tables([made_up.books(days=60), one])
    data = made_up.training_data(entries, made_up.accounts_table(made_up.chart_rows()))
    bundle = made_up.calibrated(data, made_up.assembled(data, made_up.network(data)))
    (row,) = predicted(bundle, ("cedar", "n", 50, "the only one"))
    assert {line["account"] for line in row["lines"]} <= {"1", "2"}
    assert [each["entry_id"] for each in row["evidence"]] in ([], ["c1"])


def test_an_account_that_was_used_after_it_closed_is_learned_from_and_never_proposed(bundle):
    late = made_up.entries_table([made_up.entry("alder", "late", 100, "very late paper", "D6110 C1930")])
    grown = extended(bundle, ACCOUNTS.empty_table(), lambda texts: np.zeros((len(texts), 0), np.float32), late)
    assert len(grown.corpus.ids) == len(bundle.corpus.ids) + 1
    (row,) = predicted(grown, ("alder", "n", 110, "very late paper"))
    assert row["lines"]
    assert "6110" not in {line["account"] for line in row["lines"]}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "text",
    [
        *("x" * MAX_TEXT_BYTES, "office rent " * 8_000, "é" * (MAX_TEXT_BYTES // 2), " " * MAX_TEXT_BYTES),
        *("e" + "\u0301" * 40_000, "\u202e" * 30_000, "ﷺ" * 30_000, "a\0b" * 10, "1" * MAX_TEXT_BYTES),
    ],
    ids=["letters", "words", "accents", "spaces", "marks", "directions", "ligatures", "nul", "digits"],
)
def test_a_description_of_100_000_bytes_is_answered(bundle, text):
    (row,) = predicted(bundle, ("alder", "n", 100, text))
    assert {line["side"] for line in row["lines"]} == {"D", "C"}


@pytest.mark.parametrize("total", ["0.00000001", "99999999999999999999.99999999", "0"])
def test_a_total_of_any_size_is_answered(bundle, total):
    (row,) = predicted(bundle, ("alder", "n", 100, "office rent", None, total))
    assert {line["side"] for line in row["lines"]} == {"D", "C"}


def test_entries_of_1900_and_2200_and_of_no_calendar_of_bookkeepers_are_answered(bundle):
    days = [(date(year, 1, 1) - made_up.FIRST_DAY).days for year in (1, 1900, 2200, 9999)]
    rows = predicted(bundle, *(("alder", f"n{day}", day, "office rent") for day in days))
    assert [bool(row["lines"]) for row in rows] == [True] * 4
    assert rows[0]["evidence"] == rows[1]["evidence"] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("accounts", [5_000, pytest.param(50_000, marks=pytest.mark.nightly)])
def test_a_company_with_very_many_accounts_is_learned_and_answered(bundle, accounts):
    codes = [f"{number:05}" for number in range(accounts)]
    table = charts(["elm"] * len(codes), codes, [f"account {code}" for code in codes])
    grown = extended(bundle, table, lambda texts: np.zeros((len(texts), 0), np.float32))
    (row,) = predicted(grown, ("elm", "n", 100, "account 00042"))
    assert {line["account"] for line in row["lines"]} <= set(codes)
    assert row["decision"] in ("review", "none")
