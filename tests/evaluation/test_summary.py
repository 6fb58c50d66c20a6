import pytest

from jet.evaluation.summary import WIDTH, examples_text, scores_text


def line(side, account, name="Name"):
    return {"account": account, "name": name, "side": side, "probability": 0.5}


def example(predicted, true, description="Office rent", right=None):
    return {
        "entity": "acme",
        "date": "2025-01-31",
        "description": description,
        "predicted": predicted,
        "true": true,
        "confidence": 0.876,
        "decision": "review",
        "right": predicted == true if right is None else right,
    }


RENT = [line("D", "6310", "Rent"), line("C", "1800", "Bank")]


def test_right_entry_has_the_same_lines_in_the_same_rows():
    text = examples_text([example(RENT, RENT)])
    assert "acme" in text
    assert "2025-01-31" in text
    assert "“Office rent”" in text
    assert "✓ right; confidence 0.88, decision review" in text
    rows = [row.split() for row in text.splitlines()]
    assert ["D", "6310", "Rent", "D", "6310", "Rent"] in rows
    assert ["C", "1800", "Bank", "C", "1800", "Bank"] in rows
    assert "!" not in text


def test_order_of_lines_makes_no_difference():
    assert examples_text([example(RENT, RENT[::-1], right=True)]) == examples_text([example(RENT, RENT)])


def test_what_differs_is_marked_on_its_side():
    wrong = [line("D", "6315", "Storage"), line("C", "1800", "Bank")]
    rows = examples_text([example(wrong, RENT)]).splitlines()
    assert [row.split() for row in rows if "!" in row] == [
        ["!", "D", "6315", "Storage", "!", "D", "6310", "Rent"]
    ]
    assert "✗ wrong" in rows[-1]


def test_pair_booked_twice_counts_twice():
    once, twice = [line("D", "1"), line("C", "2")], [line("D", "1"), line("D", "1"), line("C", "2")]
    marked = [row.split() for row in examples_text([example(once, twice)]).splitlines() if "!" in row]
    assert marked == [["!", "D", "1", "Name"]]


def test_no_answer_leaves_the_column_empty():
    text = examples_text([example([], RENT, right=False)])
    assert text.count("!") == 2
    assert "✗ wrong" in text


def test_columns_stand_under_each_other_and_keep_to_the_width():
    long = [line("D", "6310", "An account with a name that goes on and on " * 3), line("C", "1800")]
    rows = examples_text([example(long, long, description="A description " * 20)]).splitlines()
    assert all(len(row) <= WIDTH for row in rows)
    head, debit = rows[1], rows[2]
    assert head.index("true") == debit.rindex("D 6310")
    assert head.index("predicted") == debit.index("D 6310")


def test_line_breaks_in_a_description_do_not_break_the_layout():
    assert len(examples_text([example(RENT, RENT, description="one\ntwo\x1b[31m")]).splitlines()) == 5


def test_examples_are_numbered_and_apart():
    text = examples_text([example(RENT, RENT)] * 10)
    assert len(text.split("\n\n")) == 10
    assert "\n\n 10. " in text


def overall(exact, coverage, precision):
    automation = {"0.95": {"coverage": coverage, "precision": precision}}
    return {"overall": {"entry_exact_match": exact, "line_f1": 0.5, "automation": automation}}


def test_scores_have_a_row_for_each_method_with_the_model_first():
    test = {
        "model": overall(0.9, 0.8, 0.97),
        "baselines": {"last_same_text": overall(0.6, 0.0, None), "x": overall(0, 0, None)},
    }
    head, *rows = scores_text({"test": test}, 0.95).splitlines()
    assert "automated at 95%" in head
    assert [row.split()[0] for row in rows] == ["jet", "last", "x"]
    assert rows[0].split()[1:] == ["90.0%", "50.0%", "80.0%", "97.0%"]
    assert rows[1].split()[-2:] == ["0.0%", "–"]
    assert len({len(row) for row in [head, *rows]}) == 1


