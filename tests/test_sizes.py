"""Files of at most 400 lines, functions of at most 60: what ruff has no rules for.

That a function has at most 6 parameters, ruff says (PLR0913).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("jet", "ray_jobs", "cluster", "benchmarks")
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION = 400, 60
STORIES = Path("jet/demo")
"""Its files are long lists of companies, goods and habits: a story, not logic."""


def too_large(name: Path, source: str) -> Iterator[str]:
    """What of a file is too large, in words."""
    if (lines := len(source.splitlines())) > MOST_LINES_OF_A_FILE:
        yield f"{name} has {lines} lines, at most {MOST_LINES_OF_A_FILE} are allowed"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if (lines := node.end_lineno - first + 1) > MOST_LINES_OF_A_FUNCTION:
                allowed = f"at most {MOST_LINES_OF_A_FUNCTION} are allowed"
                yield f"{name}:{node.lineno} {node.name} has {lines} lines, {allowed}"


def test_files_and_functions_are_of_a_size_to_read_at_once():
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 200
    found = []
    for path in files:
        name = path.relative_to(ROOT)
        if STORIES not in name.parents:
            found += too_large(name, path.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


def test_what_is_a_line_too_long_is_named_with_its_place():
    body = "    pass\n"
    fits = "@decorated\ndef f():\n" + body * 58
    assert not list(too_large(Path("a.py"), fits))
    assert list(too_large(Path("a.py"), fits + body)) == ["a.py:2 f has 61 lines, at most 60 are allowed"]
    assert list(too_large(Path("a.py"), "\n" * 401)) == ["a.py has 401 lines, at most 400 are allowed"]
    assert not list(too_large(Path("a.py"), "\n" * 400))
