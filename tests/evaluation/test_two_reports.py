"""Two reports of the same entries side by side."""

import numpy as np
import pytest
from browser import measured, needs_chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import RENT, entries, entry, scored
from reports import publish_model, publish_report, rows_of
from test_report import HOSTILE, Page

from jet.evaluation.rows import rows_table
from jet.evaluation.saved import SavedReport
from jet.evaluation.two_reports import compare_reports
from jet.evaluation.two_reports_page import two_reports_page
from jet.evaluation.two_reports_text import two_reports_text

WIDTH, SCREEN = 110, 45


def compared(folder, first, second, **more):
    publish_report(folder / "1" / "report", first)
    publish_report(folder / "2" / "report", second, **more)
    return compare_reports(SavedReport.read(str(folder / "1")), SavedReport.read(str(folder / "2")))


def saved(rows):
    """A report that was never written."""
    facts = {"method": "ranker", "model": "m"}
    return SavedReport("r", {"facts": facts}, rows, {"predict": {"promise": 0.95}}, None)


def test_the_rows_are_those_of_a_report():
    books, answers = entries([entry("0", RENT)]), scored([(RENT, RENT)])
    table = rows_table(books, {"ranker": answers}, np.array([False]))
    assert table.column_names == rows_of([True]).column_names
    assert compare_reports(saved(table), saved(table)).counts["both"] == 1


def test_what_got_better_and_what_got_worse_are_the_entries_that_one_alone_is_right_in(tmp_path):
    one = rows_of([True, True, False, False, True], automated=[True, True, False, True, False])
    other = rows_of([True, False, True, False, True], automated=[True, True, True, False, False])
    found = compared(tmp_path, one, other)
    assert found.counts == {"n": 5, "both": 2, "first": 1, "second": 1, "neither": 1}
    assert [entry["description"] for entry in found.worse] == ["Text 1"]
    assert [entry["description"] for entry in found.better] == ["Text 2"]
    assert (found.better[0]["first"], found.better[0]["second"]) == ("C 1930 D 5810", "C 1930 D 5010")
    shares = {each["label"]: (each["first"], each["second"], each["difference"]) for each in found.figures}
    assert shares["exact match"] == (0.6, 0.6, 0)
    assert shares["booked alone at 95%"] == (0.6, 0.6, 0)
    assert shares["booked alone and wrong"] == (0.2, 0.2, 0)


def test_the_order_of_the_rows_makes_no_difference(tmp_path):
    one, other = rows_of([True, False, True, False]), rows_of([False, True, True, False])
    turned = compared(tmp_path, one, other.take([3, 1, 0, 2]))
    straight = compare_reports(saved(one), saved(other))
    assert (turned.counts, turned.figures, turned.worse) == (straight.counts, straight.figures, straight.worse)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("ab")), min_size=1, max_size=12))
def test_exchanging_the_reports_turns_every_difference_round(rows):
    entity = [row[2] for row in rows]
    one, other = (saved(rows_of([row[side] for row in rows], entity=entity)) for side in (0, 1))
    there, back = compare_reports(one, other), compare_reports(other, one)
    for figure, turned in zip(there.figures, back.figures, strict=True):
        assert figure["difference"] == -turned["difference"]
        assert figure["low"] == pytest.approx(-turned["high"])
    assert [each["entry_id"] for each in there.better] == [each["entry_id"] for each in back.worse]
    assert sum(each["gained"] - each["lost"] for each in there.companies) == round(
        there.figures[0]["difference"] * len(rows)
    )
    assert len(there.better) == sum(each["gained"] for each in there.companies)


def test_companies_are_told_apart_and_few_entries_say_too_little(tmp_path):
    entity = ["a"] * 60 + ["b"] * 4
    one = rows_of([True] * 64, entity=entity)
    other = rows_of([False] * 40 + [True] * 20 + [False] + [True] * 3, entity=entity)
    found = compared(tmp_path, one, other)
    assert [(each["entity"], each["n"], each["lost"]) for each in found.companies] == [
        ("a", 60, 40),
        ("b", 4, 1),
    ]
    text = two_reports_text(found)
    assert "too few to say" in next(row for row in text.splitlines() if row.startswith("  b "))


