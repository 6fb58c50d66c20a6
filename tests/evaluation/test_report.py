import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up_books import FOOD, RENT, SETS

from jet.evaluation.automation import AutomationThresholds
from jet.evaluation.automation import automation as automation_of
from jet.evaluation.measure import WITHOUT_TEST
from jet.evaluation.measurements import Measurements, best_baselines
from jet.evaluation.metrics import evaluate
from jet.evaluation.report import SECTIONS, render_html, write_report
from jet.evaluation.retrieval_metrics import retrieval_metrics
from jet.evaluation.scored import Scored
from jet.evaluation.strata import STRATA

HOSTILE = "<script>alert('x')</script> & \"<img src=x onerror=alert(1)> </style></svg> {{ 7*7 }} $\\frac$"


def scored(seed, entities=("Acme", "Bäckerei"), n=400):
    rng = np.random.default_rng(seed)
    confidence = rng.beta(4, 1, n)
    true = [tuple(sorted(SETS[i])) for i in rng.integers(0, 3, n)]
    right = rng.random(n) < confidence
    return Scored(
        entity=rng.choice(entities, n),
        entry_id=[str(i) for i in range(n)],
        true=true,
        predicted=[
            lines if good else (("9", "C"), ("9", "D")) for lines, good in zip(true, right, strict=True)
        ],
        confidence=confidence,
        alternatives=[[] for _ in true],
        valid=np.ones(n, bool),
        strata={name: rng.choice(values, n) for name, values in STRATA.items()},
    )


def tree(seed, **more):
    return evaluate(scored(seed + 1, **more), AutomationThresholds.of_scored(scored(seed, **more)))


def metrics_of(**more):
    facts = {"command": "jet evaluate", "config": {"split": {"train": 0.7}}}
    return Measurements(
        model=tree(0, **more), baselines={"last_same_text": tree(2, **more)}, facts=facts
    ).tree()


def example(text="Lyft", **more):
    def line(account, side, **also):
        return {"account": account, "name": text, "side": side, **also}

    return {
        "entity": "Acme",
        "date": "2024-05-01",
        "description": text,
        "predicted": [line(account, side, probability=0.9) for account, side in RENT],
        "true": [line(account, side) for account, side in FOOD],
        "confidence": 0.61,
        "decision": "review",
        "right": False,
    } | more


OTHERS = ("rolling, no total", "batch", "batch, no total")


def company(**states):
    """What `company_states` has of a company in each regime; `states` are by promise in the first one."""
    pooled = {"0.95": "pooled", "0.99": "pooled"}
    own = {"rows": 0, "right": 0, "expected": 0.0, "misfit": None, "states": pooled}
    own["thresholds"] = {"0.95": 0.9, "0.99": None}
    first = own | {"rows": 200, "right": 180, "expected": 184.25} | states
    return {"rolling": first} | dict.fromkeys(OTHERS, own)


TAKEN_OUT = company(
    misfit={"rows": 60, "right": 31, "expected": 55.2},
    states={"0.95": "taken out", "0.99": "taken out"},
    thresholds={"0.95": None, "0.99": None},
)
RAISED = company(states={"0.95": "raised", "0.99": "too few right"}, thresholds={"0.95": 0.9766, "0.99": None})


