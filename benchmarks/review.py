"""What a review costs: a scripted reviewer, who knows the true lines, presses keys in a real browser.

    python -m benchmarks.review --data ../shared/data/hackclub --output DIR

jet is trained on the books (`jet.fit`), and answers the newest 15 % of them without their lines, each with
all earlier days known. The reviewer goes through the page as it comes: accepts what is right, takes an
alternative that is, corrects the entries of a group that are booked otherwise before the others, and else
types accounts. Where lines had to be added or removed, it puts the entry aside, which counts as typed.
Every key that is pressed counts. Amounts that jet split otherwise than the books are no fault here. Then a
page is made of 10,000 entries, by repeating them, for its size and its speed. Needs Chromium with its
chromedriver. Answers are kept in DIR.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

import jet
from jet.books.sorting import sort_entries
from jet.books.split import TEST, SplitSettings, split_by_date
from jet.books.withheld import without_lines
from jet.review.data import review_data
from jet.review.page import review_page
from jet.review.selection import to_review

MANY = 10_000
ENTER, DOWN, TAB, ESCAPE, SHIFT, UP = "\ue007", "\ue015", "\ue004", "\ue00c", "\ue008", "\ue013"
SHOWN = """
const row = document.querySelector('.row:not([hidden])[aria-selected="true"]');
const detail = document.querySelector('#detail');
if (!row) return null;
return {group: row.classList.contains('group'), progress: document.querySelector('#progress').textContent,
  numbers: [...detail.querySelectorAll('[data-command="take"]')].map(each => each.dataset.value),
  choices: [...detail.querySelectorAll('.choices table')].map(lines), id: idOf(detail),
  answer: lines(detail.querySelector('.answer table')), members: members()};
function lines(table) {
  return table ? [...table.rows].map(row => row.cells[0].innerText[0] + row.querySelector('b').innerText) : [];
}
function idOf(part) {
  const name = [...part.querySelectorAll('dt')].find(each => each.innerText === 'Id');
  return name ? name.nextSibling.innerText : '';
}
function members() {
  const all = [...document.querySelectorAll('.row:not([hidden])')].sort((a, b) => a.dataset.at - b.dataset.at);
  const found = [];
  let first = all.indexOf(row);
  while (first > 0 && all[first].classList.contains('in-group')) first -= 1;
  for (const each of all.slice(first + 1)) {
    if (!each.classList.contains('in-group') || each.classList.contains('group')) break;
    found.push([each.querySelector('.sub').innerText.split(' · ')[1], each === row]);
  }
  return found;
}"""
"""What is on screen, as a person reads it: the answer, the choices, and the ids of a group's entries."""


RESPONSES = """
window.responses = [];
document.addEventListener('keydown', (event) => {
  const begun = event.timeStamp;
  requestAnimationFrame(() => setTimeout(() => window.responses.push(performance.now() - begun), 0));
}, true);"""
"""Of every key, the milliseconds until the frame behind it is painted."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--grouping", choices=("text", "accounts"), default="text")
    args = parser.parse_args()
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    ledger = jet.read(args.data)
    booked = sort_entries(ledger.entries.filter(pc.is_valid(ledger.entries["lines"])))
    test = booked.filter(pa.array(_split(booked) == TEST))
    predictions = answers(ledger, test, folder / "predictions.parquet")
    chosen = to_review(predictions, 0, "benchmark")
    named = {(row["entity"], row["code"]): _shown(row) for row in ledger.accounts.to_pylist()}
    truth = {row["entry_id"]: _sides(row, named) for row in test.to_pylist()}
    asked = without_lines(test)
    with opened(review_page(review_data(chosen, asked, ledger.accounts), _facts("few")), folder) as driver:
        press(driver, *["g"] * (args.grouping == "accounts"))
        print(json.dumps({"entries of the split": len(test), **reviewed(driver, truth, len(chosen))}))
    print(json.dumps(many(chosen, asked, ledger.accounts, folder)))


def _split(entries: pa.Table) -> np.ndarray:
    entity = entries["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
    return split_by_date(entity, entries["date"].cast(pa.int32()).to_numpy(), SplitSettings())


def answers(ledger: jet.Ledger, test: pa.Table, path: Path) -> pa.Table:
    """The predictions of `test`, made where there are none yet."""
    if not path.exists():
        asked = jet.Ledger(without_lines(test), ledger.accounts, ledger.rejected, ledger.files)
        pq.write_table(jet.fit(ledger).predict(asked), path)
    return pq.read_table(path)


def _facts(name: str) -> dict[str, Any]:
    return {"fingerprint": name, "reviewer": "Ann"}


def _shown(account: dict[str, Any]) -> str:
    code, name = account["code"], account["name"]
    return f"{code} {name}" if name and not code.endswith(name) else code


def _sides(entry: dict[str, Any], named: dict[tuple[str, str], str]) -> list[str]:
    """The true lines as the page shows them: each account on each side once, as jet predicts them."""
    of = entry["entity"]
    return sorted({line["side"] + named.get((of, line["account"]), line["account"]) for line in entry["lines"]})


@contextmanager
def opened(html: str, folder: Path) -> Iterator[webdriver.Chrome]:
    """A browser with the page."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en-US", "--window-size=1280,900"):
        options.add_argument(each)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.get(path.resolve().as_uri())
        yield driver
    finally:
        driver.quit()


