"""Tables that a narrow screen can show: every cell knows the head of its column.

On a wide screen a table is a table. On a phone the page's style sets each row as a block, with a cell a line
and the column's head before it (`data-label`); nothing is cut, and nothing scrolls sideways.
"""

from __future__ import annotations

import re

_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
_HEAD = re.compile(r"<thead>(.*?)</thead>", re.DOTALL)
_HEAD_CELL = re.compile(r"<th\b([^>]*)>(.*?)</th>", re.DOTALL)
_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<(td|th)\b([^>]*)>")
_SPAN = re.compile(r'colspan="(\d+)"')
_TAG = re.compile(r"<[^>]*>")


def label_cells(html: str) -> str:
    """`html` with the head of its column as `data-label` of each cell of the tables that have a head.

    It must be well-formed, and escaped: no "<" or ">" but of tags. Tables lie in no other table, and no cell
    spans rows.
    """
    return _TABLE.sub(lambda found: _labelled(found[0]), html)


def _labelled(table: str) -> str:
    head = _HEAD.search(table)
    if head is None:
        return table
    names = [" ".join(_TAG.sub(" ", text).split()) for _, text in _HEAD_CELL.findall(head[1])]
    body = _ROW.sub(lambda row: _labelled_row(row[0], names), table[head.end() :])
    return table[: head.end()] + body


def _labelled_row(row: str, names: list[str]) -> str:
    column = 0

    def labelled(cell: re.Match[str]) -> str:
        nonlocal column
        name = names[column] if column < len(names) else ""
        span = _SPAN.search(cell[2])
        column += int(span[1]) if span else 1
        return f'<{cell[1]}{cell[2]} data-label="{name}">' if name and not span else cell[0]

    return _CELL.sub(labelled, row)
