"""``gwanje calc detours``: which signs should send whom round a closure, and why not."""

from __future__ import annotations

import argparse
import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.gazetteer import Gazetteer
from config.catalogue.model import Catalogue, Name
from config.numbers import NumberError
from config.words import Words, WordsError
from engine.traffic.network.detours import advise
from engine.traffic.network.dispatch import Detour
from engine.traffic.network.graph import Network
from engine.traffic.network.paths import Origins
from engine.traffic.network.thresholds import NetworkThresholds
from engine.traffic.network.times import Losses
from gwanje.errors import CommandError
from gwanje.regions import region_of
from gwanje.running import settings_from
from gwanje.score.table import columns
from ingest.network import network_of
from ingest.thresholds import load_group

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MINUTES = 60.0


@dataclass(frozen=True)
class _Closing:
    link: str
    left: float
    minutes: float


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("region", help="name or folder of a region")
    parser.add_argument(
        "--close",
        action="append",
        required=True,
        metavar="LINK[:LEFT][:MINUTES]",
        help="a link, the share of its capacity that is left (0 without it), how long (60 without it); may be repeated",
    )
    parser.add_argument("--to", action="append", metavar="NODE", help="destinations; all ends and junctions without it")
    parser.add_argument("--flows", type=Path, metavar="CSV", help="columns link, flow_veh_h and, if known, speed_kmh")
    parser.add_argument("--load", type=float, default=0.4, help="flow over capacity where no flow is given; 0.4")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--language", choices=("ko", "en"), default="ko", help="of the table, ko without it")
    parser.add_argument("--scale", help="national, or a share of it such as 0.25: a country in place of the region")
    parser.add_argument("--data-dir", help="folder for generated regions")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Compute and print."""
    closings = [_closing(text) for text in parsed.close]
    if not 0 <= parsed.load < math.inf:
        raise CommandError(f"--load: expected a number of 0 or more, was {parsed.load:g}")
    catalogue = region_of(settings_from(argparse.Namespace(**{**vars(parsed), "close": None})))
    try:
        thresholds = load_group(NetworkThresholds, "traffic_network")
        words = Words.load("detours_labels", Path(__file__).parent)
    except (NumberError, WordsError) as exc:
        raise CommandError(str(exc)) from None
    network = network_of(catalogue, thresholds)
    rows = {link: row for row, link in enumerate(network.link_ids)}
    for one in closings:
        if one.link not in rows:
            raise CommandError(f"--close: expected a link of {catalogue.id}, was {one.link!r}")
    losses = Losses(
        link=np.array([rows[one.link] for one in closings], dtype=np.int64),
        from_s=np.zeros(len(closings)),
        until_s=np.array([one.minutes * 60.0 for one in closings]),
        capacity_left=np.array([one.left for one in closings]),
    )
    origins = Origins(
        np.array([rows[sign.link] for sign in catalogue.sign], dtype=np.int64),
        np.array([sign.offset_m for sign in catalogue.sign], dtype=np.float64),
    )
    goals = _destinations(parsed.to, catalogue)
    flow, speed = _traffic(parsed.flows, network, rows, parsed.load)
    found = advise(network, losses, origins, goals, flow, thresholds, speed_kmh=speed)
    if parsed.json:
        documents = [_document(one, catalogue, network, goals) for one in found]
        text = msgspec.json.format(msgspec.json.encode(documents), indent=2)
        sys.stdout.write(text.decode() + "\n")
    else:
        table = _Table(catalogue, network, goals, words, parsed.language)
        lines = [table.title(one, found) for one in closings]
        if parsed.flows is None:
            lines.append(table.say("assumed", load=f"{parsed.load:g}"))
        sys.stdout.write("\n".join([*lines, "", *table.body(found)]) + "\n")
    return 0


def _closing(text: str) -> _Closing:
    link, *rest = text.split(":")
    expected = f"--close: expected LINK[:LEFT][:MINUTES] with LEFT 0 to 1 and MINUTES above 0, was {text!r}"
    if not link or len(rest) > 2:
        raise CommandError(expected)
    try:
        left = float(rest[0]) if rest and rest[0] else 0.0
        minutes = float(rest[1]) if len(rest) > 1 and rest[1] else _MINUTES
    except ValueError:
        raise CommandError(expected) from None
    if not (0.0 <= left <= 1.0 and minutes > 0.0):
        raise CommandError(expected)
    return _Closing(link, left, minutes)


def _destinations(wanted: list[str] | None, catalogue: Catalogue) -> Ints:
    rows = {node.id: row for row, node in enumerate(catalogue.nodes)}
    if wanted is None:
        chosen = [rows[node.id] for node in catalogue.nodes if node.kind in {"end", "junction"}]
        return np.array(chosen, dtype=np.int64)
    for name in wanted:
        if name not in rows:
            raise CommandError(f"--to: expected a node of {catalogue.id}, was {name!r}")
    return np.array([rows[name] for name in wanted], dtype=np.int64)


def _traffic(path: Path | None, network: Network, rows: dict[str, int], load: float) -> tuple[Floats, Floats | None]:
    if path is None:
        return load * network.capacity_veh_h, None
    flow, speed = np.full(len(network), np.nan), np.full((1, len(network)), np.nan)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = {"link", "flow_veh_h"} - set(reader.fieldnames or ())
            if missing:
                raise CommandError(f"{path}: {min(missing)}: expected a column, was missing")
            for line in reader:
                row = rows.get(line["link"] or "")
                if row is None:
                    raise CommandError(
                        f"{path}: line {reader.line_num}: link: expected one of the region, was {line['link']!r}"
                    )
                flow[row] = _number(path, reader.line_num, "flow_veh_h", line["flow_veh_h"])
                speed[0, row] = _number(path, reader.line_num, "speed_kmh", line.get("speed_kmh"))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise CommandError(f"{path}: expected a CSV file that can be read, was not ({exc})") from None
    return flow, speed


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    """Return a number; nothing is not known, and so is not a number."""
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise CommandError(f"{path}: line {line}: {column}: expected a number, was {text!r}") from None


def _document(one: Detour, catalogue: Catalogue, network: Network, goals: Ints) -> dict[str, Any]:
    """Return an entry of the JSON; what is infinite or not known is null."""

    def number(value: float) -> float | None:
        return round(value, 3) if math.isfinite(value) else None

    return {
        "sign": catalogue.sign[one.sign].id,
        "destination": network.node_ids[int(goals[one.destination])],
        "refused": None if one.refused is None else one.refused.value,
        "stay_min": number(one.stay_min),
        "detour_min": number(one.detour_min),
        "saved_min": number(one.saved_min),
        "share": round(one.share, 4),
        "added_flow_veh_h": round(one.added_flow_veh_h, 1),
        "worst_link": None if one.worst_link < 0 else network.link_ids[one.worst_link],
        "worst_vc": number(one.worst_vc),
        "leaves_after_link": None if one.leaves < 0 else network.link_ids[one.leaves],
        "roads": list(one.roads),
        "links": [network.link_ids[link] for link in one.links.tolist()],
        "receipt": [msgspec.to_builtins(line) for line in one.receipt],
    }


class _Table:
    """The advice for people."""

    def __init__(self, catalogue: Catalogue, network: Network, goals: Ints, words: Words, language: str) -> None:
        self._catalogue, self._network, self._goals = catalogue, network, goals
        self._words, self._language = words, language
        self._gazetteer = Gazetteer(catalogue)
        self._roads = {road.id: road.name for road in catalogue.roads}
        self._links = {link.id: link for link in catalogue.links}

    def say(self, *path: str, **fields: Name | str | float) -> str:
        text: str = getattr(self._words.say(*path, **fields), self._language)
        return text

    def title(self, closing: _Closing, found: tuple[Detour, ...]) -> str:
        link = self._links[closing.link]
        advised = sum(one.refused is None for one in found)
        return self.say(
            "title",
            link=closing.link,
            road=self._roads[link.road],
            direction=self._words.say("direction", link.direction),
            left=f"{closing.left:.0%}",
            minutes=f"{closing.minutes:g}",
            signs=len({one.sign for one in found}),
            advised=advised,
            refused=len(found) - advised,
        )

    def body(self, found: tuple[Detour, ...]) -> list[str]:
        if not found:
            return [self.say("none")]
        heads = ("sign", "destination", "stay", "detour", "saved", "share", "added", "vc", "by")
        return columns([[self.say("head", head) for head in heads], *(self._row(one) for one in found)], left=(0, 1, 8))

    def _row(self, one: Detour) -> list[str]:
        sign = self._catalogue.sign[one.sign]
        node = self._catalogue.nodes[int(self._goals[one.destination])]
        place = getattr(self._gazetteer.village_near(*node.position), self._language)
        by = " · ".join(getattr(self._roads[road], self._language) for road in one.roads)
        if one.refused is not None:
            by = self.say("refused", one.refused.value)
        return [
            f"{sign.id} {getattr(sign.name, self._language)}",
            f"{node.id} {place}",
            _cell(one.stay_min, 1),
            _cell(one.detour_min, 1),
            _cell(one.saved_min, 1),
            f"{one.share:.0%}" if one.share else "–",
            f"{one.added_flow_veh_h:.0f}" if one.added_flow_veh_h else "–",
            _cell(one.worst_vc, 2),
            by,
        ]


def _cell(value: float, digits: int) -> str:
    return "∞" if math.isinf(value) else "–" if math.isnan(value) else f"{value:.{digits}f}"
