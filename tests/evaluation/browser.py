"""A real browser, for what only a layout shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to show the page in")


def measured(html, script, folder, width):
    """What `script` (an expression of JavaScript) is in the page `html`, in a window of so many pixels.

    The page's policy forbids scripts, so it is taken out; and the page stands in a frame, since a window has a
    least width.
    """
    answer = f"<script>document.documentElement.dataset.answer = JSON.stringify({script})</script>"
    framed = POLICY.sub("", html).replace("</body>", f"{answer}</body>")
    (folder / "page.html").write_text(framed, encoding="utf-8")
    outer = (
        f"<iframe src='page.html' style='border: 0; width: {width}px; height: 900px' onload="
        '"document.body.dataset.answer = this.contentDocument.documentElement.dataset.answer"></iframe>'
    )
    (folder / "outer.html").write_text(outer, encoding="utf-8")
    options = (
        "--headless",
        "--enable-logging=stderr",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
    )
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [
            CHROMIUM,
            *options,
            profile,
            "--window-size=1400,900",
            "--dump-dom",
            f"file://{folder / 'outer.html'}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    found = re.search(r'<body data-answer="([^"]*)"', done.stdout)
    assert found, (done.stdout[-500:], done.stderr[-500:])
    assert found[1] != "undefined", done.stderr[-2000:]
    return json.loads(unescape(found[1]))
