from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.causes.lines import KeyPath, find_lines, syntax_line

TEXT = '''\
# a comment with = and [[event]] in it
title = "a # no comment"  # one
long = """
two = 2
[[event]]
"""   # line 6
"quoted key".'other' = 7
[weather]
temp_c = 9
[[event]]
kind = "a"
where = { x = 12, "y" = [
  1, # line 13
  14 ] }
[[event]]
kind = "b"
  [event.title]
  ko = """x""\\""""
  [[event.step]]
  at_s = 20
  [[event.step]]
  at_s = 22
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("long",), 3),
        (("quoted key", "other"), 7),
        (("weather",), 8),
        (("weather", "temp_c"), 9),
        (("event",), 10),
        (("event", 0), 10),
        (("event", 0, "kind"), 11),
        (("event", 0, "where", "x"), 12),
        (("event", 0, "where", "y", 0), 13),
        (("event", 0, "where", "y", 1), 14),
        (("event", 1), 15),
        (("event", 1, "kind"), 16),
        (("event", 1, "title"), 17),
        (("event", 1, "title", "ko"), 18),
        (("event", 1, "step", 0, "at_s"), 20),
        (("event", 1, "step", 1, "at_s"), 22),
        (("event", 1, "missing"), 15),
        (("event", 2, "kind"), 10),
        (("nowhere", "at", "all"), 1),
        ((), 1),
    ],
)
def test_every_form_of_key_has_its_line(path: KeyPath, line: int) -> None:
    tomllib.loads(TEXT)
    assert find_lines(TEXT).of(path) == line
    assert find_lines(TEXT.replace("\n", "\r\n")).of(path) == line


@pytest.mark.parametrize("text", ["a = [", 'a = """', "[", "[[a", "a", "a = {b", '"\\', "= 3", "a = '", '"a" ='])
def test_text_that_is_no_toml_stops_without_an_error(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as raised:
        tomllib.loads("ok = 1\n" + text)
    assert find_lines("ok = 1\n" + text).of(("ok",)) == 1
    assert syntax_line(raised.value, "ok = 1\n" + text) == 2


BARE = st.text("abcxyz_-09", min_size=1, max_size=5)
NASTY = st.text("ab =#[]{}.,'\"\\\n\t한", max_size=12)
GAP = st.sampled_from(["", "\n", "\n\n", "# note = 1\n", "  \n# [[event]]\n"])


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


class Writer:
    """Writes a document and notes on which line each key comes to stand."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[KeyPath, int] = {}

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def key(self, path: KeyPath, name: str) -> None:
        self.note((*path, name))
        self.text += name if self.draw(st.booleans()) else quoted(name)
        self.text += self.draw(st.sampled_from([" = ", "=", "   =  "]))

    def value(self, path: KeyPath, depth: int) -> None:
        kind = self.draw(st.sampled_from(["number", "text", "literal", "long", "array", "table"][: 4 if depth else 6]))
        if kind == "number":
            self.text += self.draw(st.sampled_from(["1", "-2.5e3", "true", "07:40:00", "1979-05-27 07:32:00", "inf"]))
        elif kind == "text":
            self.text += quoted(self.draw(NASTY))
        elif kind == "literal":
            self.text += "'" + self.draw(NASTY).replace("'", "").replace("\n", "") + "'"
        elif kind == "long":
            body = self.draw(NASTY)
            quote = self.draw(st.sampled_from(['"""', "'''"]))
            body = body.replace("\\", "\\\\").replace('"', '\\"') if quote == '"""' else body.replace("'", "")
            self.text += quote + body + quote
        elif kind == "array":
            self.text += "["
            for place in range(self.draw(st.integers(0, 3))):
                self.text += self.draw(GAP)
                self.note((*path, place))
                self.value((*path, place), depth + 1)
                self.text += "," + self.draw(GAP)
            self.text += "]"
        else:
            self.text += "{ "
            for place, name in enumerate(self.draw(st.lists(BARE, max_size=3, unique=True))):
                self.text += ", " if place else ""
                self.key(path, name)
                self.value((*path, name), depth + 1)
            self.text += " }"

    def assignments(self, path: KeyPath) -> None:
        for name in self.draw(st.lists(BARE, max_size=3, unique=True)):
            self.text += self.draw(GAP)
            self.key(path, name)
            self.value((*path, name), 0)
            self.text += self.draw(st.sampled_from(["\n", "  # end\n"]))


@st.composite
def documents(draw: Any) -> tuple[str, dict[KeyPath, int]]:
    writer = Writer(draw)
    writer.assignments(())
    for place in range(draw(st.integers(0, 3))):
        writer.text += draw(GAP)
        writer.note(("event!",))
        writer.note(("event!", place))
        writer.text += draw(st.sampled_from(['[["event!"]]', "[[ 'event!' ]]  # next"])) + "\n"
        writer.assignments(("event!", place))
    return writer.text, writer.lines


@given(documents())
def test_lines_are_where_the_keys_were_written(document: tuple[str, dict[KeyPath, int]]) -> None:
    text, written = document
    tomllib.loads(text)
    found = find_lines(text)
    assert {path: found.of(path) for path in written} == written


@given(st.text("a1=[]{}'\"\\#.,\n \t", max_size=60))
def test_any_text_is_read_to_an_end(text: str) -> None:
    found = find_lines(text)
    assert 1 <= found.of(("a",)) <= text.count("\n") + 1
