"""The scenarios that come along, in the region that comes along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region
from sensors.codec import decode
from sensors.observations import VdsObservation
from simulators.placement.fire import SMOKE_SEEN_M
from simulators.causes.files import load_scenario, scenario_names
from simulators.simulation import Simulation

START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def region(request: pytest.FixtureRequest) -> Catalogue:
    # Kept between runs: making the region takes seconds.
    assert request.config.cache is not None
    return prepare_region("default", request.config.cache.mkdir("regions"))


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_has_its_place_and_speaks(region: Catalogue, name: str) -> None:
    simulation = Simulation(region, load_scenario(name), START)
    assert 100 <= len(simulation.endpoints) <= 130
    for message in [message for _, message in simulation.advance(5.0)]:
        assert decode(message.topic, message.payload).messages


def test_the_crash_queue_reaches_a_detector_within_minutes(region: Catalogue) -> None:
    simulation = Simulation(region, load_scenario("crash"), START)
    (crash,) = simulation.script.crashes
    assert len(crash.closure.lanes) == 2
    jammed = set()
    for tick in range(1, 61 + 300, 5):
        for _, outbound in simulation.advance(float(tick)):
            for sample in decode(outbound.topic, outbound.payload).messages:
                if isinstance(sample, VdsObservation):
                    speeds = [lane.speed_kmh for lane in sample.lanes if lane.speed_kmh is not None]
                    if speeds and sum(speeds) / len(speeds) < 40.0 and sample.time > START + timedelta(seconds=60):
                        jammed.add(sample.device)
    links = {station.id: station.link for station in region.vds}
    roads = {link.id: (link.road, link.direction) for link in region.links}
    limits = {link.id: link.speed_limit_kmh for link in region.links}
    fast = {device for device in jammed if limits[links[device]] >= 80}
    assert fast
    assert {roads[links[device]] for device in fast} == {roads[crash.link]}


def test_the_fire_is_seen_by_three_towers(region: Catalogue) -> None:
    simulation = Simulation(region, load_scenario("fire"), START)
    (fire,) = simulation.script.happenings.fires
    assert (fire.in_range & (fire.hidden_below_m <= SMOKE_SEEN_M)).sum() >= 3
