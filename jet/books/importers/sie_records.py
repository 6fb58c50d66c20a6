"""The records of a SIE file, and their fields.

Notable, since real files differ from the standard:

- A quote within a text, as in "12" screws", doesn't end it: a text ends at the first quote after which another
  text can begin.
- A text with an open quote goes on in the next line, if no record begins there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Word = str | list[str]

_MOST_CONTINUATIONS = 100
"""The most lines that a text with an open quote takes."""
_REGULAR = re.compile(r'[^"]*+(?:(?<=[\s{])"[^"]*+"(?=[\s}]|$)[^"]*+)*+')
"""Matches a record in which every quote begins or ends a text."""
_BETWEEN = " \t{}"
_BLANK = " \t\x1a"  # \x1a: the end-of-file mark of DOS
_HIDDEN_QUOTE = "\ue000"
_SWEDISH = "åäöÅÄÖéÉüÜ"
_CP437_LETTERS = _SWEDISH.encode("cp437")
_LATIN_LETTERS = _SWEDISH.encode("latin-1")


class Record(NamedTuple):
    """A record, on several lines where a text has newlines; `words` is empty for other lines."""

    number: int
    last: int
    text: str
    words: list[Word]

    @property
    def lines(self) -> int:
        """The number of lines of the file that it takes."""
        return self.last - self.number + 1


def records(lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    """The records of a file; a text with an open quote takes the lines after it in which no record begins."""
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


def _fields(text: str) -> tuple[list[Word], bool]:
    """The fields of a record, and whether the last one is a text with an open quote.

    A field is a word, a quoted string (\\" is a quote), or an object list as a list.
    """
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
    """The pieces outside and within quotes, in turn, and whether the last quote is open."""
    pieces, at, is_open = [], 0, False
    while (start := text.find('"', at)) >= 0:
        word, end, is_open = _quoted(text, start + 1)
        pieces += [text[at:start], word]
        at = end
    return [*pieces, text[at:]], is_open


def _quoted(text: str, start: int) -> tuple[str, int, bool]:
    """The string whose opening quote is before `start`, where it ends, and whether its quote is open.

    It ends at the first quote followed by a blank or brace, if the quote after that opens the next string: in
    "12" screws" it doesn't, since it follows a letter. A doubled quote is one character.
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
    """Code page 437 or Windows' Latin-1: the one in which `data` has more Swedish letters."""
    without = len(data.translate(None, _CP437_LETTERS)), len(data.translate(None, _LATIN_LETTERS))
    return "cp437" if without[0] <= without[1] else "cp1252"
