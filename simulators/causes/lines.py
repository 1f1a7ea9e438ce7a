"""On which line of a TOML text each key stands: the standard parser does not tell."""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from itertools import accumulate

KeyPath = tuple[str | int, ...]
"""Keys from the root; an index counts from 0 in an array."""

_BLANK = " \t\r\n"
_BARE_END = ",]}#\n"


class Lines:
    """Lines of keys, counted from 1."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Mapping[KeyPath, int]) -> None:
        self._lines = dict(lines)

    def of(self, path: KeyPath) -> int:
        """Return the line of a key, or of the nearest thing around it that the text has; 1 for the whole text."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lines) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(frozenset(self._lines.items()))


def find_lines(text: str) -> Lines:
    """Return the lines of all keys, tables and elements of arrays of a text.

    Parameters
    ----------
    text
        TOML that the standard parser takes; of anything else the lines found until it stops making sense.
    """
    scanner = _Scanner(text)
    with suppress(IndexError, ValueError):
        scanner.document()
    return Lines(scanner.lines)


def syntax_line(error: tomllib.TOMLDecodeError, text: str) -> int:
    """Return the line on which the standard parser stopped: its message names it, or says that the text ended."""
    _, _, place = str(error).rpartition("(at line ")
    number = place.partition(",")[0]
    return int(number) if number.isdigit() else text.rstrip().count("\n") + 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._starts = [0, *accumulate(len(line) for line in text.split("\n"))]
        # Each line but the last is one newline longer than its text.
        self._starts = [start + place for place, start in enumerate(self._starts)]
        self._elements: dict[KeyPath, int] = {}

    def document(self) -> None:
        base: KeyPath = ()
        self._skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                base = self._header()
            else:
                self._assignment(base)
            self._skip()

    def _line(self) -> int:
        return bisect_right(self._starts, self.at)

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)

    def _skip(self) -> None:
        """Pass white space, ends of lines and comments."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in _BLANK:
                self.at += 1
            else:
                return

    def _header(self) -> KeyPath:
        line = self._line()
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self._key()
        self.at = self.text.index("]", self.at) + (2 if array else 1)
        path: KeyPath = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            last = place == len(keys) - 1
            self._note(path, line)
            if array and last:
                self._elements[path] = self._elements.get(path, 0) + 1
            # A table under an array of tables belongs to its newest element.
            if path in self._elements:
                path = (*path, self._elements[path] - 1)
                self._note(path, line)
        return path

    def _assignment(self, base: KeyPath) -> None:
        line = self._line()
        path = base
        for key in self._key():
            path = (*path, key)
            self._note(path, line)
        self.at = self.text.index("=", self.at) + 1
        self._skip()
        self._value(path)

    def _key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip()
            start = self.at
            if self.text[start] in "\"'":
                self._string()
                keys.append(str(tomllib.loads(f"key = {self.text[start : self.at]}")["key"]))
            else:
                while self.text[self.at] not in " \t.=]":
                    self.at += 1
                keys.append(self.text[start : self.at])
            self._skip()
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening in "\"'":
            self._string()
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            start = self.at
            while self.at < len(self.text) and self.text[self.at] not in _BARE_END:
                self.at += 1
            if self.at == start:
                raise ValueError("expected a value")

    def _string(self) -> None:
        quote = self.text[self.at]
        long = self.text.startswith(quote * 3, self.at)
        end = quote * 3 if long else quote
        self.at += len(end)
        while not self.text.startswith(end, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
            if self.at >= len(self.text):
                raise ValueError("a string without an end")
        self.at += len(end)
        # A long string may end in one or two quotes of its own.
        while long and self.text.startswith(quote, self.at):
            self.at += 1

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        element = 0
        self._skip()
        while self.text[self.at] != "]":
            here = (*path, element)
            self._note(here, self._line())
            self._value(here)
            self._next()
            element += 1
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip()
        while self.text[self.at] != "}":
            self._assignment(path)
            self._next()
        self.at += 1

    def _next(self) -> None:
        self._skip()
        if self.text[self.at] == ",":
            self.at += 1
            self._skip()
