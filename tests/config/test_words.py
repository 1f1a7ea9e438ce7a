"""Words: everything that can be said is there in both languages and can be filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from config.catalogue.model import Name
from config.settings import Mode
from config.words import Words, WordsError
from engine.findings import HazardLevel, Rule
from engine.traffic.weather.hazards import Hazard
from sensors.observations import CctvEventKind

TEXTS, QUANTITIES = Words.load("texts"), Words.load("quantities")
PLACE = {
    "road": Name("도로", "Road"),
    "direction": Name("상행", "inbound"),
    "village": Name("마을", "Village"),
    "district": Name("군", "County"),
    "agency": Name("센터", "Centre"),
    "event": Name("사건", "event"),
    "slope": Name("사면", "slope"),
    "advice": Name("감속", "slow down"),
}


@pytest.mark.parametrize("kind", ["incident", "spot", "congestion", "slope", "fire", "weather"])
@pytest.mark.parametrize("form", ["title", "text"])
def test_every_kind_has_a_title_and_a_text_in_both_languages(kind: str, form: str) -> None:
    said = TEXTS.say(kind, form, **PLACE)
    assert said.ko != said.en
    assert "{" not in said.ko + said.en


@pytest.mark.parametrize(
    ("kind", "form"),
    [("incident", "sign"), ("congestion", "sign"), ("slope", "sign"), ("slope", "sign_around"), ("fire", "sign_around"),
     ("spot", "sign_around"), ("weather", "sign")],
)  # fmt: skip
def test_signs_are_told_a_distance(kind: str, form: str) -> None:
    assert "7km" in TEXTS.say(kind, form, distance_km=7, **PLACE).ko


def test_every_level_rule_event_mode_and_direction_has_a_name() -> None:
    for level in HazardLevel:
        assert TEXTS.say("level", str(int(level))).en == level.name
    for rule in Rule:
        assert TEXTS.say("rule", rule.value).ko
    for event in get_args(CctvEventKind):
        assert TEXTS.say("event", event).ko
    for hazard in Hazard:
        assert TEXTS.say("hazard", hazard.value).ko
        assert TEXTS.say("advice", hazard.value).ko
    for mode in set(get_args(Mode)) - {"live"}:
        assert TEXTS.say(mode).ko.endswith("] ")
    for direction in ("up", "down"):
        assert TEXTS.say("direction", direction).ko
    for line in ("opened", "level", "joined", "merged", "ended", "approved", "rejected"):
        said = TEXTS.say("log", line, title="T", level="L", rule="R", alert="A", reason="?")
        assert said.ko != said.en


def test_every_quantity_of_a_receipt_that_the_engine_names_has_words() -> None:
    named = set()
    for path in (Path(__file__).parents[2] / "engine").rglob("*.py"):
        for part in path.read_text(encoding="utf-8").split('quantity="')[1:]:
            named.add(part.split('"')[0])
    assert named
    for quantity in named:
        assert QUANTITIES.say(quantity).ko, quantity


def test_a_field_takes_the_language_of_its_template_and_is_no_template_itself() -> None:
    words = Words({"a": {"ko": "{x} 가", "en": "the {x}"}, "b": {"ko": "{x}만"}})
    assert words.say("a", x=Name("{y}", "{z}")) == Name("{y} 가", "the {z}")
    assert words.say("b", x=5) == Name("5만", "5만")


@pytest.mark.parametrize("path", [(), ("none",), ("a", "none"), ("a", "ko")])
def test_a_missing_entry_is_named(path: tuple[str, ...]) -> None:
    with pytest.raises(WordsError, match="expected a text in Korean and English, was missing"):
        Words({"a": {"b": {"ko": "x"}}}).say(*path)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(WordsError, match=r"fire\.title: expected the field 'village', was not given"):
        TEXTS.say("fire", "title")


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"a": {"ko": "{"}}, "a.ko: expected fields in braces"),
        ({"a": {"ko": "{}"}}, "a.ko: expected a name in braces, was ''"),
        ({"a": {"ko": "{x.y}"}}, "a.ko: expected a name in braces, was 'x.y'"),
        ({"a": {"ko": "{x[0]}"}}, "a.ko: expected a name in braces, was 'x[0]'"),
        ({"a": {"b": {"en": "x"}}}, "a.b.ko: expected a text, was missing"),
        ({"a": {"b": {"ko": 5}}}, "a.b.ko: expected a text, was 5"),
        ({"a": {"b": {"ko": "x", "fr": "x"}}}, "a.b.fr: expected one of ko, en"),
        ({"a": {"b": {"ko": "x"}, "c": "x"}}, "a.c: expected a table with ko and en, was 'x'"),
    ],
)
def test_a_template_that_could_not_be_filled_is_refused_at_once(tables: dict[str, Any], text: str) -> None:
    with pytest.raises(WordsError) as caught:
        Words(tables)
    assert str(caught.value).startswith(text)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(WordsError, match=r"none\.toml: expected a file that can be read"):
        Words.load("none", tmp_path)
    (tmp_path / "bad.toml").write_text("[a")
    with pytest.raises(WordsError, match=r"bad\.toml: expected TOML"):
        Words.load("bad", tmp_path)
    (tmp_path / "worse.toml").write_text('[a.b]\nko = "{"\n')
    with pytest.raises(WordsError, match=r"worse\.toml: a\.b\.ko: expected fields"):
        Words.load("worse", tmp_path)