def full_metrics(**more):
    """With every part that a run may measure."""
    model = tree(0, **more)
    baselines = {f"baseline_{i}": tree(2 * i + 2, **more) for i in range(6)}
    points = zip((0, 10, 50, 150, 500), (0.2, 0.3, 0.4, 0.5, None), strict=True)
    return Measurements(
        model=model,
        baselines=baselines,
        facts={"command": "jet evaluate"},
        methods={"decoder": tree(22, **more)},
        regimes={name: tree(seed, **more) for seed, name in enumerate(OTHERS, start=24)},
        retrieval=retrieval_metrics([RENT, FOOD], [[RENT] * 5, [RENT]], [[RENT], [RENT, FOOD, RENT]]),
        learning_curve=[
            {
                "history": h,
                "n": 7,
                "entities": 2,
                "entry_exact_match": x,
                "svm_exact_match": x and x - 0.1,
                "line_f1": x,
                "validity": 1.0,
            }
            for h, x in points
        ],
        learning_curve_note="Each company was left out of training once.",
        amounts={
            "n": 321,
            "known_total": 319,
            "all_right_given_set": 0.8765,
            "by_lines": {"2": {"n": 300, "all_right": 0.9123}},
            "expected_calibration_error": 0.0456,
            "reliability": [[0.8, 0.9, 21], [0.95, 0.9, 300]],
            "automation": model["overall"]["automation"],
        },
        costs={
            "model": {"seconds": 83.0, "cpu_seconds": 7300.0, "peak_mib": 2048.0},
            "baseline_0": {"seconds": 0.5},
        },
        comparison={"baseline_0": {"difference": 0.034, "low": -0.012, "high": 0.08, "share_above": 0.93}},
        companies=dict(zip(model["by_entity"], (RAISED, TAKEN_OUT), strict=True)),
        confusion=confusion(next(iter(model["by_entity"]))),
        drift=drift(0.35),
    ).tree()


def confusion(entity):
    """Two accounts that were taken for each other three times, and two that were once."""
    pair = {"entity": entity, "accounts": ["5010", "5810"], "names": ["Rent", "Travel"], "entries": [1, 2]}
    once = pair | {"accounts": ["6110", "6980"], "names": ["Paper", "Fees"], "entries": [1, 0]}
    account = {"entity": entity, "account": "5810", "name": "Travel", "asked": 40, "right": 38, "given": 41}
    return {"pairs": [pair, once], "accounts": [account, account | {"asked": 3, "right": 1}], "unclear": 7}


FULL_EXAMPLE = {
    "reason": "Booked like this eleven times before.",
    "predicted": [
        {"account": "1", "name": "Rent", "side": "D", "probability": 0.4, "guess": True, "amount": "99.50"},
        {"account": "2", "name": "Bank", "side": "C", "probability": 0.9, "amount": None},
    ],
    "evidence": [
        {
            "entry_id": "A 17",
            "description": "Lyft in May",
            "same_text": False,
            "similarity": 0.8,
            "age_days": 1,
        },
        {"entry_id": "A 16"},
    ],
}


