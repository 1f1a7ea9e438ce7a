"""What happens on the roads in the scenarios that come along."""

from __future__ import annotations

import numpy as np

from config.catalogue.geometry import GEOD, positions_along
from config.catalogue.model import Catalogue
from tests.simulators.stories.staging import Sky, Traffic

CELL_M = 360.0


def national_veh_km_h(traffic: Traffic) -> float:
    """What travels on the national roads."""
    grid, ranks = traffic.grid, traffic.ranks
    national = np.array([ranks[link.road] == "national" for link in grid.links])[grid.link]
    return float((3.6 * traffic.model.state.outflow_veh_s * grid.length_m)[national].sum())


def test_on_a_calm_day_no_queue_forms(region: Catalogue) -> None:
    traffic = Traffic(region, "calm")
    slowest = np.ones(len(traffic.grid))
    for until_s in range(300, int(traffic.scenario.duration_s) + 1, 300):
        traffic.run(float(until_s))
        assert traffic.model.queues() == ()
        slowest = np.minimum(slowest, traffic.model.speed_mps / traffic.grid.free_mps)
    assert slowest.min() > 0.95


def test_in_the_rush_hour_queues_come_and_go_without_an_incident(region: Catalogue) -> None:
    traffic = Traffic(region, "rush", from_s=1_800.0)
    km, roads = [], set()
    for until_s in range(2_400, int(traffic.scenario.duration_s) + 1, 600):
        traffic.run(float(until_s))
        km.append(traffic.queue_km())
        roads |= {(queue.road, queue.direction) for queue in traffic.model.queues() if queue.length_m > 700.0}
        assert {queue.cause for queue in traffic.model.queues()} <= {None}
    assert max(km[:2]) == 0.0
    assert max(km) > 8.0
    assert km[-1] < max(km) / 3.0
    assert len(roads) >= 3


def test_the_second_crash_is_at_the_tail_of_the_first_ones_queue(region: Catalogue) -> None:
    traffic = Traffic(region, "crash").run(110.0)
    (first,) = traffic.happenings.closures
    (planned,) = traffic.happenings.secondary
    cell, _ = traffic.grid.locate(first.link, first.offset_m)
    across = int(traffic.grid.opposite[cell])
    before_mps = float(traffic.model.speed_mps[across])
    traffic.run(planned.from_s - 5.0)
    queue = traffic.behind("first")
    assert queue.length_m > 1_500.0
    assert queue.head == (first.link, first.offset_m)
    # Those who look over from the other carriageway slow down.
    assert float(traffic.model.speed_mps[across]) < 0.9 * before_mps
    traffic.run(planned.from_s)
    second = traffic.closures()["second"]
    assert abs(traffic.at_m(second) - traffic.along_m(*queue.tail)) < CELL_M
    assert first.lanes == {1, 2}
    traffic.run(first.until_s)
    longest_m = traffic.behind("first").length_m
    assert longest_m > 2.0 * queue.length_m
    traffic.run(traffic.scenario.duration_s)
    assert traffic.queue_km() < longest_m / 4_000.0


def test_a_burning_lorry_closes_both_tubes_and_sends_traffic_around(region: Catalogue) -> None:
    traffic = Traffic(region, "tunnel_fire").run(590.0)
    tubes = traffic.happenings.closures
    assert {one.cause for one in tubes} == {"tunnel_fire"}
    lorry, opposite = tubes[0], next(one for one in tubes if one.id == "burning-lorry.opposite")
    links = {link.id: link for link in region.links}
    assert all(links[one.link].tunnel for one in tubes)
    assert links[lorry.link].direction != links[opposite.link].direction
    before = national_veh_km_h(traffic)
    traffic.run(2_095.0)
    queue = traffic.behind("burning-lorry")
    assert traffic.behind("burning-lorry.opposite").length_m > 1_000.0
    assert all(traffic.flow_veh_h(one) == 0.0 for one in tubes)
    assert national_veh_km_h(traffic) > before + 8_000.0
    traffic.run(2_100.0)
    assert abs(traffic.at_m(traffic.closures()["tail"]) - traffic.along_m(*queue.tail)) < CELL_M
    # A camera has the portal in range, where the smoke comes out.
    lon, lat = positions_along(links[lorry.link].line, [0.0])[0]
    reach = [GEOD.inv(lon, lat, *camera.position)[2] / camera.range_m for camera in region.cctv]
    assert min(reach) < 1.0
    traffic.run(lorry.until_s + 300.0)
    assert traffic.flow_veh_h(lorry) > 2_000.0


def test_works_carry_the_afternoon_but_not_the_evening_peak(region: Catalogue) -> None:
    traffic = Traffic(region, "work_zone", from_s=1_200.0)
    (works,) = traffic.happenings.closures
    (planned,) = traffic.happenings.secondary
    assert works.from_s == 1_200.0
    traffic.run(2_400.0)
    assert traffic.model.queues() == ()
    assert traffic.flow_veh_h(works) > 1_500.0
    traffic.run(planned.from_s - 5.0)
    queue = traffic.behind("works")
    assert queue.length_m > 2_000.0
    traffic.run(planned.from_s)
    crash = traffic.closures()["rear-end"]
    assert abs(traffic.at_m(crash) - traffic.along_m(*queue.tail)) < CELL_M
    # When the crash parts the queue, what still stands behind the works keeps its name.
    traffic.run(planned.from_s + 900.0)
    assert traffic.behind("works").name == queue.name
    assert traffic.behind("rear-end").name != queue.name


def test_in_the_fog_three_crash_one_behind_the_other(region: Catalogue) -> None:
    traffic = Traffic(region, "fog", from_s=2_400.0)
    sky = Sky(region, "fog", traffic.grid.lon_deg.tolist(), traffic.grid.lat_deg.tolist())
    sky.field.step(traffic.time_s)
    for until_s in range(2_520, 4_441, 120):
        traffic.feel(sky.field, sky.places)
        traffic.run(float(until_s))
        sky.field.step(120.0)
    chain = traffic.closures()
    assert set(chain) == {"chain-1", "chain-2", "chain-3"}
    along_m = [traffic.at_m(chain[name]) for name in ("chain-3", "chain-2", "chain-1")]
    assert sorted(along_m) == along_m
    assert along_m[-1] - along_m[0] < 3_000.0
    cell, _ = traffic.grid.locate(chain["chain-1"].link, chain["chain-1"].offset_m)
    assert sky.field.at(sky.places).visibility_m[cell] < 100.0


def test_among_the_liars_one_crash_is_real_and_most_stations_behind_it_are_honest(region: Catalogue) -> None:
    traffic = Traffic(region, "liars", from_s=3_300.0)
    (crash,) = traffic.happenings.closures
    assert not traffic.happenings.secondary
    assert traffic.run(3_600.0).model.queues() == ()
    queue = traffic.run(4_500.0).behind("true-crash")
    assert queue.length_m > 1_500.0
    liars = {fault.device for fault in traffic.happenings.faults if fault.from_s <= traffic.time_s < fault.until_s}
    links = {link.id: link for link in region.links}
    road, way = links[crash.link].road, links[crash.link].direction
    at_m = traffic.at_m(crash)
    behind = [
        station.id in liars
        for station in region.vds
        if (links[station.link].road, links[station.link].direction) == (road, way)
        and 0.0 < at_m - traffic.along_m(station.link, station.offset_m) < 10_000.0
    ]
    assert sum(behind) < len(behind) / 2
