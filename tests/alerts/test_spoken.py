"""Modes: words of one never become another's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.model import Alert, ExerciseText, LiveText, SignText, TestText
from alerts.spoken import MARKS, WrongModeError, spoken
from config.catalogue.model import Name
from config.words import Words
from tests.alerts.test_lifecycle import draft

LIVE: dict[str, Any] = {"mode": "live", "text": Name("글", "text"), "signs": (SignText("VMS-1", "[jp3]글"),)}
TEST: dict[str, Any] = {
    "mode": "test",
    "text": Name("[시험] 글", "[TEST] text"),
    "signs": (SignText("VMS-1", "[jp3][[시험]][nl]글"),),
}


@pytest.mark.parametrize(
    ("alert", "kind"), [(draft(), ExerciseText), (draft(**LIVE), LiveText), (draft(**TEST), TestText)]
)
def test_each_mode_is_a_type(alert: Alert, kind: type) -> None:
    dressed = spoken(alert, alert.mode)
    assert type(dressed) is kind
    assert (dressed.text, dressed.signs) == (alert.text, alert.signs)


@pytest.mark.parametrize("mode", ["live", "exercise", "test"])
@pytest.mark.parametrize("alert", [draft(), draft(**LIVE), draft(**TEST)])
def test_a_channel_takes_one_mode_only(alert: Alert, mode: Any) -> None:
    if alert.mode != mode:
        with pytest.raises(WrongModeError, match=f"expected one of mode {mode}, was of mode {alert.mode}"):
            spoken(alert, mode)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": Name("글", "[EXERCISE] text")},
        {"text": Name("[훈련] 글", "text")},
        {"text": Name("[시험] 글", "[TEST] text")},
        {"signs": (SignText("VMS-1", "[jp3]글"),)},
        {**LIVE, "text": Name("[훈련] 글", "text")},
        {**LIVE, "text": Name("글", "[TEST] text")},
    ],
)
def test_what_does_not_say_what_it_is_is_refused(changes: dict[str, Any]) -> None:
    alert = draft(**changes)
    with pytest.raises(WrongModeError):
        spoken(alert, alert.mode)


def test_words_cannot_be_cast() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"text": 1}, LiveText)
    assert LiveText(Name("", ""), ()) != ExerciseText(Name("", ""), ())


def test_the_templates_bear_the_marks() -> None:
    words = Words.load("texts")
    for mode, mark in MARKS.items():
        said = words.say(mode)
        assert said.ko.strip() == mark.ko
        assert said.en.strip() == mark.en
