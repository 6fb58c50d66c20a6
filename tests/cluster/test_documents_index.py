"""The index of the documents names each of them."""

import re
from pathlib import Path


def test_every_document_is_in_the_index(repository: Path):
    index = (repository / "docs/README.md").read_text()
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", index))
    assert linked == {path.name for path in (repository / "docs").glob("*.md")} - {"README.md"}
