"""The scenarios that come along, in the region that comes along: all devices of all of them speak."""

from __future__ import annotations

import pytest

from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region
from sensors.codec import decode
from sensors.observations import VdsObservation
from sensors.registry import Registry
from simulators.causes.files import load_scenario
from simulators.simulation import Simulation
from tests.simulators.playing import START, by_device


@pytest.fixture(scope="module")
def region(request: pytest.FixtureRequest) -> Catalogue:
    # Kept between runs: making the region takes seconds.
    assert request.config.cache is not None
    return prepare_region("default", request.config.cache.mkdir("regions"))


def test_the_most_eventful_scenario_speaks_from_every_connection(region: Catalogue) -> None:
    simulation = Simulation(region, load_scenario("everything"), START)
    registry = Registry.from_catalogue(region)
    districts = len(region.districts)
    single = len(region.tower) + len(region.sign)
    assert single < len(simulation.endpoints) <= single + 5 * districts
    sent = [(index, one) for index, endpoint in enumerate(simulation.endpoints) for one in endpoint.hello(START)]
    sent += simulation.advance(5.0)
    said = {message.device for _, one in sent for message in decode(one.topic, one.payload).messages}
    # The scenario silences a twentieth of the signs.
    silent = {fault.device for fault in simulation.happenings.faults if fault.kind == "silent"}
    assert silent
    missing = {*registry.ids, *registry.centres} - silent - said
    # The radio of slope nodes loses a packet now and then.
    assert said.isdisjoint(silent)
    assert missing <= {node.id for node in region.slope}
    assert len(missing) < 0.15 * len(region.slope)


def test_the_crash_queue_reaches_a_detector_within_minutes(region: Catalogue) -> None:
    simulation = Simulation(region, load_scenario("crash"), START)
    (crash,) = simulation.happenings.closures
    links = {link.id: link for link in region.links}
    sent = [item for time_s in range(30, 541, 30) for item in simulation.advance(float(time_s))]
    jammed = set()
    where = {station.id: links[station.link] for station in region.vds}
    for device, samples in by_device(sent, VdsObservation).items():
        for sample in samples:
            speeds = [lane.speed_kmh for lane in sample.lanes if lane.speed_kmh is not None]  # type: ignore[attr-defined]
            after_s = (sample.time - START).total_seconds() - crash.from_s
            if speeds and sum(speeds) / len(speeds) < 40.0 and after_s > 0 and where[device].speed_limit_kmh >= 80:
                jammed.add(device)
    place = links[crash.link]
    assert {(where[device].road, where[device].direction) for device in jammed} == {(place.road, place.direction)}
