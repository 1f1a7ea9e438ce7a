from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.findings import Finding, HazardLevel, Rule
from engine.tables import StationTable
from engine.traffic.incidents.scales import Scales
from engine.traffic.layout import Layout
from engine.traffic.live import LiveTraffic, update_traffic
from engine.traffic.stations import StationState, update_stations
from sensors.columns import VdsColumns
from tests.engine.builders import NS, NUMBERS, T0, envelope, vds

KST_S = 32_400.0
N_STATION, BLOCKED_AFTER, ONSET = 8, 4, 40
STATIONS = StationTable(
    ids=tuple(f"vds-{row}" for row in range(N_STATION)),
    corridor=np.zeros(N_STATION, dtype=np.int64),
    corridor_names=("R1-down",),
    chainage_m=np.arange(N_STATION) * 1_000.0,
    speed_limit_kmh=np.full(N_STATION, 100.0),
    lanes=np.full(N_STATION, 3, dtype=np.int64),
    lon_deg=127.0 + np.arange(N_STATION) * 0.01,
    lat_deg=np.full(N_STATION, 37.0),
)
SCALES = Scales.of(Layout.of(STATIONS))


def counts(turn: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Vehicles a lane; behind the blockage a third comes through from ONSET on, for an hour."""
    volume = rng.poisson(12.5, (N_STATION, 3)).astype(np.float64)
    behind = np.arange(N_STATION) - BLOCKED_AFTER
    reached = (behind > 0) & (turn >= ONSET + behind)
    volume[reached] = rng.binomial(volume[reached].astype(int), 0.33)
    return volume


def periods(n_period: int, blocked: bool = True) -> Iterator[tuple[int, VdsColumns]]:
    rng = np.random.default_rng(4)
    for turn in range(n_period):
        volume = counts(turn if blocked else 0, rng)
        speed = np.where(volume > 0, 98.0, np.nan)
        if blocked and turn >= ONSET + 6:
            speed[BLOCKED_AFTER] = 12.0
            volume[BLOCKED_AFTER] = rng.poisson(4.0, 3)
        time_ns = T0 + turn * 30 * NS
        head = envelope(np.arange(N_STATION), time_ns, seq=np.full(N_STATION, turn))
        yield time_ns, vds(head, volume, speed, volume * 0.8)


def run(n_period: int, blocked: bool = True) -> tuple[LiveTraffic, list[Finding]]:
    state, newest = LiveTraffic.initial(SCALES, 3), StationState.initial(N_STATION)
    said: list[Finding] = []
    for time_ns, samples in periods(n_period, blocked):
        newest = update_stations(newest, samples, STATIONS, NUMBERS.traffic)
        state, findings = update_traffic(
            state, samples, newest, time_ns + 4 * NS, SCALES, STATIONS, KST_S, NUMBERS.cycle
        )
        said += findings
    return state, said


def test_a_blocked_road_is_a_finding_with_place_time_and_reasons() -> None:
    state, said = run(ONSET + 12)
    first = said[0]
    assert first.rule is Rule.INCIDENT
    assert first.devices == (f"vds-{BLOCKED_AFTER}", f"vds-{BLOCKED_AFTER + 1}")
    assert T0 + ONSET * 30 * NS < first.updated_ns <= T0 + (ONSET + 5) * 30 * NS
    assert first.onset_ns == pytest.approx(T0 + ONSET * 30 * NS, abs=60 * NS)
    assert first.level in {HazardLevel.CAUTION, HazardLevel.ALERT}
    assert first.subject == "R1-down"
    quantities = {line.quantity: line for line in first.receipt}
    assert quantities["evidence"].value >= quantities["evidence"].threshold
    assert quantities["discharge_drop"].value > 30.0
    assert {one.device for one in first.observations} == set(first.devices)
    assert [finding.id for finding in state.findings] == [first.id]


def test_it_is_said_again_once_a_minute_under_one_name() -> None:
    _, said = run(ONSET + 30)
    assert len({finding.id for finding in said}) == 1
    apart_ns = np.diff([finding.updated_ns for finding in said])
    assert (apart_ns >= 60 * NS).all()
    assert len(said) > 5


def test_it_ends_when_traffic_is_as_before() -> None:
    state, newest = LiveTraffic.initial(SCALES, 3), StationState.initial(N_STATION)
    said: list[Finding] = []
    long = [*periods(ONSET + 20)]
    for turn, (_, samples) in enumerate([*long, *([*periods(40, blocked=False)])]):
        time_ns = T0 + turn * 30 * NS
        head = envelope(np.arange(N_STATION), time_ns, seq=np.full(N_STATION, turn))
        moved = vds(head, samples.volume, samples.speed_kmh, samples.occupancy_pct)
        newest = update_stations(newest, moved, STATIONS, NUMBERS.traffic)
        state, findings = update_traffic(state, moved, newest, time_ns + 4 * NS, SCALES, STATIONS, KST_S, NUMBERS.cycle)
        said += findings
    assert [finding.active for finding in said if not finding.active] == [False]
    assert not said[-1].active
    assert state.findings == ()


def test_free_traffic_says_nothing() -> None:
    assert run(200, blocked=False)[1] == []


def test_the_same_samples_give_the_same_bytes() -> None:
    first, second = run(ONSET + 15)[1], run(ONSET + 15)[1]
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
