"""Runs made by hand: what happened, and what a control room that knows everything would have said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from config.catalogue.model import Name
from gwanje.rehearsal.said_records import SaidFinding, SaidSituation
from simulators.truth.folder import RunHeader
from simulators.truth.reader import Run, assemble
from simulators.truth.records import (
    Fire,
    FireReach,
    FireSample,
    Incident,
    Line,
    Queue,
    QueueSample,
    SlopeFailure,
    Spot,
)

START = datetime(2026, 4, 8, tzinfo=UTC)
HOURS = 6.0
FAR_NORTH_DEG = 60.0
"""Nothing ever happens there."""


def at(time_s: float) -> datetime:
    return START + timedelta(seconds=time_s)


def run_of(lines: Iterable[Line]) -> Run:
    header = RunHeader(
        region="r", digest="", devices={"vds": 10, "slope": 10, "tower": 10}, scenario="made", title=Name("", ""),
        seed=1, start=START, duration_s=HOURS * 3600.0, mode="test", program="0",
    )  # fmt: skip
    return Run(header, assemble(list(lines)), at(HOURS * 3600.0), True)


def incident(name: str, lon: float, start_s: float, cause: str = "crash", lat: float = 37.0) -> Incident:
    return Incident(
        id=name, cause=cause, link="L", offset_m=0.0, lon_deg=lon, lat_deg=lat, lanes=(1,), all_lanes=False,
        road="E1", direction="up", district="d", start=at(start_s), end=at(start_s + 1_200.0),
    )  # type: ignore[arg-type]  # fmt: skip


def queue(name: str, lon: float, start_s: float, cause: str = "recurrent", lat: float = 37.0) -> list[Line]:
    lines: list[Line] = [
        Queue(id=name, cause=cause, road="E1", direction="up", start=at(start_s), end=at(start_s + 1_800.0))
    ]
    for number in range(1, 7):
        head = Spot(lon_deg=lon, lat_deg=lat, link="L", offset_m=0.0)
        tail = Spot(lon_deg=lon - 0.005 * number, lat_deg=lat, link="L", offset_m=0.0)
        lines.append(
            QueueSample(
                queue=name, time=at(start_s + 300.0 * (number - 1)), head=head, tail=tail, length_m=444.0 * number,
                speed_kmh=12.0,
            )
        )  # fmt: skip
    return lines


def slope(name: str, lon: float, start_s: float, lat: float = 37.0) -> SlopeFailure:
    return SlopeFailure(id=name, lon_deg=lon, lat_deg=lat, creep_onset=at(start_s), failure=at(start_s + 3_600.0))


def fire(name: str, lon: float, start_s: float, lat: float = 37.0) -> list[Line]:
    ring = tuple((lon + dx, lat + dy) for dx, dy in ((0, 0), (0.004, 0), (0.004, 0.004), (0, 0.004), (0, 0)))
    return [
        Fire(id=name, lon_deg=lon, lat_deg=lat, ignition=at(start_s)),
        FireSample(fire=name, time=at(start_s + 600.0), area_ha=15.0, perimeter=ring),
        FireReach(fire=name, target_kind="village", target="V", time=at(start_s + 1_200.0)),
    ]


def finding(rule: str, name: str, lon: float, lat: float = 37.0, **fields: object) -> SaidFinding:
    values: dict[str, object] = {
        "id": name, "rule": rule, "level": 2, "active": True, "onset": START, "lon_deg": lon, "lat_deg": lat,
        "subject": "E1:up" if rule == "traffic.congestion" else "D", "devices": (f"D-{name}",), "confidence": 0.9,
        "detail": "stopped_vehicle" if rule == "traffic.camera_event" else "",
    }  # fmt: skip
    return SaidFinding(**(values | fields))  # type: ignore[arg-type]


def wording(name: str, time_s: float, *findings: SaidFinding) -> SaidSituation:
    return SaidSituation(
        time=at(time_s), id=name, category="incident", active=True, phase="suspected", level=2,
        lon_deg=findings[0].lon_deg, lat_deg=findings[0].lat_deg, district="d", opened=at(time_s), updated=at(time_s),
        confidence=0.9, findings=findings,
    )  # fmt: skip


def perfect(run: Run) -> list[SaidSituation]:
    """What is said at once and exactly of everything."""
    truth, said = run.truth, []
    for one in truth.incidents:
        name = f"s-{one.id}"
        time_s = (one.start - START).total_seconds()
        said.append(wording(name, time_s, finding("traffic.camera_event", name, one.lon_deg, one.lat_deg)))
    for jam in truth.queues:
        for sample in truth.queue_samples[jam.id]:
            name = f"s-{jam.id}"
            line = tuple((spot.lon_deg, spot.lat_deg) for spot in (sample.tail, sample.head))
            time_s = (sample.time - START).total_seconds()
            said.append(wording(name, time_s, finding("traffic.congestion", name, *line[1], line=line)))
    for one in truth.slopes:
        name = f"s-{one.id}"
        time_s = (one.creep_onset - START).total_seconds()
        said.append(wording(name, time_s, finding("slope.level", name, one.lon_deg, one.lat_deg)))
    for one in truth.fires:
        name = f"s-{one.id}"
        time_s = (one.ignition - START).total_seconds()
        said.append(wording(name, time_s, finding("fire.position", name, one.lon_deg, one.lat_deg)))
    return said


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Some events of each kind, half a degree apart, so that none explains what is said of another."""
    lines: list[Line] = []
    times = st.floats(0.0, 10_000.0).map(lambda value: float(round(value)))
    for place in range(draw(st.integers(0, 6))):
        lon, name, start_s = 127.0 + 0.5 * place, f"{place}", draw(times)
        match draw(st.sampled_from(["incident", "queue", "slope", "fire"])):
            case "incident":
                lines.append(incident(name, lon, start_s))
            case "queue":
                lines += queue(name, lon, start_s)
            case "slope":
                lines.append(slope(name, lon, start_s))
            case _:
                lines += fire(name, lon, start_s)
    return run_of(lines)


@st.composite
def noisy(draw: st.DrawFn, run: Run) -> list[SaidSituation]:
    """Some of what there is to say, late and beside the mark, and some that is wrong."""
    kept = [one for one in perfect(run) if draw(st.booleans())]
    moved = []
    for one in kept:
        late_s = draw(st.sampled_from([0.0, 60.0, 500.0, 5_000.0]))
        off = draw(st.sampled_from([0.0, 0.003, 0.015, 0.3]))
        shifted = tuple(
            finding(part.rule, part.id, part.lon_deg + off, part.lat_deg, line=part.line, level=draw(st.integers(1, 4)))
            for part in one.findings
        )
        moved.append(wording(one.id, (one.time - START).total_seconds() + late_s, *shifted))
    rules = ["traffic.camera_event", "traffic.congestion", "slope.level", "fire.position"]
    times = draw(st.lists(st.floats(0.0, 20_000.0), max_size=4))
    lies = [lie(f"lie-{number}", draw(st.sampled_from(rules)), time_s) for number, time_s in enumerate(times)]
    return [*moved, *lies]


def lie(name: str, rule: str, time_s: float) -> SaidSituation:
    """Something said of a place where nothing ever happens."""
    return wording(name, round(time_s), finding(rule, name, 128.0, FAR_NORTH_DEG))
