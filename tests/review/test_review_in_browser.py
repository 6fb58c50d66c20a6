"""The page in a real browser: everything by keys, nothing lost, nothing taken as reviewed that nobody saw."""

import json
from decimal import Decimal

import pytest
from reviews import browser, case, needs_browser, page_of

import jet

pytestmark = needs_browser
ENTER, DOWN, ESCAPE, TAB = "\ue007", "\ue015", "\ue00c", "\ue004"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def booked(row):
    """The lines of a reviewed entry, as "D5010:100"."""
    return " ".join(f"{line['side']}{line['account']}:{Decimal(line['amount']):f}" for line in row["lines"])


def test_one_key_accepts_and_jet_reads_what_comes_out(chromium, tmp_path):
    chromium.open(page_of(case("1", confidence=0.3), case("2", "phone", "D6212:80 D2641:20 C1930:100")))
    assert chromium.text("#detail h2") == "rent"
    chromium.press(ENTER)
    assert chromium.text("#detail h2") == "phone"
    assert chromium.text("#progress") == "1 of 2 reviewed"
    [row] = chromium.reviewed()
    assert (row["entry_id"], booked(row), row["reviewed_by"]) == ("1", "D5010:100.00 C1930:100.00", "Ann")
    assert row["reviewed_at"].startswith("20")
    (tmp_path / "reviewed.jsonl").write_text(json.dumps(row))
    ledger = jet.read(str(tmp_path / "reviewed.jsonl"))
    assert (len(ledger.entries), len(ledger.rejected)) == (1, 0)
    assert ledger.entries["total"].to_pylist() == [Decimal(100)]
    assert chromium.complaints() == []


def test_a_group_is_accepted_as_far_as_it_was_on_screen(chromium):
    chromium.open(page_of(*(case(str(number), f"rent {number}") for number in range(30))))
    assert chromium.rows()[0].startswith("rent 0\n30 entries")
    chromium.press(ENTER)
    first = int(chromium.text("#progress").split()[0])
    assert 5 < first < 15
    assert f"{30 - first} more of the group are left" in chromium.text("#message")
    chromium.press(ENTER, ENTER, ENTER, ENTER, ENTER)
    assert chromium.text("#progress") == "30 of 30 reviewed"
    chromium.press("u")
    assert 15 < int(chromium.text("#progress").split()[0]) < 30


def test_a_key_that_is_held_down_accepts_once(chromium):
    chromium.open(page_of(case("1"), case("2", "phone"), case("3", "fee")))
    event = "new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, repeat: true})"
    chromium.press(ENTER)
    chromium.driver.execute_script(f"for (let i = 0; i < 3; i++) document.activeElement.dispatchEvent({event})")
    assert chromium.text("#progress") == "1 of 3 reviewed"


def test_an_alternative_takes_one_key_and_the_same_text_is_booked_so_again(chromium):
    others = ("D6212 D2641 C1930", "D6570 C2440")
    first = case("1", "call 1", "D5010:80 D2641:20 C1930:100", confidence=0.2, alternatives=others)
    chromium.open(page_of(first, case("2", "call 2", "D5010:50 C1930:50", total="50", confidence=0.3)))
    chromium.press("1", "0")
    by_shares = ["D6212:80.00 D2641:20.00 C1930:100.00", "D6212:40.00 D2641:10.00 C1930:50.00"]
    assert [booked(row) for row in chromium.reviewed()] == by_shares
    chromium.press("u", "u", "2", "0")
    assert [booked(row) for row in chromium.reviewed()] == [
        "D6570:100.00 C2440:100.00",
        "D6570:50.00 C2440:50.00",
    ]


def test_an_account_is_found_by_some_letters_and_a_line_added(chromium):
    chromium.open(page_of(case("1", answer="D5010:100 C1930:100", guess=("5010",))))
    chromium.press("e", "zzz", ENTER)
    assert "“zzz” is no account yet" in chromium.text("#message")
    chromium.press(ESCAPE, "e", "tele", ENTER)
    assert chromium.text("#fault") == "It balances: Enter accepts it."
    chromium.press(ENTER)
    assert booked(chromium.reviewed()[0]) == "D6212:100.00 C1930:100.00"
    chromium.press("u", "e", TAB, "80,00", ENTER)
    assert "differ by 20.00" in chromium.text("#fault")
    assert chromium.text("#progress") == "0 of 1 reviewed"
    chromium.driver.execute_script("document.querySelector('[data-command=addLine]').click()")
    chromium.press("2641", ENTER, ENTER)
    assert booked(chromium.reviewed()[0]) == "D5010:80.00 C1930:100.00 D2641:20.00"
    assert chromium.complaints() == []


