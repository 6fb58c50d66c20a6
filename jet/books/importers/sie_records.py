"""The records of a SIE file, and their fields.

Notable, since real files differ from the standard:

- A quote within a text, as in "12" screws", doesn't end it: a text ends at the first quote behind which another
  one can begin.
- A text whose quote doesn't close goes on in the next line, if that begins no record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Word = str | list[str]

_MOST_CONTINUATIONS = 100
"""Lines that a text whose quote doesn't close takes at most."""
_REGULAR = re.compile(r'[^"]*+(?:(?<=[\s{])"[^"]*+"(?=[\s}]|$)[^"]*+)*+')
"""A record in which every quote begins or ends a text."""
_BETWEEN = " \t{}"
_BLANK = " \t\x1a"  # \x1a: the end-of-file mark of DOS
_HIDDEN_QUOTE = "\ue000"
_SWEDISH = "åäöÅÄÖéÉüÜ"
_CP437_LETTERS = _SWEDISH.encode("cp437")
_LATIN_LETTERS = _SWEDISH.encode("latin-1")


class Record(NamedTuple):
    """A record of a file, on several lines where a text has newlines; without words where it is none."""

    number: int
    last: int
    text: str
    words: list[Word]

    @property
    def lines(self) -> int:
        """How many lines of the file it takes."""
        return self.last - self.number + 1


def records(lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    """The records of a file; a text whose quote doesn't close takes the lines behind it that begin none."""
    number, last, text = 0, 0, ""
    words: list[Word] = []
    is_open = False
    for at, raw in lines:
        line = raw.strip(_BLANK)
        if is_open and at - number < _MOST_CONTINUATIONS and line[:1] not in ("#", "{", "}"):
            last, text = at, f"{text} {line}".rstrip()
        else:
            if number:
                yield Record(number, last, text, words)
            number, last, text = at, at, line
        words, is_open = _fields(text) if text[:1] == "#" else ([], False)
    if number:
        yield Record(number, last, text, words)


def fields(text: str) -> list[Word]:
    """The fields of a record: words, quoted strings (\\" is a quote), and an object list as a list."""
    return _fields(text)[0]


def _fields(text: str) -> tuple[list[Word], bool]:
    """The fields of a record, and whether the last one is a text whose quote doesn't close."""
    if '"' not in text and "{" not in text:
        return list(text.split()), False
    hidden = text.replace('\\"', _HIDDEN_QUOTE) if "\\" in text else text
    escaped = hidden != text and hidden.count('"') % 2 == 0  # unlike "C:\books\", which escapes nothing
    text = hidden if escaped else text
    pieces, is_open = (text.split('"'), False) if _REGULAR.fullmatch(text) else _pieces(text)
    words: list[Word] = []
    into: list[Word] | list[str] = words
    for index, piece in enumerate(pieces):
        if escaped:
            piece = piece.replace(_HIDDEN_QUOTE, '"')
        if index % 2:
            into.append(piece)
        elif "{" in piece or "}" in piece:
            for word in piece.replace("{", " { ").replace("}", " } ").split():
                if word == "{":
                    into = []
                    words.append(into)
                elif word == "}":
                    into = words
                else:
                    into.append(word)
        else:
            into.extend(piece.split())
    return words, is_open


def _pieces(text: str) -> tuple[list[str], bool]:
    """What stands outside and within quotes, in turn, and whether the last of these doesn't close."""
    pieces, at, is_open = [], 0, False
    while (start := text.find('"', at)) >= 0:
        word, end, is_open = _quoted(text, start + 1)
        pieces += [text[at:start], word]
        at = end
    return [*pieces, text[at:]], is_open


def _quoted(text: str, start: int) -> tuple[str, int, bool]:
    """The string whose opening quote is before `start`, where it ends, and whether it doesn't close.

    It ends at the first quote with a blank or brace behind it, if the quote after that opens the next string:
    in "12" screws" the second one doesn't, since it stands behind a letter. A doubled quote is one.
    """
    end = text.find('"', start)
    while end >= 0:
        following = text.find('"', end + 1)
        is_last = end + 1 == len(text) or text[end + 1] in _BETWEEN
        if is_last and (following < 0 or text[following - 1] in _BETWEEN):
            return text[start:end].replace('""', '"'), end + 1, False
        end = following
    return text[start:], len(text), True


def guess_encoding(data: bytes) -> str:
    """Code page 437 or Latin-1 (as Windows has it), by which one's Swedish letters `data` has more of."""
    without = len(data.translate(None, _CP437_LETTERS)), len(data.translate(None, _LATIN_LETTERS))
    return "cp437" if without[0] <= without[1] else "cp1252"
