import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up_books import FOOD, RENT, SETS

from jet.evaluation.metrics import STRATA, Scored, evaluate
from jet.evaluation.report import build_metrics, render_html, write_report

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
    return evaluate(scored(seed, **more), scored(seed + 1, **more))


def metrics_of(**more):
    facts = {"command": "jet evaluate", "config": {"split": {"train": 0.7}}}
    return build_metrics(tree(0, **more), {"last_same_text": tree(2, **more)}, facts)


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


class Page(HTMLParser):
    """What a browser would make of the page: its tags, their attributes, its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend((tag, name, value or "") for name, value in attrs)

    def handle_data(self, data):
        self.text += data


def test_the_paths_that_others_read_are_there():
    metrics = json.loads(write_report(metrics_of(), [])[0])
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
        "last_same_text",
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


def test_the_page_asks_nobody_for_anything():
    html = render_html(metrics_of(), [example()])
    page = Page(html)
    assert not set(page.tags) & {"script", "iframe", "object", "embed", "base", "form"}
    assert ("meta", "http-equiv", "Content-Security-Policy") in page.attributes
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action", "data"):
            assert value.startswith(("#", "data:")), (tag, name, value)
    assert not re.findall(r"url\((?!#)|@import", html)


def test_ids_are_unique_and_what_is_referred_to_is_there():
    page = Page(render_html(metrics_of(), [example()]))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in page.attributes:
        if name == "xlink:href":
            assert value[1:] in ids


def test_pictures_take_the_colors_of_the_page():
    html = render_html(metrics_of(), [])
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(pictures) == 2
    for picture in pictures:
        assert "var(--ink)" in picture
        assert "var(--accent)" in picture
        assert "#0" not in picture.replace('"#', "")


def test_the_same_figures_give_the_same_text():
    assert write_report(metrics_of(), [example()]) == write_report(metrics_of(), [example()])


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
    metrics = build_metrics(evaluate(empty, empty), {}, {})
    nothing = example(predicted=[], decision="none", description="")
    text = Page(render_html(metrics, [nothing])).text
    assert "no confidence keeps this promise" in text
    assert "No lines" in text
    assert "wrong" not in text


def test_a_figure_that_json_can_not_hold_is_refused():
    metrics = build_metrics(tree(0), {}, {"speed": float("nan")})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(metrics, [])
