from __future__ import annotations

import pytest

from config.catalogue.corridor import corridor_region
from config.catalogue.model import DEVICE_KINDS, Catalogue, Cell, Name, WeatherStation
from sensors.errors import DecodeError
from sensors.registry import Registry
from sensors.topics import Topic, centre_of


@pytest.fixture(scope="module")
def registry() -> Registry:
    name = Name("시험", "test")
    region = corridor_region(
        id="test", name=name, milemarkers=[3.0, 2.0, 1.0], lanes=3, speed_limit_kmh=100.0, period_s=30.0
    )
    station = WeatherStation(
        id="w-1", district=region.districts[0].id, position=(127.0, 37.0), name=name, ground_elevation_m=10.0
    )
    cell = Cell(
        id="c-1",
        district=region.districts[0].id,
        position=(127.0, 37.0),
        azimuth_deg=0.0,
        beamwidth_deg=120.0,
        range_m=900.0,
    )
    fields = {field: getattr(region, field) for field in Catalogue.__struct_fields__}
    return Registry.from_catalogue(Catalogue(**fields | {"weather": (station,), "sign": (), "cells": (cell,)}))


def test_kinds_are_contiguous_ranges_in_catalogue_order(registry):
    assert len(registry) == 4
    assert [registry.count[kind] for kind in DEVICE_KINDS] == [3, 0, 0, 0, 1, 0]
    assert [registry.start[kind] for kind in DEVICE_KINDS] == [0, 3, 3, 3, 3, 4]
    assert registry.kind.tolist() == [0, 0, 0, 4]
    assert registry.lanes.tolist() == [3, 3, 3]
    assert [registry.ids[registry.index[device]] for device in registry.ids] == list(registry.ids)


def test_a_device_is_found_on_its_own_topic_only(registry):
    district, device = registry.district[3], "w-1"
    assert registry.resolve(Topic(district, "weather", device, "obs"), device) == 3
    for topic, name, field, problem in (
        (Topic(district, "weather", "w-9", "obs"), "w-9", "device", "expected a device of the region, was 'w-9'"),
        (Topic(district, "slope", device, "obs"), device, "topic", "expected kind 'weather' for w-1, was 'slope'"),
        (Topic("x", "weather", device, "obs"), device, "topic", f"expected district {district!r} for w-1, was 'x'"),
    ):
        with pytest.raises(DecodeError) as caught:
            registry.resolve(topic, name)
        assert (caught.value.field, caught.value.problem) == (field, problem)


def test_a_broadcast_centre_speaks_for_its_district_only_and_has_no_index(registry):
    district = registry.district[0]
    centre = centre_of(district)
    assert registry.centres == {centre: district}
    assert centre not in registry.index
    registry.check_centre(Topic(district, "cell", centre, "ack"), centre)
    for topic, name, problem in (
        (Topic(district, "cell", "cbc-x", "ack"), "cbc-x", "device: expected a cell broadcast centre of the region"),
        (Topic(district, "sign", centre, "ack"), centre, f"topic: expected kind 'cell' for {centre}, was 'sign'"),
        (Topic("x", "cell", centre, "ack"), centre, f"topic: expected district {district!r} for {centre}, was 'x'"),
    ):
        with pytest.raises(DecodeError, match=problem):
            registry.check_centre(topic, name)
