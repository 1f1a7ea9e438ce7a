"""Events that want the same lanes, the same tunnel or the same device at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from simulators.causes.device import Fault
from simulators.causes.events import Event, Timeline
from simulators.causes.land import WeakSlopes
from simulators.causes.lines import KeyPath
from simulators.causes.problems import Report
from simulators.causes.road import Crash, Debris, Side, TunnelFire, WorkZone

CRASH_LENGTH_M = 100.0
DEBRIS_LENGTH_M = 50.0
"""Road that a crash and things on the lanes take; own construction [m]."""


@dataclass(frozen=True)
class Claim:
    """Lanes that an event wants on one link."""

    index: int
    link: str
    from_m: float
    until_m: float
    lanes: frozenset[int]
    from_s: float
    until_s: float

    def meets(self, other: Claim) -> bool:
        """Whether both want the same lane of the same place at the same time."""
        return (
            self.link == other.link
            and self.from_m < other.until_m
            and other.from_m < self.until_m
            and self.from_s < other.until_s
            and other.from_s < self.until_s
            and bool(self.lanes & other.lanes)
        )


def blocked_lanes(lanes: int, blocked: int, side: Side) -> frozenset[int]:
    """Return the numbers of blocked lanes, 1 at the median."""
    count = min(blocked, lanes)
    return frozenset(range(1, count + 1) if side == "median" else range(lanes - count + 1, lanes + 1))


def length_m(event: Crash | Debris | WorkZone) -> float:
    """Return how much road an event takes [m]."""
    if isinstance(event, WorkZone):
        return event.length_m
    return CRASH_LENGTH_M if isinstance(event, Crash) else DEBRIS_LENGTH_M


def claims_of(timeline: Timeline, lanes_of: Callable[[str], int | None]) -> Iterator[Claim]:
    """Give what the events at named links want.

    Parameters
    ----------
    timeline
        Of which only events that name a link count.
    lanes_of
        Lanes of a link, None when it is not known.
    """
    for index, event in timeline.events.items():
        from_s, until_s = timeline.span_s(event)
        if isinstance(event, TunnelFire) and event.link is not None:
            lanes = frozenset(range(1, 9))
            yield Claim(index, event.link, 0.0, float("inf"), lanes, from_s, until_s)
        elif isinstance(event, Crash | Debris | WorkZone) and event.link is not None and event.offset_m is not None:
            count = lanes_of(event.link)
            if count is not None:
                lanes = blocked_lanes(count, event.lanes_blocked, event.side)
                end_m = event.offset_m + length_m(event)
                yield Claim(index, event.link, event.offset_m, end_m, lanes, from_s, until_s)


def check_claims(claims: Iterator[Claim], report: Report) -> None:
    """Note every event whose lanes an earlier one has at the time."""
    for first, second in combinations(claims, 2):
        if first.index != second.index and first.meets(second):
            line = report.lines.of(("event", first.index))
            shared = ", ".join(str(lane) for lane in sorted(first.lanes & second.lanes))
            report.add(
                ("event", second.index, "link"),
                f"expected lanes that no other event blocks at the time, was lane {shared} of link {second.link} like "
                f"the event of line {line}",
            )


def check_overlaps(timeline: Timeline, report: Report) -> None:
    """Note overlaps that the file alone shows."""
    # Seven lanes lie between the two sides: what counts from the same side meets, the rest is for the region to say.
    check_claims(claims_of(timeline, lambda _: 16), report)
    _check_pairs(
        timeline, report, _tunnel_key, "place", "expected another tunnel or time than the event of line {line}"
    )
    _check_pairs(timeline, report, _fault_key, "device", "expected no second {what} at the time of that of line {line}")
    _check_weak(timeline, report)


def _tunnel_key(event: Event) -> tuple[str, str] | None:
    return ("longest_tunnel", event.kind) if isinstance(event, TunnelFire) and event.link is None else None


def _fault_key(event: Event) -> tuple[str, str] | None:
    return (event.device, f"fault {event.fault}") if isinstance(event, Fault) and event.device is not None else None


def _check_pairs(
    timeline: Timeline,
    report: Report,
    key_of: Callable[[Event], tuple[str, str] | None],
    field: str,
    text: str,
) -> None:
    seen: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for index, event in timeline.events.items():
        key = key_of(event)
        if key is None:
            continue
        from_s, until_s = timeline.span_s(event)
        for first, start_s, end_s in seen.setdefault(key, []):
            if start_s < until_s and from_s < end_s:
                said = text.format(line=report.lines.of(("event", first)), what=key[1])
                path: KeyPath = ("event", index, field)
                report.add(path, f"{said}, was {key[0]!r} again")
                break
        seen[key].append((index, from_s, until_s))


def _check_weak(timeline: Timeline, report: Report) -> None:
    first: dict[str, int] = {}
    for index, event in timeline.events.items():
        if isinstance(event, WeakSlopes) and event.nodes is not None:
            for place, node in enumerate(event.nodes):
                other = first.setdefault(node, index)
                if other != index:
                    line = report.lines.of(("event", other))
                    report.add(
                        ("event", index, "nodes", place),
                        f"expected a node that the event of line {line} does not name, was {node!r}",
                    )