@pytest.mark.parametrize(
    ("high", "why"), [(0.94, "more than chance explains"), (0.96, "which chance explains")]
)
def test_a_promise_that_was_not_kept_is_told_in_a_line(high, why):
    fell = overall(0.9, 0.8, 0.9)
    fell["overall"]["automation"]["0.95"] |= {"n_auto": 200, "precision_interval": [0.85, high]}
    rows = scores_text({"test": {"model": fell, "baselines": {}}}, 0.95).splitlines()
    [row] = [row for row in rows if "Fell below the promise of 95%: 90.0% of 200 right" in row]
    assert why in row
    assert len(row) <= WIDTH


def test_drift_is_told_where_it_was_found():
    metrics = {"test": {"model": overall(0.9, 0.8, 0.97), "baselines": {}}}
    assert "drift" in scores_text(metrics | {"drift": {"found": 1}}, 0.95)
    assert "drift" not in scores_text(metrics | {"drift": {"found": 0}}, 0.95)


def test_promise_that_was_not_measured_is_left_out():
    text = scores_text({"test": {"model": overall(0.9, 0.8, 0.97), "baselines": {}}}, 0.9)
    assert "automated" not in text
    assert "90.0%" in text


def test_of_many_baselines_the_best_three_are_shown_and_it_says_so():
    baselines = {f"baseline_{i}": overall(i / 20, 0, None) for i in range(12)}
    text = scores_text({"test": {"model": overall(0.9, 0.8, 0.97), "baselines": baselines}}, 0.95)
    rows = text.splitlines()
    assert [row[:11] for row in rows[2:5]] == ["baseline 11", "baseline 10", "baseline 9 "]
    assert rows[5] == "The best 3 of 12 baselines; the report has all."
    assert len(rows) == 6
    few = scores_text({"test": {"model": overall(0.9, 0.8, 0.97), "baselines": {"x": overall(0, 0, 0)}}}, 0.95)
    assert "best" not in few


def test_each_other_regime_has_a_line_between_the_model_and_the_baselines():
    metrics = {
        "test": {"model": overall(0.9, 0.8, 0.97), "baselines": {"x": overall(0.6, 0.0, None)}},
        "regimes": {"rolling, no total": overall(0.81, 0.5, 0.96), "batch": overall(0.71, 0, None)},
    }
    head, *rows = scores_text(metrics, 0.95).splitlines()
    assert [row[:22].rstrip() for row in rows] == ["jet", "jet: rolling, no total", "jet: batch", "x"]
    assert rows[1].split()[-4:] == ["81.0%", "50.0%", "50.0%", "96.0%"]
    assert rows[2].split()[-4:] == ["71.0%", "50.0%", "0.0%", "–"]
    assert {len(row) for row in rows} == {len(head)}


def test_a_promise_that_another_regime_did_not_keep_is_told_with_its_name():
    fell = overall(0.9, 0.8, 0.9)
    fell["overall"]["automation"]["0.95"] |= {"n_auto": 20_000, "precision_interval": [0.85, 0.94]}
    test = {"model": overall(0.9, 0.8, 0.97), "baselines": {}}
    rows = scores_text({"test": test, "regimes": {"rolling, no total": fell}}, 0.95).splitlines()
    [row] = [row for row in rows if row.startswith("Fell below")]
    assert "95% (rolling, no total): 90.0% of 20000 right" in row
    assert len(row) <= WIDTH


def test_amounts_have_a_line_where_they_were_measured():
    metrics = {
        "test": {"model": overall(0.9, 0.8, 0.97), "baselines": {"x" * 90: overall(0.6, 0.0, None)}},
        "amounts": {"all_right_given_set": 0.876},
    }
    rows = scores_text(metrics, 0.95).splitlines()
    assert all(len(row) <= WIDTH for row in rows)
    assert [row for row in rows if row.startswith("Amounts") and "87.6%" in row]
    assert "Amounts" not in scores_text({"test": metrics["test"]}, 0.95)
