"""Scores as a table for people."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.incidents.score import Score

_NONE = "–"
_COLUMNS = (
    ("found", "rate", "{:.1%}"),
    ("median s", "delay_median_s", "{:.0f}"),
    ("p95 s", "delay_p95_s", "{:.0f}"),
    ("place m", "place_error_median_m", "{:.0f}"),
)


def tables(scores: Mapping[str, Score], tails: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return detection and false alarms of detectors side by side, then the tails of queues."""
    rows = {name: score.rows() for name, score in scores.items()}
    first = next(iter(rows.values()))
    cells = [
        ["", "", *(text for name in scores for text in (name, *[""] * (len(_COLUMNS) - 1)))],
        ["", "n", *(label for _ in scores for label, _, _ in _COLUMNS)],
    ]
    for group, figures in first.items():
        if not figures["incidents"]:
            continue
        cells.append(
            [group, f"{figures['incidents']:.0f}"]
            + [_cell(rows[name][group], key, form) for name in scores for _, key, form in _COLUMNS]
        )
    lines = [
        "Incidents: found, time to detect, place 돌발상황: 발견, 검지 시간, 위치",
        *_aligned(cells),
        "",
        "False alarms 오경보",
    ]
    alarms = {name: score.alarms() for name, score in scores.items()}
    keys = list(dict.fromkeys(key for each in alarms.values() for key in each if key != "false_by_reason"))
    reasons = list(dict.fromkeys(reason for each in alarms.values() for reason in each["false_by_reason"]))
    grid = [["", *scores]]
    grid += [[key, *(f"{alarms[name].get(key, 0):.3g}" for name in scores)] for key in keys]
    grid += [
        [f"  of: {reason}", *(str(alarms[name]["false_by_reason"].get(reason, 0)) for name in scores)]
        for reason in reasons
    ]
    lines += _aligned(grid)
    if tails:
        names = list(dict.fromkeys(key for figures in tails.values() for key in figures))
        lines += ["", "Tails of queues 대기행렬 끝"]
        lines += _aligned(
            [["", *tails], *([key, *(_cell(figures, key, "{:.3g}") for figures in tails.values())] for key in names)]
        )
    return lines


def _cell(figures: Mapping[str, float], key: str, form: str) -> str:
    return form.format(figures[key]) if key in figures else _NONE


def _aligned(cells: list[list[str]]) -> list[str]:
    widths = [max(_width(row[place]) for row in cells) for place in range(len(cells[0]))]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) if place == 0 else " " * (width - _width(cell)) + cell
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _width(text: str) -> int:
    return sum(2 if "\uac00" <= one <= "\ud7a3" else 1 for one in text)
