"""Dressing approved words for a channel: the mode becomes a type, and a channel takes one type only."""

from __future__ import annotations

from typing import assert_never

from alerts.model import Alert, ExerciseText, LiveText, SpokenText, TestText
from config.catalogue.model import Name


class WrongModeError(TypeError):
    """Words of one mode were handed to a channel of another."""


def spoken(alert: Alert) -> SpokenText:
    """Return the words of an alert as the type of its mode.

    Raises
    ------
    WrongModeError
        If the words of an exercise or test do not say so themselves.
    """
    match alert.mode:
        case "live":
            return LiveText(alert.text)
        case "exercise":
            return ExerciseText(_says(alert, "[훈련]", "[EXERCISE]"))
        case "test":
            return TestText(_says(alert, "[시험]", "[TEST]"))
        case _:
            assert_never(alert.mode)


def _says(alert: Alert, *marks: str) -> Name:
    texts = (alert.text.ko, alert.text.en)
    for text, mark in zip(texts, marks, strict=True):
        if not text.startswith(mark):
            raise WrongModeError(f"alert {alert.id}: expected a text that begins with {mark}, was {text[:30]!r}")
    return alert.text