def test_what_does_not_balance_is_not_accepted_and_says_why(chromium):
    chromium.open(page_of(case("1", total=None, answer="D5010 C1930")))
    chromium.press(ENTER)
    assert chromium.text("#message") == "Not accepted: The amount on 5010 Rent is missing."
    chromium.press("e", TAB, "12.345", ENTER)
    assert "is no amount with at most 2 decimals" in chromium.text("#message")
    chromium.press_with_control("a")
    chromium.press("12.34", ENTER)
    assert booked(chromium.reviewed()[0]) == "D5010:12.34 C1930:12.34"


def test_later_not_bookable_undo_and_a_reload_lose_nothing(chromium):
    chromium.open(page_of(case("1"), case("2", "phone"), case("3", "fee"), case("4", "tax", decision="auto")))
    chromium.press("l", "x", ENTER, ENTER)
    assert chromium.text("#progress") == "3 of 4 reviewed · 1 for later · audit: 1 of 1 as jet said"
    chromium.driver.refresh()
    assert chromium.text("#progress") == "3 of 4 reviewed · 1 for later · audit: 1 of 1 as jet said"
    chromium.press("u", "u", "u", "u")
    assert chromium.text("#progress") == "0 of 4 reviewed"
    chromium.press("u")
    assert chromium.text("#message") == "There is nothing to undo."


def test_a_session_opens_again_but_not_on_other_predictions(chromium, tmp_path):
    cases = case("1"), case("2", "phone")
    chromium.open(page_of(*cases))
    chromium.press(ENTER)
    chromium.press_with_control("s")
    (tmp_path / "session.json").write_text(chromium.saved("review-session.json"))
    for fingerprint, says in (("f", "Session opened: 1 decisions."), ("g", "of other predictions")):
        chromium.open(page_of(*cases, fingerprint=fingerprint))
        assert chromium.text("#progress") == "0 of 2 reviewed"
        chromium.driver.find_element("id", "session-file").send_keys(str(tmp_path / "session.json"))
        chromium.waits_for(says)
    assert chromium.text("#progress") == "0 of 2 reviewed"


def test_nobody_reviews_without_a_name(chromium):
    chromium.open(page_of(case("1"), reviewer=""))
    chromium.press(ENTER)
    assert "First write who reviews" in chromium.text("#message")
    chromium.press("Åsa", ENTER, ENTER)
    assert chromium.reviewed()[0]["reviewed_by"] == "Åsa"


def test_texts_of_the_books_are_shown_as_they_are(chromium):
    text = "</script><img src=x onerror='document.title=1'><!--<script>&amp;\u2028"
    chromium.open(page_of(case("1", text, entity="<b>Acme</b>")))
    assert chromium.text("#detail h2") == text
    assert chromium.driver.title == "jet: Review"
    chromium.press(ENTER)
    assert chromium.reviewed()[0]["description"] == text
    assert chromium.complaints() == []


def test_languages_filters_and_a_search_by_keys(chromium):
    chromium.open(page_of(case("1"), case("2", "phone", "D6212:100 C1930:100"), case("3", "x", "")))
    chromium.press("/", "teleph", ESCAPE)
    assert [row.split("\n")[0] for row in chromium.rows()] == ["phone"]
    menu = "const each = document.querySelector('#language'); each.value = 'de';"
    chromium.driver.execute_script(f"{menu} each.dispatchEvent(new Event('change'))")
    assert "Bestätigen" in chromium.text("#detail .buttons")
    assert "100,00 SEK" in chromium.rows()[0]


def test_nothing_is_cut_on_a_phone_and_paper_has_every_entry(chromium):
    long = "Verrechnungskonto-für-Abgrenzungen-und-Rückstellungen-der-Niederlassung-4711"
    chromium.open(page_of(*(case(str(number), f"{long} {number}x") for number in range(40))), width=400)
    chromium.press(DOWN, "e")
    cut = """return [...document.querySelectorAll('body *')].filter(each => each.checkVisibility()
        && each.getBoundingClientRect().right > innerWidth).map(each => each.outerHTML.slice(0, 100))"""
    assert chromium.driver.execute_script(cut) == []
    assert chromium.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    printed = "dispatchEvent(new Event('beforeprint')); return document.querySelectorAll('#print tr').length"
    assert chromium.driver.execute_script(printed) == 40