class Page(HTMLParser):
    """What a browser would make of the page: its tags, their attributes, its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.text += " "
        self.attributes.extend((tag, name, value or "") for name, value in attrs)

    def handle_data(self, data):
        self.text += data


def test_the_paths_that_others_read_are_there():
    metrics = json.loads(write_report(metrics_of(), [], [])[0])
    assert isinstance(metrics["test"]["model"]["overall"]["entry_exact_match"], float)
    assert isinstance(metrics["test"]["model"]["macro"]["entry_exact_match"], float)
    assert metrics["test"]["model"]["by_entity"]["Bäckerei"]["n"] > 0
    assert metrics["test"]["baselines"]["last_same_text"]["overall"]["automation"]["0.99"]["n_auto"] >= 0
    assert metrics["facts"]["command"] == "jet evaluate"


def test_the_page_shows_the_figures():
    metrics = metrics_of()
    overall = metrics["test"]["model"]["overall"]
    text = Page(render_html(metrics, [example()])).text
    for shown in (overall["entry_exact_match"], overall["line_f1"], overall["expected_calibration_error"]):
        assert f"{100 * shown:.1f}%" in text
    for shown in (
        "Acme",
        "Bäckerei",
        "last same text",
        "Lyft",
        "61.0%",
        "500+",
        "jet evaluate",
        "auto",
        "none",
    ):
        assert shown in text


def test_nothing_hostile_gets_out_of_its_place():
    metrics = metrics_of(entities=(HOSTILE, "Acme"))
    metrics["facts"][HOSTILE] = [HOSTILE]
    metrics["test"]["baselines"][HOSTILE] = metrics["test"]["baselines"]["last_same_text"]
    hostile = example(HOSTILE, entity=HOSTILE, date=HOSTILE, decision=HOSTILE)
    hostile["true"] = [{"account": HOSTILE, "name": HOSTILE, "side": HOSTILE}]
    page, plain = (Page(render_html(m, [e])) for m, e in ((metrics, hostile), (metrics_of(), example())))
    assert not set(page.tags) & {"script", "img"}
    assert set(page.tags) == set(plain.tags)
    assert page.tags.count("style") == plain.tags.count("style")
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 8


def test_nothing_hostile_gets_out_of_the_parts_that_a_run_may_have():
    metrics = full_metrics(entities=(HOSTILE, "Acme"))
    metrics["learning_curve_note"] = HOSTILE
    metrics["confusion"] = confusion(HOSTILE)
    for row in (*metrics["confusion"]["pairs"], *metrics["confusion"]["accounts"]):
        row |= {name: [HOSTILE] * 2 for name in ("accounts", "names") if name in row}
        row |= {name: HOSTILE for name in ("account", "name") if name in row}
    metrics["facts"] |= dict.fromkeys(("model", "method", "encoder"), HOSTILE)
    metrics["facts"]["test period"] = {"from": HOSTILE, "to": HOSTILE}
    metrics["facts"]["confidence"] = HOSTILE
    metrics["drift"]["groups"][0]["name"] = HOSTILE
    metrics["regimes"][HOSTILE] = metrics["regimes"]["batch"]
    metrics["learning_curve"][0]["history"] = HOSTILE
    metrics["amounts"]["by_lines"][HOSTILE] = {"n": 40, "all_right": 0.5}
    metrics["test"]["methods"][HOSTILE] = metrics["test"]["methods"]["decoder"]
    for part in (metrics["costs"], metrics["comparison"], metrics["test"]["baselines"]):
        part[HOSTILE] = part["baseline_0"]
    line = {"account": "1", "name": "", "side": "D", "amount": HOSTILE, "guess": HOSTILE}
    past = {"entry_id": HOSTILE, "description": HOSTILE, "date": HOSTILE, "age_days": HOSTILE}
    hostile = example(reason=HOSTILE, predicted=[line], evidence=[past])
    page = Page(render_html(metrics, [hostile], [example(HOSTILE, entity=HOSTILE, date=HOSTILE)]))
    ordinary = full_metrics()
    ordinary["facts"]["test period"] = {"from": "2024-01-01", "to": "2024-12-31"}
    plain = Page(render_html(ordinary, [example(**FULL_EXAMPLE)], [example()]))
    assert not set(page.tags) & {"script", "img"}
    assert set(page.tags) == set(plain.tags)
    assert page.tags.count("style") == plain.tags.count("style")
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 12


def test_every_part_that_was_measured_is_on_the_page():
    metrics = json.loads(write_report(full_metrics(), [], [])[0])
    text = " ".join(Page(render_html(metrics, [example(**FULL_EXAMPLE)])).text.split())
    decoder = metrics["test"]["methods"]["decoder"]["overall"]
    shares = decoder["entry_exact_match"], decoder["line_f1"]
    assert "decoder " + " ".join(f"{100 * share:.1f}%" for share in shares) in text
    for name, figures in {"rolling": metrics["test"]["model"], **metrics["regimes"]}.items():
        overall, macro = figures["overall"], figures["macro"]
        shares = overall["entry_exact_match"], macro["entry_exact_match"], overall["line_f1"]
        shown = " ".join(f"{100 * share:.1f}%" for share in (*shares, overall["expected_calibration_error"]))
        assert f"{name} {overall['n']} {shown}" in text
    for shown in (
        "Ranker and decoder",
        "The true lines are among them 50.0% 100.0% 100.0%",  # the first, the first three, all
        "Each company was left out of training once.",
        "10 2 of 7 1 of 7 30.0% 100.0% 7 2",
        "500 – – – 100.0% 7 2",
        "321 entries, 319 with a known total",
        "87.6%",
        "2 300 91.2%",
        "83 s 2.0 h 2.0 GiB",
        "0.5 s – –",
        "+3.4 −1.2 to +8.0 93%",
        "180 of 200 184.2 expected",
        "Acme rolling 180 of 200 184.2 expected 95% raised kept less than 95% at the threshold of all; its own "
        "is 0.977",
        "99% too few right kept less than 99% at any confidence: all entries are reviewed",
        "95%, 99% taken out of 60 confident answers in the calibration 31 were right, 55.2 should have been",
        "Booked like this eleven times before.",
        "99.50",
        "Rent guess",
        "rests on 2 past entries",
        "a line marked “guess” has little behind it",
        "Lyft in May 1 day before, similarity 0.80",
        "A 16",
    ):
        assert shown in text, shown


def text_of(metrics, *more):
    return " ".join(Page(render_html(metrics, *more)).text.split())


def test_the_first_screen_answers_three_questions():
    metrics = full_metrics()
    best = best_baselines(metrics["test"]["baselines"])[0]
    metrics["comparison"][best] = {"difference": 0.034, "low": 0.012, "high": 0.08, "share_above": 0.99}
    metrics["facts"] |= {
        "test period": {"from": "2024-03-01", "to": "2024-12-31"},
        "entries": {"booked": 2500, "calibration": 400, "test": 400},
        "model": "0123456789abcdef",
        "settings": {"predict": {"promise": 0.99}},
    }
    overall = metrics["test"]["model"]["overall"]
    overall["automation"]["0.99"] = automation_of(np.arange(400) < 380, np.arange(400) >= 40)
    overall["automation"]["0.95"] = automation_of(np.arange(400) < 390, np.ones(400))
    first = text_of(metrics, []).split("How often is jet right?")[1].split("Company all 2")[0]
    right = round(400 * overall["entry_exact_match"])
    assert f"{right} of 400 test entries are right in every line (95% interval " in first
    assert f"The best rival is “{best.replace('_', ' ')}”: jet is 3.4 points ahead (+1.2 to +8.0)" in first
    assert "more than chance explains" in first
    assert "95.0% broken So many of the entries are booked alone at the promise that 99%" in first
    assert "89.5% of these 380 were (85.9–92.4%): the promise was broken" in first
    assert "At 95%: 97.5% alone, 100.0% right, kept." in first
    assert "2024-03-01 to 2024-12-31" in first
    assert "2 companies, 400 test entries of 2500 booked ones" in first
    assert "0123456789abcdef" in first


def test_what_chance_explains_is_no_lead():
    metrics = full_metrics()
    best = best_baselines(metrics["test"]["baselines"])[0]
    metrics["comparison"][best] = {"difference": -0.01, "low": -0.05, "high": 0.03, "share_above": 0.3}
    assert "jet is 1.0 points behind (−5.0 to +3.0), which chance explains" in text_of(metrics, [])


def test_the_contents_lead_to_every_heading():
    for metrics, more in ((metrics_of(), ([], [])), (full_metrics(), ([example()], [example()]))):
        html = render_html(metrics, *more)
        links = [value for tag, name, value in Page(html).attributes if (tag, name) == ("a", "href")]
        headings = re.findall(r'<h2 id="([^"]+)">', html)
        assert links == [f"#{each}" for each in headings]
        assert len(headings) == len(SECTIONS) if more[0] else len(headings) < len(SECTIONS)


def test_the_surest_mistakes_have_what_was_booked_and_what_was_given():
    text = text_of(metrics_of(), [], [example("Taxi", decision="auto")])
    assert "Taxi 2024-05-01 · Acme 61.0% booked alone Debit 5810 Taxi Credit 1930 Taxi Debit 5010" in text
    assert "surest mistakes" not in text_of(metrics_of(), []).split("</style>")[-1].casefold()


def test_mistakes_beyond_the_surest_of_all_are_shown_where_their_company_is_picked():
    mistakes = [example(f"no. {i}", entity="Acme") for i in range(25)] + [example("theirs", entity="Bäckerei")]
    html = render_html(metrics_of(), [], mistakes)
    hidden = re.findall(r'<tr data-company="(\d)" class="more">', html)
    assert len(hidden) == 1  # of Acme, twenty are more than the ten that a company has
    assert len(re.findall(r"no\. \d+<span", html)) == 20


def test_accounts_that_were_taken_for_each_other_are_named_the_more_frequent_way_round():
    text = text_of(full_metrics(), [])
    assert "5810 Travel 5010 Rent 2 1 Acme" in text
    assert "The most frequent pair; 1 more, most of them once, are shown where a company is picked." in text
    assert "7 entries with more wrong lines leave open what was taken for what." in text
    assert "5810 Travel 40 38 95.0% 41 Acme" in text
    assert "5810 Travel 3 1 too few to say 41 Acme" in text


def test_a_share_of_few_entries_is_said_in_entries():
    metrics = metrics_of()
    metrics["test"]["model"]["by_entity"]["Acme"] |= {"n": 14, "entry_exact_match": 12 / 14}
    assert "Acme 14 12 of 14 too few to say" in text_of(metrics, [])


def test_what_was_not_measured_leaves_no_trace():
    metrics = metrics_of()
    assert set(metrics) == {"facts", "test"}
    assert set(metrics["test"]) == {"model", "baselines"}
    text = Page(render_html(metrics, [example()])).text
    words = (
        "each part",
        "batch",
        "candidate",
        "Amounts",
        "new company",
        "should have been",
        "don’t share",
        "guess”",
        "CPU",
        "ahead",
        "rests on",
        "look like",
        "distance",
    )
    for absent in (*words, "Difference", "Regime"):
        assert absent not in text, absent


def test_of_many_baselines_all_are_in_one_table_and_the_best_three_elsewhere():
    metrics = full_metrics()
    baselines = metrics["test"]["baselines"]
    best = best_baselines(baselines)
    exact = {name: one["overall"]["entry_exact_match"] for name, one in baselines.items()}
    assert len(best) == 3
    assert min(exact[name] for name in best) >= max(exact[name] for name in set(baselines) - set(best))
    text = Page(render_html(metrics, [])).text
    table, rest = text.split("More figures")
    places = [table.index(name.replace("_", " ")) for name in sorted(exact, key=lambda n: (-exact[n], n))]
    assert places == sorted(places)
    assert {name for name in baselines if name.replace("_", " ") in rest} == set(best)
    assert "of 6 baselines the best 3" in rest


def test_a_company_broke_a_promise_where_its_whole_interval_lies_below_it():
    metrics = metrics_of()
    automation = {"coverage": 0.5, "precision": 0.8, "n_auto": 40}
    by_entity = metrics["test"]["model"]["by_entity"]
    for entity, high in (("Acme", 0.949), ("Bäckerei", 0.951)):
        by_entity[entity]["automation"] = {"0.95": {**automation, "precision_interval": [0.644, high]}}
    text = " ".join(Page(render_html(metrics, [])).text.split())
    assert "40, 80.0% right 64.4–94.9% broken" in text
    assert "40, 80.0% right 64.4–95.1% too few to say" in text
    assert "At 95%, it is broken in 1 of 2." in text


@pytest.mark.parametrize(
    ("precision", "interval", "said"),
    [
        (0.97, [0.951, 0.99], "kept"),
        (1.0, [0.93, 1.0], "too few to say"),
        (0.94, [0.9, 0.97], "too few to say"),
        (0.8, [0.7, 0.88], "broken"),
    ],
)
def test_the_page_says_plainly_whether_the_promise_was_kept(precision, interval, said):
    metrics = metrics_of()
    automation = {"coverage": 0.5, "n_auto": 50, "precision": precision}
    automation["precision_interval"] = interval
    metrics["test"]["model"]["overall"]["automation"] = {"0.95": automation}
    text = " ".join(Page(render_html(metrics, [])).text.split())
    low, high = (f"{100 * end:.1f}" for end in interval)
    assert f"95% 50 {100 * precision:.1f}% {low}–{high}% {said}" in text


def test_whether_the_promise_was_kept_is_said_of_each_regime():
    metrics = full_metrics()
    for number, name in enumerate(OTHERS):
        automation = {"coverage": 0.5, "n_auto": 50 + number, "precision": (0.96, 0.94, 0.8)[number]}
        automation["precision_interval"] = ([0.95, 0.99], [0.9, 0.97], [0.7, 0.88])[number]
        metrics["regimes"][name]["overall"]["automation"]["0.95"] = automation
    text = " ".join(Page(render_html(metrics, [])).text.split())
    assert "rolling, no total 50 96.0% 95.0–99.0% kept" in text
    assert "batch 51 94.0% 90.0–97.0% too few to say" in text
    assert "batch, no total 52 80.0% 70.0–88.0% broken" in text
    assert "for all companies and periods together; one period of one company can be far below" in text


def test_a_promise_at_which_no_regime_automates_has_one_line():
    metrics = full_metrics()
    for figures in (metrics["test"]["model"], *metrics["regimes"].values()):
        figures["overall"]["automation"]["0.99"] = automation_of(np.zeros(9, bool), np.ones(9))
    text = " ".join(Page(render_html(metrics, [])).text.split())
    assert text.count("nothing was automated in any regime") == 1
    assert "99% nothing was automated in any regime" in text


UNREACHED = company(thresholds={"0.95": None, "0.99": None})
ELSEWHERE = UNREACHED | {"batch": company()["rolling"]}
NOWHERE = UNREACHED | dict.fromkeys(OTHERS, UNREACHED["rolling"])


@pytest.mark.parametrize(
    ("companies", "why"),
    [
        ([company(), TAKEN_OUT], "no test entry reaches the confidence that it takes"),
        ([ELSEWHERE, NOWHERE], "no confidence keeps this promise on the calibration entries; in other regimes"),
        ([NOWHERE, NOWHERE], "no confidence keeps this promise on the calibration entries, in any regime"),
        ([TAKEN_OUT, TAKEN_OUT], "every company is taken out of the promise"),
    ],
)
def test_the_first_screen_says_why_nothing_is_automated(companies, why):
    metrics = metrics_of() | {"companies": dict(zip(("Acme", "Bäckerei"), companies, strict=True))}
    metrics["test"]["model"]["overall"]["automation"]["0.95"] = automation_of(np.zeros(9, bool), np.ones(9))
    text = " ".join(Page(render_html(metrics, [])).text.split())
    assert f"At the promise of 95% nothing is booked alone: {why}" in text


def test_why_a_company_is_taken_out_or_has_a_threshold_of_its_own_is_a_tooltip_too():
    titles = {value for _, name, value in Page(render_html(full_metrics(), [])).attributes if name == "title"}
    assert any("31 were right, 55.2 should have been" in title for title in titles)
    assert any("its own is 0.977" in title for title in titles)


def test_a_report_without_the_test_split_says_that_what_predicts_knows_it():
    metrics = metrics_of()
    assert "The bundle that predicts" not in Page(render_html(metrics, [])).text
    metrics["facts"]["confidence"] = WITHOUT_TEST
    promise, facts = Page(render_html(metrics, [])).text.rsplit("What happens to an entry", 1)
    assert WITHOUT_TEST in promise
    assert WITHOUT_TEST in facts


def drift(distance):
    """The figures of one company's drift."""
    signs = ("new_text", "similarity")
    shift = {"before": 0.2, "now": 0.55, "distance": distance, "chance": 0.12, "limit": 0.1}
    shift["found"] = distance > 0.12
    group = {"name": "Acme", "companies": 1, "calibration": 200, "entries": 150, "found": shift["found"]}
    group["signs"] = dict.fromkeys(signs, shift)
    found = {"found": int(shift["found"]), "compared": 1, "held_back": 0, "hold": False, "promise": "0.95"}
    return found | {"groups": [group]}