def reviewed(driver: webdriver.Chrome, truth: dict[str, list[str]], count: int) -> dict[str, Any]:
    """Review everything; returns what it took."""
    keys = decisions = 0
    ways: Counter[str] = Counter()
    while (seen := driver.execute_script(SHOWN)) is not None:
        before = _done(seen)
        names = [name for name, _ in seen["members"]]
        wanted = [truth[name] for name in (names if seen["group"] else [seen["id"]])]
        moves = _moves(seen, [truth[name] for name in names])
        way, pressed = ("move", moves) if moves else _way(seen, wanted)
        press(driver, *pressed)
        keys += len(pressed)
        if way == "typed":
            keys += typed(driver, seen["answer"], wanted[0])
        if way == "move":
            continue
        decided = driver.execute_script("return document.querySelector('#progress').textContent")
        gained = int(decided.split()[0]) - before
        if not gained:  # nothing offered leads there: leave the editor, and put it aside
            press(driver, ESCAPE, ESCAPE, "x")
            keys, way, gained = keys + 3, "put aside", 1
        decisions += 1
        ways[way] += gained
    by_hand = ways["typed"] + ways["put aside"]
    return {
        "reviewed": count,
        "keys": keys,
        "keys an entry reviewed": round(keys / count, 2),
        "decisions": decisions,
        "entries a decision": round(count / decisions, 2),
        "without typing": round(1 - by_hand / count, 3),
        "by way": dict(ways),
    }


def _done(seen: dict[str, Any]) -> int:
    return int(seen["progress"].split()[0])


def _way(seen: dict[str, Any], wanted: list[list[str]]) -> tuple[str, list[str]]:
    """How the reviewer gets on from what is on screen, and the keys for it."""
    if all(lines == sorted(seen["answer"]) for lines in wanted):
        return "accepted", [ENTER]
    for number, choice in zip(seen["numbers"], seen["choices"], strict=True):
        if all(lines == sorted(choice) for lines in wanted):
            return "alternative", [number]
    return "typed", ["e"]


def _moves(seen: dict[str, Any], truths: list[list[str]]) -> list[str]:
    """The keys to where the reviewer decides next in a group: its row where all that is seen is alike, else the
    first entry that isn't as answered.
    """
    if not truths:
        return []
    own = next((place for place, (_, here) in enumerate(seen["members"]) if here), -1)
    target = -1
    if any(lines != truths[0] for lines in truths):
        odd = [place for place, lines in enumerate(truths) if lines != sorted(seen["answer"])]
        target = odd[0] if odd else -1
    return [DOWN if target > own else UP] * abs(target - own)


def press(driver: webdriver.Chrome, *keys: str) -> None:
    """Press keys."""
    ActionChains(driver, duration=0).send_keys(*keys).perform()


def typed(driver: webdriver.Chrome, answer: list[str], wanted: list[str]) -> int:
    """Replace the accounts that are wrong, in the open editor, and accept; returns how many keys that took.

    Adds and removes no lines.
    """
    keys = 0
    missing = [line for line in wanted if line not in answer]
    for place, line in enumerate(answer):
        right = next((each for each in missing if each[0] == line[0]), None)
        if line in wanted or right is None:
            continue
        missing.remove(right)
        keys += _go_to(driver, place)
        for length, letter in enumerate(right[1:].split(":")[-1], 1):
            press(driver, letter)
            keys += 1
            first = "return document.querySelector('#suggestions li')?.innerText ?? ''"
            if length > 1 and driver.execute_script(first) == right[1:]:
                break
        press(driver, ENTER)
        keys += 1
    if not missing and len(answer) == len(wanted):
        press(driver, ENTER)
        keys += 1
    return keys


def _go_to(driver: webdriver.Chrome, place: int) -> int:
    """Go to the account of a line; returns how many keys that took."""
    at = int(driver.execute_script("return document.activeElement.dataset.place"))
    for _ in range(4 * abs(place - at)):
        chain = ActionChains(driver, duration=0)
        (chain.send_keys(TAB) if place > at else chain.key_down(SHIFT).send_keys(TAB).key_up(SHIFT)).perform()
    return 4 * abs(place - at)


def many(predictions: pa.Table, entries: pa.Table, accounts: pa.Table, folder: Path) -> dict[str, Any]:
    """The size and the speed of a page of MANY entries."""
    times = -(-MANY // len(predictions))
    more = [
        pa.concat_tables(_renamed(table, time) for time in range(times)).slice(0, limit)
        for table, limit in ((predictions, MANY), (entries, times * len(entries)))
    ]
    html = review_page(review_data(*more, accounts), _facts("many"))
    with opened(html, folder) as driver:
        paint = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
        ready = "return performance.getEntriesByType('navigation')[0].domInteractive"
        begun = driver.execute_script(f"{ready}"), driver.execute_script(paint)
        driver.execute_script(RESPONSES)
        for turn in range(200):
            press(driver, (ENTER, DOWN, "u", "l", "x")[turn % 5])
        found = driver.execute_async_script("setTimeout(() => arguments[0](responses), 500)")
    return {
        "entries": len(more[0]),
        "megabytes": round(len(html.encode()) / 1e6, 2),
        "ready after ms": round(begun[0]),
        "first paint after ms": None if begun[1] is None else round(begun[1]),
        "keystrokes": len(found),
        "response, median ms": round(float(np.median(found)), 1),
        "response, 95th percentile ms": round(float(np.percentile(found, 95)), 1),
    }


def _renamed(table: pa.Table, time: int) -> pa.Table:
    """The rows with ids of their own."""
    ids = pc.binary_join_element_wise(table["entry_id"], pa.scalar(str(time)), "/")
    place = table.schema.get_field_index("entry_id")
    return table.set_column(place, table.schema.field(place), ids)


if __name__ == "__main__":
    main()
