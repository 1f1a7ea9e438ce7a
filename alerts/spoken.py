"""Dressing approved words for a channel: the mode becomes a type, and a channel takes one type only."""

from __future__ import annotations

from typing import assert_never

from alerts.model import Alert, ExerciseText, LiveText, SpokenText, TestText
from alerts.wording import is_marked
from config.catalogue.model import Name
from config.settings import Mode

MARKS: dict[Mode, Name] = {
    "exercise": Name("[훈련]", "[EXERCISE]"),
    "test": Name("[시험]", "[TEST]"),
}
"""What words that do not mean it begin with; those of ``config/templates`` have to agree."""


class WrongModeError(TypeError):
    """Words of one mode were handed to a channel of another."""


def spoken(alert: Alert, mode: Mode) -> SpokenText:
    """Return the words of an alert as the type of the mode.

    Raises
    ------
    WrongModeError
        If the alert is of another mode, if the words of an exercise or test do not say so themselves, or if words that
        mean it say that they do not.
    """
    if alert.mode != mode:
        raise WrongModeError(f"alert {alert.id}: expected one of mode {mode}, was of mode {alert.mode}")
    match mode:
        case "live":
            for mark in MARKS.values():
                if alert.text.ko.startswith(mark.ko) or alert.text.en.startswith(mark.en):
                    raise WrongModeError(f"alert {alert.id}: expected words that mean it, was {alert.text.ko[:30]!r}")
            return LiveText(alert.text, alert.signs)
        case "exercise":
            _require_marks(alert, MARKS[mode])
            return ExerciseText(alert.text, alert.signs)
        case "test":
            _require_marks(alert, MARKS[mode])
            return TestText(alert.text, alert.signs)
        case _:
            assert_never(mode)


def _require_marks(alert: Alert, mark: Name) -> None:
    for text, begin in ((alert.text.ko, mark.ko), (alert.text.en, mark.en)):
        if not text.startswith(begin):
            raise WrongModeError(f"alert {alert.id}: expected a text that begins with {begin}, was {text[:30]!r}")
    for sign in alert.signs:
        if not is_marked(mark.ko, sign.multi):
            raise WrongModeError(
                f"alert {alert.id}, sign {sign.sign}: expected a first line {mark.ko}, was {sign.multi[:30]!r}"
            )