def test_the_drift_that_was_found_stands_beside_the_promise():
    metrics = metrics_of() | {"drift": drift(0.35)}
    text = " ".join(Page(render_html(metrics, [])).text.split())
    assert "No. 1 of 1 comparison is past a limit" in text
    assert "This is a warning: nothing is held back because of it." in text
    assert "0.20 → 0.55 past the limit distance 0.35, chance 0.12, limit 0.10" in text
    assert text.count("past the limit distance") == 2


def test_drift_that_holds_entries_back_says_how_many():
    held = drift(0.35) | {"hold": True, "held_back": 31}
    text = " ".join(Page(render_html(metrics_of() | {"drift": held}, [])).text.split())
    assert "set 31 entries that it automates at 95% to review" in text
    assert "a warning" not in text


def test_without_a_drift_the_page_says_what_that_does_not_rule_out():
    metrics = metrics_of() | {"drift": drift(0.05)}
    automation = {"coverage": 0.5, "n_auto": 50, "precision": 0.5}
    automation["precision_interval"] = [0.4, 0.6]
    metrics["test"]["model"]["overall"]["automation"] = {"0.95": automation}
    text = " ".join(Page(render_html(metrics, [])).text.split())
    assert "none is past a limit" in text
    assert "The promise was broken all the same" in text
    assert "past the limit distance" not in text


