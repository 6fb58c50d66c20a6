"""Commands in the documents are ones that Ray and jet take."""

from __future__ import annotations

import pytest

from cluster.checks import documents


def test_all_commands_are_looked_at(repository):
    found = [
        command
        for path in documents.documents(repository)
        for _, line in documents.shell_lines(path)
        for command in documents.of_ours(line)
    ]
    assert ["ray", "down", "cluster.yaml"] in found
    assert ["jet", "predict", "--ledgers", "new.jsonl", "--model", "run/model", "--output", "booked"] in found
    assert len([command for command in found if command[:3] == ["ray", "job", "submit"]]) >= 3


@pytest.fixture
def written(tmp_path):
    """What the check says of a README with this text."""

    def check(text: str) -> list[str]:
        (tmp_path / "README.md").write_text(text)
        return list(documents.problems(tmp_path))

    return check


@pytest.mark.parametrize(
    "line",
    [
        "jet evaluate --entries E --model M --output O …",
        "RAY_AUTH_MODE=token jet tune --data D --output O --config no-such-file.yaml && echo done",
        "jet predict --ledgers … --model M --output O > log.txt  # and so on",
    ],
)
def test_what_stands_for_something_else_is_no_problem(written, line):
    assert written(f"```bash\n{line}\n```\n") == []


def test_a_line_goes_on_after_a_backslash(written):
    [problem] = written("```bash\njet train --data D \\\n    --outputs O\n```\n")
    assert problem.startswith("README.md:2: jet train --data")


def test_a_quotation_left_open_is_a_problem(written):
    [problem] = written("```bash\njet train --data 'D\n```\n")
    assert "No closing quotation" in problem


def test_what_is_no_shell_is_left_alone(written):
    assert written("jet nothing\n```python\njet nothing\n```\n") == []
