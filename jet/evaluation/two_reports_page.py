"""Two reports side by side, as one self-contained HTML page (`jet.evaluation.page`)."""

from __future__ import annotations

from jet.evaluation.page import render
from jet.evaluation.two_reports import TwoReports
from jet.evaluation.two_reports_text import as_text, judged, of_company

COMPANIES_SHOWN = 200
ENTRIES_SHOWN = 200


def two_reports_page(found: TwoReports) -> str:
    """The page."""
    entries = {
        "worse": (
            "What got worse",
            found.worse,
            "Right in run 1 and wrong in run 2; the surest wrong answers first.",
        ),
        "better": (
            "What got better",
            found.better,
            "Wrong in run 1 and right in run 2; the surest right answers first.",
        ),
    }
    return render(
        __package__,
        "two_reports.html.j2",
        {"as_text": as_text},
        found=found,
        companies=found.companies[:COMPANIES_SHOWN],
        companies_left_out=max(0, len(found.companies) - COMPANIES_SHOWN),
        entries=entries,
        shown=ENTRIES_SHOWN,
        judged=judged,
        of_company=of_company,
        colors={"better": "good", "worse": "bad"},
    )
