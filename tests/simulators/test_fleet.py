from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from simulators.causes.files import load_scenario
from simulators.devices.detection import DetectionStations
from simulators.devices.endpoint import Timebase
from simulators.devices.faults import FaultTable
from simulators.devices.fleet import count_connections
from simulators.simulation import Simulation
from simulators.world.people import Sectors
from simulators.world.roads.model import RoadModel
from tests.simulators.faults.test_detection import Roads
from tests.simulators.region import small_region
from tests.simulators.valley import valley

START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)


def test_connections_are_counted_as_they_are_built() -> None:
    for region in (small_region(), valley()):
        assert count_connections(region) == len(Simulation(region, load_scenario("calm"), START).endpoints)


def test_every_cell_stands_in_one_district() -> None:
    sectors = Sectors.of(valley())
    per_district = {district.id: sectors.in_district(district.id) for district in valley().districts}
    assert np.array_equal(np.sum(list(per_district.values()), axis=0), np.ones(len(sectors)))
    assert all({sectors.district[cell] for cell in np.flatnonzero(of)} <= {name} for name, of in per_district.items())
    assert not sectors.in_district("00000").any()


def test_each_concentrator_gets_its_own_stations_once_whenever_it_asks() -> None:
    region = small_region()
    names = sorted({one.district for one in region.vds})
    groups = [[one for one in region.vds if one.district == name] for name in names]
    roads = RoadModel.build(region, time_of_day_s=9 * 3600.0, seed=1, warm_up_s=0.0)
    stations = DetectionStations(groups, Roads(roads, FaultTable((), 1)), Timebase(START), 1)
    heard: list[list[str]] = [[] for _ in groups]
    numbers: dict[str, int] = {}
    for step in range(1, 25):
        roads.step(5.0, 9 * 3600.0 + 5.0 * step)
        for group in range(len(groups)):
            # The last concentrator asks every other time only.
            if group == len(groups) - 1 and step % 2:
                continue
            said = stations.take(group, roads.state.time_s)
            heard[group] += [message.device for message in said]
            for message in said:
                assert message.seq == numbers.get(message.device, message.seq - 1) + 1
                numbers[message.device] = message.seq
            assert stations.take(group, roads.state.time_s) == []
    assert len(groups) > 1
    for group, devices in zip(groups, heard, strict=True):
        assert set(devices) == {one.id for one in group}
        assert min(devices.count(one.id) for one in group) >= 4
