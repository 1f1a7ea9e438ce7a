"""The catalogue's roads as a graph, and its weather stations beside them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from alerts.gazetteer import Gazetteer
from engine.traffic.network.graph import NONE
from engine.traffic.network.thresholds import NetworkThresholds
from ingest.network import capacity_veh_h, network_of
from ingest.region import engine_region
from ingest.thresholds import load_group
from tests.alerts.making import two_districts

NUMBERS = load_group(NetworkThresholds, "traffic_network")


def test_links_keep_their_order_and_nobody_turns_round() -> None:
    catalogue = two_districts()
    network = network_of(catalogue, NUMBERS)
    assert network.link_ids == tuple(link.id for link in catalogue.links)
    for row, link in enumerate(catalogue.links):
        for then in network.onward[row][network.onward[row] != NONE].tolist():
            other = catalogue.links[then]
            assert other.from_node == link.to_node
            assert other.to_node != link.from_node
            assert (other.road, other.direction) == (link.road, link.direction) or other.road != link.road
    assert (network.free_s > 0).all()


def test_capacity_goes_by_rank_lanes_and_speed() -> None:
    link = msgspec.structs.replace(two_districts().links[0], lanes=2, speed_limit_kmh=100.0)
    assert capacity_veh_h(link, "expressway", NUMBERS) == pytest.approx(2 * 2200 / 1.15)
    assert capacity_veh_h(link, "national", NUMBERS) == pytest.approx(2 * 2200 / 1.15)
    slow = msgspec.structs.replace(link, lanes=1, speed_limit_kmh=70.0)
    assert capacity_veh_h(slow, "national", NUMBERS) == pytest.approx(1700 / 1.15)
    assert capacity_veh_h(slow, "expressway", NUMBERS) == pytest.approx(2000 / 1.15)


def test_weather_stations_know_the_road_beside_them() -> None:
    catalogue = two_districts()
    region = engine_region(catalogue, Gazetteer(catalogue))
    weather = region.weather
    assert weather.ids == tuple(station.id for station in catalogue.weather)
    assert weather.road[0] == "E1"
    assert weather.road[2] == ""
    assert np.isnan(weather.speed_limit_kmh[2])
    assert weather.speed_limit_kmh[0] > 0
    assert 0 <= weather.road_deg[0] < 360
    assert region.weather_devices.stop - region.weather_devices.start == len(weather.ids)
