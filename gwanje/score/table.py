"""The score as a table for people, in Korean or English."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from config.words import Words
from gwanje.score.score import RunScore
from gwanje.score.summary import Spread, Summary, summarise
from gwanje.score.tolerances import HAZARDS

Language = Literal["ko", "en"]
_NONE = "–"


class Table:
    """Lines of text for scores.

    Raises
    ------
    WordsError
        If the words cannot be used.
    """

    def __init__(self, language: Language) -> None:
        self._language = language
        self._words = Words.load("labels", Path(__file__).parent)

    def run(self, score: RunScore) -> list[str]:
        """Return the table of one run."""
        title = self._say("title", "run", scenario=score.scenario, seed=str(score.seed), hours=f"{score.hours:.2f}")
        if not score.complete:
            title = self._say("title", "cut", title=title)
        return [title, *self._body([score])]

    def total(self, scores: Sequence[RunScore]) -> list[str]:
        """Return the table of several runs together."""
        hours = sum(score.hours for score in scores)
        title = self._say("title", "total", count=str(len(scores)), hours=f"{hours:.2f}")
        return [title, *self._body(scores)]

    def _body(self, scores: Sequence[RunScore]) -> list[str]:
        summaries = [
            summarise([one for score in scores for one in score.hazards if one.hazard == hazard]) for hazard in HAZARDS
        ]
        head = ["", *(self._say("hazard", one.hazard) for one in summaries)]
        rows = [head, *([label, *cells] for label, cells in self._rows(summaries) if set(cells) != {_NONE})]
        return columns(rows, left=(0,)) + self._remarks(scores)

    def _rows(self, summaries: Sequence[Summary]) -> list[tuple[str, list[str]]]:
        def row(name: str, cells: list[str]) -> tuple[str, list[str]]:
            return self._say("row", name), cells

        rows = [
            row("events", [str(one.events) for one in summaries]),
            row("detected", [_with(one.detected, one.pod) for one in summaries]),
            row("missed", [str(one.missed) for one in summaries]),
            row("false_alarms", [_with(one.false_alarms, one.far) for one in summaries]),
            row("fooled", [f"{one.false_by_fault} · {one.false_by_source}" for one in summaries]),
            row("csi", [_share(one.csi) for one in summaries]),
            row("false_per_hour", [_number(one.false_per_hour, "{:.2f}") for one in summaries]),
            row("false_per_decision", [_number(one.false_per_decision, "{:.1e}") for one in summaries]),
            row("duplicates", [str(one.duplicates) for one in summaries]),
            row("time_to_detect", [_spread(one.time_to_detect_s, _duration) for one in summaries]),
            row("position_error", [_spread(one.position_error_m, _distance) for one in summaries]),
            row("tail_error", [_spread(one.tail_error_m, _distance) for one in summaries]),
            row("tail_short", [_number(one.tail_short, "{:.0%}") for one in summaries]),
            row("warned", [_warned(one) for one in summaries]),
            row("lead", [_leads(one) for one in summaries]),
            row("levels", [self._levels(one) for one in summaries]),
        ]
        for group in sorted({group for one in summaries for group in one.groups}):
            cells = [
                f"{one.groups[group].detected}/{one.groups[group].events}" if group in one.groups else _NONE
                for one in summaries
            ]
            rows.append((self._say("row", "group", group=self._say("group", group)), cells))
        return rows

    def _levels(self, one: Summary) -> str:
        return " ".join(f"{self._say('level', str(level))} {count}" for level, count in one.levels.items()) or _NONE

    def _remarks(self, scores: Sequence[RunScore]) -> list[str]:
        remarks = []
        liars = {(place, liar) for place, score in enumerate(scores) for one in score.hazards for liar in one.liars}
        fooled = {
            (place, liar)
            for place, score in enumerate(scores)
            for one in score.hazards
            for alarm in one.false_alarms
            for liar in alarm.blamed_on
        }
        if liars:
            remarks.append(self._say("title", "liars", count=str(len(liars)), fooled=str(len(fooled))))
        not_scored = sum(score.not_scored for score in scores)
        if not_scored:
            remarks.append(self._say("title", "not_scored", count=str(not_scored)))
        return remarks

    def _say(self, *path: str, **fields: str) -> str:
        text: str = getattr(self._words.say(*path, **fields), self._language)
        return text


def _with(count: int, share: float | None) -> str:
    return f"{count} ({_share(share)})"


def _share(value: float | None) -> str:
    return _number(value, "{:.2f}")


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else form.format(value)


def _spread(spread: Spread, unit: Callable[[float], str]) -> str:
    if spread.median is None or spread.p90 is None:
        return _NONE
    return f"{unit(spread.median)} · {unit(spread.p90)}"


def _warned(one: Summary) -> str:
    if one.hazard == "slope" and one.events:
        return f"{one.warning_lead_s.count}/{one.events}"
    return f"{one.reaches_warned}/{one.reaches}" if one.reaches else _NONE


def _leads(one: Summary) -> str:
    spread = one.warning_lead_s if one.hazard == "slope" else one.reach_lead_s
    if spread.median is None or spread.p10 is None:
        return _NONE
    return f"{_duration(spread.median)} · {_duration(spread.p10)}"


def _duration(seconds: float) -> str:
    sign, size = "-" if seconds < 0 else "", abs(seconds)
    if size < 120:
        return f"{sign}{size:.0f} s"
    return f"{sign}{size / 60:.1f} min" if size < 7_200 else f"{sign}{size / 3600:.1f} h"


def _distance(metres: float) -> str:
    return f"{metres:.0f} m" if metres < 1_000 else f"{metres / 1000:.1f} km"


def columns(rows: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Return rows of equally many cells as lines, padded to columns; those in ``left`` begin at the left."""
    widths = [max(_width(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            _padded(cell, width, left=place in left)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [line.rstrip() for line in lines]


def _width(text: str) -> int:
    """Return how many columns a terminal gives a text: a Korean syllable takes two."""
    return sum(2 if unicodedata.east_asian_width(one) in {"W", "F"} else 1 for one in text)


def _padded(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if left else space + text
