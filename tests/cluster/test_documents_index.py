"""The index of the documents names each of them, and every link in them leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "findings" / "README.md"]


def test_every_document_is_in_the_index(repository: Path):
    index = (repository / "docs/README.md").read_text()
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", index))
    assert linked == {path.name for path in (repository / "docs").glob("*.md")} - {"README.md"}


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings: lower case, without marks, blanks as hyphens."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dangling(path: Path) -> Iterator[str]:
    """The links of a document whose file or heading isn't there."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https:", "http:")):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path):
    assert list(dangling(path)) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path):
    document = tmp_path / "a.md"
    document.write_text(
        "# What a. Day\n[1](#what-a-day) [2](#what-day) [3](b.md) [4](a.md#what-a-day) [5](https://x)"
    )
    assert list(dangling(document)) == ["#what-day", "b.md"]