def test_the_page_asks_nobody_for_anything():
    html = render_html(full_metrics(), [example(**FULL_EXAMPLE)])
    page = Page(html)
    assert not set(page.tags) & {"script", "iframe", "object", "embed", "base", "form"}
    assert ("meta", "http-equiv", "Content-Security-Policy") in page.attributes
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action", "data"):
            assert value.startswith(("#", "data:")), (tag, name, value)
    assert not re.findall(r"url\((?!#)|@import", html)


def test_ids_are_unique_and_what_is_referred_to_is_there():
    page = Page(render_html(full_metrics(), [example()]))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in page.attributes:
        if name == "xlink:href":
            assert value[1:] in ids


def test_pictures_take_the_colors_of_the_page():
    html = render_html(full_metrics(), [])
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(pictures) == 4
    for picture in pictures:
        assert "var(--ink)" in picture
        assert "var(--accent)" in picture
        assert "#0" not in picture.replace('"#', "")


def test_the_same_figures_give_the_same_text():
    assert write_report(metrics_of(), [example()], [example()]) == write_report(
        metrics_of(), [example()], [example()]
    )


def test_lines_are_marked_as_often_as_they_are_in_both():
    once, twice = [("1", "D"), ("2", "C")], [("1", "D"), ("1", "D"), ("2", "C")]
    predicted, true = (
        [{"account": a, "name": "", "side": s, "probability": 0.5} for a, s in pairs] for pairs in (twice, once)
    )
    html = render_html(metrics_of(), [example(predicted=predicted, true=true)])
    assert html.count('<tr class="hit">') == 4
    assert html.count('<tr class="miss">') == 1


def test_a_page_without_baselines_automation_or_answers_renders():
    empty = Scored(
        entity=np.array([], dtype=str),
        entry_id=[],
        true=[],
        predicted=[],
        confidence=np.array([]),
        alternatives=[],
        valid=np.array([], dtype=bool),
    )
    metrics = Measurements(
        model=evaluate(empty, AutomationThresholds.of_scored(empty)), baselines={}, facts={}
    ).tree()
    nothing = example(predicted=[], decision="none", description="")
    text = Page(render_html(metrics, [nothing])).text
    assert text.count("no test entry reaches the confidence") == 2
    assert "No lines" in text
    assert "wrong" not in text


def test_a_figure_that_json_can_not_hold_is_refused():
    metrics = Measurements(model=tree(0), baselines={}, facts={"speed": float("nan")}).tree()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(metrics, [], [])
