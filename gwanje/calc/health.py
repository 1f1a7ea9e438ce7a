"""``gwanje calc health``: which lanes of a detector array cannot be believed, why and since when."""

from __future__ import annotations

import argparse
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from config.words import Words
from engine.traffic.health.reasons import DAILY, LIVE, HealthThresholds, Reason
from engine.traffic.health.step import evidence
from engine.traffic.health.substitute import Way
from engine.traffic.health.watch import Watched
from gwanje.calc.arrays import Corridor
from gwanje.calc.watching import add_options, corridor_from, missing_quantities, watched
from ingest.thresholds import load_group


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One lane, one reason, from when it was known until it was cleared."""

    time_s: float
    milemarker: float
    lane: int
    """From 1, as on the lane axis of the file."""
    reason: str
    excluded: bool
    since_s: float
    until_s: float | None
    """None: still so at the end of the file."""
    reading: float | None
    threshold: float
    unit: str
    source: str


@dataclass(frozen=True)
class Found:
    """All episodes in the order in which they were known, and per station how often its numbers came from where.

    ``ways`` has shape (n_station, len(Way)), periods; ``excluded`` (n_station,), lane-periods not used.
    """

    episodes: list[Episode]
    ways: np.ndarray
    excluded: np.ndarray
    periods: int


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_options(parser)
    parser.add_argument("--summary", action="store_true", help="a table by station instead of JSON lines")
    parser.add_argument("--language", choices=("ko", "en"), default="ko", help="of the table, ko without it")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Judge and print."""
    corridor = corridor_from(parsed)
    found = find(corridor, parsed.local_start)
    missing = missing_quantities(corridor)
    if missing:
        sys.stderr.write(f"{parsed.input}: no {', no '.join(missing)} at all: rules that need it judge nothing\n")
    if parsed.summary:
        sys.stdout.write("\n".join(summary(corridor, found, parsed.language)) + "\n")
    else:
        for episode in found.episodes:
            sys.stdout.write(msgspec.json.encode(episode).decode() + "\n")
    return 0


def find(corridor: Corridor, local_start: str) -> Found:
    """Watch a corridor to its end.

    Parameters
    ----------
    corridor : Corridor
    local_start : str
        Local time of day at time_s 0, "HH:MM".
    """
    thresholds = load_group(HealthThresholds, "traffic_health")
    n_station, n_lane = corridor.series.volume.shape[1:]
    before = np.zeros((n_station, n_lane), dtype=np.uint16)
    episodes: list[Episode] = []
    opened: dict[tuple[int, int, Reason], int] = {}
    ways = np.zeros((n_station, len(Way)), dtype=np.int64)
    excluded = np.zeros(n_station, dtype=np.int64)
    for one in watched(corridor, local_start):
        reasons = one.health.reasons
        time_s = one.frame.time_ns / 1e9
        for station, lane in np.argwhere(reasons != before).tolist():
            now, was = int(reasons[station, lane]), int(before[station, lane])
            for reason in (*LIVE, *DAILY):
                key = (station, lane, reason)
                if reason & now & ~was:
                    opened[key] = len(episodes)
                    episodes.append(_episode(corridor, one, reason, station, lane, thresholds))
                elif reason & was & ~now:
                    place = opened.pop(key)
                    episodes[place] = msgspec.structs.replace(episodes[place], until_s=time_s)
        before = reasons
        ways[np.arange(n_station), one.substituted.way] += 1
        excluded += one.health.excluded.sum(axis=1)
    return Found(episodes, ways, excluded, len(corridor.series))


def _episode(
    corridor: Corridor, one: Watched, reason: Reason, station: int, lane: int, thresholds: HealthThresholds
) -> Episode:
    why = evidence(one.state, one.frame, reason, station, lane, thresholds)
    return Episode(
        time_s=one.frame.time_ns / 1e9,
        milemarker=float(corridor.milemarker[station]),
        lane=lane + 1,
        reason=name_of(reason),
        excluded=reason != Reason.SWAPPED,
        since_s=why.since_ns / 1e9,
        until_s=None,
        reading=round(why.reading, 3) if np.isfinite(why.reading) else None,
        threshold=why.threshold.value,
        unit=why.unit,
        source=why.threshold.source,
    )


def name_of(reason: Reason) -> str:
    """Return the name of one reason as it is written in files."""
    return str(reason.name).lower()


def summary(corridor: Corridor, found: Found, language: str) -> list[str]:
    """Return the table by station, those with the most lane-periods lost first; lines of text."""
    words = Words.load("health_labels", Path(__file__).parent)

    def say(*path: str, **fields: str) -> str:
        text: str = getattr(words.say(*path, **fields), language)
        return text

    order = np.lexsort((-corridor.milemarker, -found.excluded)).tolist()
    rows = [[say("head", name) for name in ("milemarker", "lanes", "reasons", "lost", "way")]]
    n_lane = corridor.series.volume.shape[2]
    for station in order:
        mine = [one for one in found.episodes if one.milemarker == corridor.milemarker[station]]
        if not mine:
            continue
        reasons = sorted({(one.lane, one.reason) for one in mine})
        lost = found.excluded[station] / max(found.periods * n_lane, 1)
        ways = [
            f"{say('way', way.name.lower())} {found.ways[station, way] / max(found.periods, 1):.0%}"
            for way in Way
            if found.ways[station, way]
        ]
        rows.append(
            [
                f"{corridor.milemarker[station]:g}",
                ", ".join(str(lane) for lane in sorted({one.lane for one in mine})),
                ", ".join(f"{lane}: {say('reason', reason)}" for lane, reason in reasons),
                f"{lost:.1%}",
                ", ".join(ways),
            ]
        )
    healthy = len(corridor.layout) - len(rows) + 1
    title = say("title", episodes=str(len(found.episodes)), faulty=str(len(rows) - 1), healthy=str(healthy))
    return [title, *(_aligned(rows) if len(rows) > 1 else [])]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(_width(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Return columns on a terminal: Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
