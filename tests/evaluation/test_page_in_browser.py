"""The pages in a real browser: on a phone nothing is cut, and a company can be picked without a script."""

import pytest
from browser import measured, needs_chromium
from test_report import FULL_EXAMPLE, example, full_metrics

from jet.evaluation.report import render_html

pytestmark = needs_chromium
LONG = "Verrechnungskonto-für-Abgrenzungen-und-Rückstellungen-der-Niederlassung-4711"
CUT = """[...document.querySelectorAll("body *")].filter(
    each => each.getBoundingClientRect().right > innerWidth && !each.closest("svg, pre")
).map(each => each.outerHTML.slice(0, 120)).slice(0, 5)"""
OPENED = '(document.querySelectorAll("details").forEach(each => each.open = true), '


@pytest.fixture(scope="module")
def html():
    metrics = full_metrics(entities=("Acme", LONG))
    examples = [example(**FULL_EXAMPLE), example(LONG, entity=LONG)]
    mistakes = [example(f"{LONG} {i}", entity=("Acme", LONG)[i % 2], decision="auto") for i in range(4)]
    return render_html(metrics, examples, mistakes)


@pytest.mark.parametrize("width", [400, 1280])
def test_no_table_is_wider_than_the_window(html, width, tmp_path):
    script = f"{OPENED}[innerWidth, document.documentElement.scrollWidth <= innerWidth, {CUT}])"
    assert measured(html, script, tmp_path, width) == [width, True, []]


def test_a_picked_company_is_the_only_one_whose_rows_are_shown(html, tmp_path):
    shown = """[...document.querySelectorAll("[data-company]")].filter(
        each => each.checkVisibility()).map(each => each.dataset.company)"""
    pick = "document.querySelector('#company').value = "
    script = f"{OPENED}[{shown}, ({pick}'1', {shown}), ({pick}'all', {shown}.length)])"
    everything, picked, again = measured(html, script, tmp_path, 1280)
    assert set(everything) == {"0", "1"}
    assert set(picked) == {"1"}
    assert again == len(everything)