def test_a_clear_change_is_called_so_and_chance_is_not(tmp_path):
    one = rows_of([i % 4 > 0 for i in range(400)])
    text = two_reports_text(compared(tmp_path, one, rows_of([True] * 400)))
    assert "75.0%   100.0%   +25.0" in text
    assert next(row for row in text.splitlines() if row.startswith("exact match")).endswith("better")
    same = compare_reports(saved(one), saved(rows_of([i % 4 < 3 for i in range(400)])))
    assert next(row for row in two_reports_text(same).splitlines() if "exact" in row).endswith(
        "chance explains it"
    )


def test_settings_that_differ_are_named_those_of_the_training_too(tmp_path):
    rows = rows_of([True, False])
    publish_model(tmp_path / "1" / "model", {"train": {"seed": 0, "epochs": 9}})
    publish_model(tmp_path / "2" / "model", {"train": {"seed": 1, "epochs": 9}}, "m2")
    found = compared(tmp_path, rows, rows, model="m2", predict={"promise": 0.9})
    assert found.settings == [("train.seed", 0, 1), ("predict.promise", 0.95, 0.9)]
    assert found.trained
    assert "train.seed: 0 → 1" in two_reports_text(found)
    assert found.figures[1]["label"] == "booked alone at 95% and 90%"


def test_another_bundle_beside_a_report_says_nothing_of_its_training(tmp_path):
    rows = rows_of([True, False])
    publish_model(tmp_path / "1" / "model", {"train": {"seed": 7}}, "another")
    publish_model(tmp_path / "2" / "model", {"train": {"seed": 1}})  # of one known, the other not
    found = compared(tmp_path, rows, rows)
    assert (found.settings, found.trained) == ([], False)
    assert "of a training only what lies beside" in two_reports_text(found)


def test_reports_of_other_entries_are_refused_with_some_of_them(tmp_path):
    with pytest.raises(
        ValueError, match=r"1 of 3 are only in the first, 0 of 2 only in the second \(such as a/2\)"
    ):
        compared(tmp_path, rows_of([True] * 3), rows_of([True] * 2))


def test_entries_that_are_booked_otherwise_are_refused():
    one, other = rows_of([True]), rows_of([True])
    other = other.set_column(other.column_names.index("true"), "true", [["C 1930 D 4000"]])
    with pytest.raises(ValueError, match=r"1 test entries are booked otherwise in r than in r \(such as a/0\)"):
        compare_reports(saved(one), saved(other))


def test_rows_of_an_older_jet_are_refused(tmp_path):
    path = publish_report(tmp_path / "report", rows_of([True]).drop_columns(["description"]))
    with pytest.raises(ValueError, match=r"no column 'description': an older jet wrote it. Evaluate again"):
        SavedReport.read(path)


def test_the_text_fits_on_a_screen_and_says_what_it_leaves_out():
    n = 300
    entity = [f"company {i % 30} {'x' * 60}" for i in range(n)]
    rng = np.random.default_rng(0)
    texts = ["a long text\nof lines " * 9] * n
    one, other = (rows_of(rng.random(n) < 0.5, entity=entity, texts=texts) for _ in range(2))
    rows = two_reports_text(compare_reports(saved(one), saved(other))).splitlines()
    assert len(rows) <= SCREEN
    assert max(map(len, rows)) <= WIDTH
    assert sum("more" in row and "--output" in row for row in rows) == 3


def test_the_page_has_every_entry_that_changed_and_escapes_what_others_wrote():
    texts = [f"{HOSTILE} {i}" for i in range(30)]
    one = rows_of([True] * 20 + [False] * 10, texts=texts, entity=HOSTILE)
    other = rows_of([False] * 20 + [True] * 10, texts=texts, entity=HOSTILE)
    html = two_reports_page(compare_reports(saved(one), saved(other)))
    page = Page(html)
    assert not set(page.tags) & {"script", "img", "iframe"}
    assert ("meta", "http-equiv", "Content-Security-Policy") in page.attributes
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all(f"{HOSTILE} {i} " in page.text for i in range(30))
    assert "What got worse: 20" in page.text
    links = [value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert links == [value for tag, name, value in page.attributes if (tag, name) == ("h2", "id")]


@needs_chromium
def test_on_a_phone_nothing_of_the_page_is_cut(tmp_path):
    texts = [f"{'Rechnung-' * 12}{i}" for i in range(8)]
    one, other = rows_of([True] * 8, texts=texts), rows_of([True, False] * 4, texts=texts)
    script = "[innerWidth, document.documentElement.scrollWidth <= innerWidth]"
    html = two_reports_page(compare_reports(saved(one), saved(other)))
    assert measured(html, script, tmp_path, 400) == [400, True]
