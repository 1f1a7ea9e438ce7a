"""The scenarios that come along, in the region that comes along."""

from __future__ import annotations

import pytest

from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region
from simulators.causes.files import load_scenario, scenario_names
from simulators.placement.places import place_scenario
from simulators.world.happenings import Happenings


@pytest.fixture(scope="module")
def region(request: pytest.FixtureRequest) -> Catalogue:
    # Kept between runs: making the region takes seconds.
    assert request.config.cache is not None
    return prepare_region("default", request.config.cache.mkdir("regions"))


@pytest.fixture(scope="module")
def placed(region: Catalogue) -> dict[str, Happenings]:
    return {name: place_scenario(load_scenario(name), region) for name in scenario_names()}


def test_every_scenario_has_its_places(placed: dict[str, Happenings]) -> None:
    assert placed["calm"] == placed["rush"] == Happenings()
    for name in set(scenario_names()) - {"calm", "rush"}:
        assert placed[name] != Happenings()


def test_the_crashes_have_a_second_one(placed: dict[str, Happenings], region: Catalogue) -> None:
    ranks = {link.id: (road.rank, link) for road in region.roads for link in region.links if link.road == road.id}
    for name, later in (("crash", 1), ("fog", 2), ("work_zone", 1), ("tunnel_fire", 1)):
        happenings = placed[name]
        assert len(happenings.secondary) == later
        assert {crash.behind for crash in happenings.secondary} == {happenings.closures[0].id}
    rank, link = ranks[placed["crash"].closures[0].link]
    assert rank == "expressway"
    assert link.lanes == 3
    assert len(placed["crash"].closures[0].lanes) == 2


def test_three_slopes_of_forty_are_weak_above_different_roads(placed: dict[str, Happenings], region: Catalogue) -> None:
    for name in ("landslides", "everything"):
        links = [region.slope[slope.node].link for slope in placed[name].weak_slopes]
        assert len(set(links)) == 3
        assert None not in links


def test_a_tenth_of_the_devices_lies(placed: dict[str, Happenings], region: Catalogue) -> None:
    liars = {fault.device for fault in placed["liars"].faults}
    assert len(liars) == len(placed["liars"].faults)
    for kind in ("vds", "cctv", "slope", "tower", "weather", "sign"):
        devices = region.devices(kind)
        assert 0.08 <= sum(device.id in liars for device in devices) / len(devices) <= 0.12
    assert len(placed["liars"].closures) == 1


def test_everything_has_a_cause_of_every_kind(placed: dict[str, Happenings]) -> None:
    happenings = placed["everything"]
    assert all(getattr(happenings, field) for field in Happenings.__dataclass_fields__)
    assert {closure.cause for closure in happenings.closures} == {"crash", "work_zone", "tunnel_fire", "debris"}
