"""The page: one HTML file that asks nobody for anything.

Style, scripts and labels are files of this package, joined into the page as they are. What others wrote (texts,
names, ids) comes as JSON in an element that browsers don't run, and scripts show it as text, never as HTML. The
content security policy names the style and the script by their digests: no other script runs, even if one got
in, and nothing is requested.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import Any

SCRIPTS = ("amounts", "labels", "entries", "search", "state", "order", "list", "lines", "detail", "editor",
           "commands", "files", "main")  # fmt: skip
"""The files of the script, in the order in which they are joined: each uses what those before it define."""
_ESCAPES = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})


def review_page(data: dict[str, Any], facts: dict[str, Any], served: bool = False) -> str:
    """The page for `data` (`jet.review.data`).

    `facts` are `fingerprint` (of the predictions, which the browser keeps decisions by) and `reviewer` (a name
    that stands there already, or ""). A page that is `served` may speak with its server.
    """
    folder = resources.files(__package__)
    style = "\n".join(
        part.read_text(encoding="utf-8")
        for part in (
            resources.files("jet.evaluation").joinpath("page.css"),
            folder.joinpath("review.css"),
        )
    )
    script = '"use strict";\n(() => {\n' + "\n".join(
        folder.joinpath("js", f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS
    )
    script += "\n})();\n"
    values = {
        "policy": policy(style, script, served),
        "style": style,
        "script": script,
        "labels": embedded(json.loads(folder.joinpath("labels.json").read_text(encoding="utf-8"))),
        "data": embedded({**facts, "served": served, **data}),
    }
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    head, *parts = page.split("@@")
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        head += values[name] + text
    return head


def policy(style: str, script: str, served: bool) -> str:
    """The content security policy."""
    said = {
        "default-src": "'none'",
        "style-src": f"'{_digest(style)}'",
        "script-src": f"'{_digest(script)}'",
        "img-src": "data:",
        "connect-src": "'self'" if served else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return "; ".join(f"{name} {value}" for name, value in said.items())


def embedded(value: Any) -> str:
    """JSON that no text in it gets out of."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
