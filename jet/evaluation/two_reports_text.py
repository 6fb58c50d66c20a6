"""Two reports side by side, as plain text for a terminal: one screen, however many companies and entries
there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jet.evaluation.intervals import TOO_FEW, too_few
from jet.evaluation.page import percent, points
from jet.evaluation.summary import WIDTH, cut
from jet.evaluation.two_reports import TwoReports

_COMPANIES, _ENTRIES, _SETTINGS = 5, 4, 6
_LABEL = 34


def two_reports_text(found: TwoReports) -> str:
    """The comparison as text."""
    n, companies = found.counts["n"], len(found.companies)
    rows = [
        f"{n} test {_many(n, 'entry', 'entries')} of {companies} {_many(companies, 'company', 'companies')}, "
        f"{found.period[0]} to {found.period[1]}",
        *(
            f"  {number}  {cut(path, WIDTH - 32)}  (model {model})"
            for number, path, model in zip((1, 2), found.paths, found.models, strict=True)
        ),
        "",
        f"{'':{_LABEL}}{'1':>9}{'2':>9}   2 beside 1, in points (95% interval)",
    ]
    rows += [
        f"{cut(each['label'], _LABEL - 1):{_LABEL}}{percent(each['first']):>9}{percent(each['second']):>9}   "
        f"{points(each['difference']):>5} ({points(each['low'])} to {points(each['high'])})  {judged(each)}"
        for each in found.figures
    ]
    counts = found.counts
    rows += [
        f"Right in both {counts['both']}, only in 1 {counts['first']}, only in 2 {counts['second']}, in "
        f"neither {counts['neither']}.",
        *_companies(found.companies),
        *_entries("Got worse", found.worse, "second"),
        *_entries("Got better", found.better, "first"),
        *_settings(found),
    ]
    return "\n".join(rows)


def judged(figure: Mapping[str, Any]) -> str:
    """What the interval of a difference says, in words."""
    if figure["low"] <= 0 <= figure["high"]:
        return "no difference" if figure["low"] == figure["high"] else "chance explains it"
    is_more = figure["low"] > 0
    return "better" if is_more != figure["less_is_better"] else "worse"


def of_company(company: Mapping[str, Any]) -> str:
    """What the interval of a company's difference says, in words."""
    return TOO_FEW if too_few((company["low"], company["high"])) else judged(company)


def _companies(companies: Sequence[Mapping[str, Any]]) -> list[str]:
    changed = [each for each in companies if each["gained"] or each["lost"]]
    if not changed:
        return []
    rows = ["", f"{'By company: exact match':{_LABEL}}{'1':>9}{'2':>9}{'entries':>9}{'gained':>8}{'lost':>6}"]
    for each in changed[:_COMPANIES]:
        name = cut(each["entity"], _LABEL - 3)
        row = f"  {name:{_LABEL - 2}}{percent(each['first']):>9}{percent(each['second']):>9}{each['n']:>9}"
        rows.append(f"{row}{each['gained']:>8}{each['lost']:>6}   {of_company(each)}")
    return rows + _left(len(changed) - _COMPANIES, "company", "companies")


def _entries(title: str, entries: Sequence[Mapping[str, Any]], wrong: str) -> list[str]:
    """The first of the entries: the text, how it is booked, and what the wrong one of the reports answered."""
    if not entries:
        return ["", f"{title}: none"]
    rows = ["", f"{title}: {len(entries)}" + (", the surest first" if len(entries) > 1 else "")]
    for each in entries[:_ENTRIES]:
        rows.append(f"  {each['date']}  {cut(each['entity'], 24)}  “{cut(each['description'], 60)}”")
        answer = cut(each[wrong], 44) or "no answer"
        number = 1 if wrong == "first" else 2
        rows.append(f"      booked {cut(each['true'], 44)}; {number} answered {answer}")
    return rows + _left(len(entries) - _ENTRIES, "entry", "entries")


def _settings(found: TwoReports) -> list[str]:
    known = "" if found.trained else "; of a training only what lies beside its report in `model` is known"
    if not found.settings:
        return ["", f"Settings that differ: none{known}"]
    rows = ["", f"Settings that differ (1 → 2){known}"]
    rows += [
        f"  {cut(f'{name}: {as_text(one)} → {as_text(other)}', WIDTH - 2)}"
        for name, one, other in found.settings[:_SETTINGS]
    ]
    return rows + _left(len(found.settings) - _SETTINGS, "setting", "settings")


def as_text(value: Any) -> str:
    """A setting's value as YAML has it; "–" where it isn't set."""
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _left(count: int, one: str, many: str) -> list[str]:
    return (
        [f"  and {count} more {_many(count, one, many)}: --output writes a page with all"] if count > 0 else []
    )


def _many(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
