"""Predictions to review, and a browser that a person's keys can be pressed in."""

from __future__ import annotations

import datetime
import json
import shutil
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import made_up
import pyarrow as pa
import pytest

from jet.books.schema import ACCOUNTS, ENTRIES, PREDICTIONS
from jet.review.data import review_data
from jet.review.page import review_page

CHART = {
    "1930": "Bank",
    "2440": "Suppliers",
    "2641": "Input tax",
    "5010": "Rent",
    "6071": "Entertainment",
    "6212": "Telephone",
    "6570": "Bank fees",
}
CONTROL = "\ue009"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    None in (CHROMIUM, DRIVER), reason="there is no Chromium with its chromedriver to press keys in"
)


def lines(spelled, guess=()):
    """Predicted lines of "D5010:100 C1930:100"; an amount may be left out."""
    made = []
    for word in spelled.split():
        code, _, amount = word[1:].partition(":")
        made.append(
            {
                "account": code,
                "name": CHART[code],
                "side": word[0],
                "probability": 0.5 if code in guess else 0.9,
            }
            | {"guess": code in guess, "amount": Decimal(amount) if amount else None}
        )
    return made


def case(entry_id, text="rent", answer="D5010:100 C1930:100", total="100", **other):
    """An entry and its prediction: `entity`, `decision`, `confidence`, `alternatives` (spelled), `guess`."""
    entity, decision = other.get("entity", "Acme"), other.get("decision", "review")
    asked = {
        "entity": entity,
        "entry_id": entry_id,
        "date": datetime.date(2025, 1, 31),
        "description": text,
        "currency": other.get("currency", "SEK"),
        "journal": "",
        "total": Decimal(total) if total else None,
        "lines": None,
        "file": "new.csv",
        "file_line": 7,
        "direction": "out",
    }
    evidence = [
        {"entity": entity, "entry_id": "old", "date": datetime.date(2024, 12, 31), "weight": 1.0}
        | {"similarity": 1.0, "same_text": True, "same_lines": True, "age_days": 31}
    ]
    [row] = made_up.predictions([entity], [decision]).to_pylist()
    row |= {
        "entry_id": entry_id,
        "lines": lines(answer, other.get("guess", ())),
        "confidence": other.get("confidence", 0.5),
        "alternatives": [{"lines": lines(each), "probability": 0.1} for each in other.get("alternatives", ())],
        "evidence": evidence,
    }
    return asked, row


def tables(*cases):
    """Predictions, entries and accounts."""
    chart = [
        {"entity": entity, "code": code, "name": name}
        for entity in sorted({asked["entity"] for asked, _ in cases})
        for code, name in CHART.items()
    ]
    return (
        pa.Table.from_pylist([row for _, row in cases], schema=PREDICTIONS),
        pa.Table.from_pylist([asked for asked, _ in cases], schema=ENTRIES),
        pa.Table.from_pylist(chart, schema=ACCOUNTS),
    )


def page_of(*cases, fingerprint="f", reviewer="Ann"):
    """The page of some cases."""
    return review_page(review_data(*tables(*cases)), {"fingerprint": fingerprint, "reviewer": reviewer})


class Browser:
    """Chromium, in which pages of the folder are opened and keys are pressed."""

    def __init__(self, driver, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, html: str, width: int = 1280) -> None:
        """Show a page, in a window of so many pixels, as if it was the first time."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        (self.folder / "page.html").write_text(html, encoding="utf-8")
        self.driver.get((self.folder / "page.html").as_uri())
        self.driver.execute_script("localStorage.clear()")
        self.driver.get_log("browser")
        self.driver.refresh()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other; several letters are typed."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def press_with_control(self, letter: str) -> None:
        """Press a key while Control is held."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver, duration=0).key_down(CONTROL).send_keys(letter).key_up(CONTROL).perform()

    def text(self, selector: str) -> str:
        """What an element shows."""
        return self.driver.execute_script("return document.querySelector(arguments[0]).innerText", selector)

    def rows(self) -> list[str]:
        """The rows of the list that are on screen."""
        return self.driver.execute_script(
            "return [...document.querySelectorAll('.row:not([hidden])')].map(each => each.innerText)"
        )

    def complaints(self) -> list[str]:
        """What the browser logged: scripts that failed, and requests and scripts that the policy stopped."""
        return [each["message"] for each in self.driver.get_log("browser")]

    def waits_for(self, says: str) -> None:
        """Wait until the page's message says something; fails where it doesn't."""
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(self.driver, 20, poll_frequency=0.02)
        wait.until(lambda _: says in self.text("#message"), says)

    def saved(self, name: str) -> str:
        """The text of a file that the page saved, which is taken away."""
        from selenium.webdriver.support.wait import WebDriverWait

        path = self.folder / name
        WebDriverWait(self.driver, 20, poll_frequency=0.02).until(lambda _: path.exists())
        text = path.read_text(encoding="utf-8")
        path.unlink()
        return text

    def reviewed(self) -> list[dict]:
        """The reviewed entries, saved by the key for that."""
        self.press("w")
        return [json.loads(line) for line in self.saved("reviewed.jsonl").split("\n") if line]


@contextmanager
def browser(folder: Path):
    """A browser that saves files in a folder."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en-US"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        allowed = {"behavior": "allow", "downloadPath": str(folder)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        yield Browser(driver, folder)
    finally:
        driver.quit()
