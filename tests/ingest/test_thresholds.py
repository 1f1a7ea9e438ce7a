"""Thresholds from tables, and the engine's tables from a catalogue."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from alerts.gazetteer import Gazetteer
from config.catalogue.model import DEVICE_KINDS
from config.numbers import THRESHOLDS, NumberError
from ingest.region import PERIOD_S, engine_region
from ingest.thresholds import load_thresholds
from tests.ingest.making import REGION, REGISTRY


def test_every_threshold_has_a_source() -> None:
    loaded = load_thresholds()
    assert loaded.fire.min_crossing_deg.value == 3.0
    assert loaded.report_every_s.source
    for group in (loaded.traffic, loaded.slope, loaded.fire, loaded.freshness, loaded.road_weather):
        assert all(getattr(group, name).source for name in group.__dataclass_fields__)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(THRESHOLDS, tmp_path / "thresholds"))


@pytest.mark.parametrize("group", ["traffic", "slope", "fire", "freshness", "traffic_weather", "general"])
def test_a_missing_or_surplus_entry_is_named_with_its_file(folder: Path, group: str) -> None:
    path = folder / f"{group}.toml"
    text = path.read_text()
    path.write_text(text + '\n[surplus]\nvalue = 1\nunit = "1"\nsource = "x"\n')
    with pytest.raises(NumberError, match=rf"{group}\.toml: surplus: expected no such entry, was there"):
        load_thresholds(folder)
    path.write_text("")
    with pytest.raises(NumberError, match=rf"{group}\.toml: \w+: expected a number, was missing"):
        load_thresholds(folder)


def test_rows_of_the_engines_tables_are_those_of_the_registry() -> None:
    region = engine_region(REGION, Gazetteer(REGION))
    assert region.n_device == len(REGISTRY)
    assert region.stations.ids == tuple(one.id for one in REGION.vds)
    assert region.stations.corridor_names == ("E1:down", "E1:up", "N7:down", "N7:up")
    row = region.stations.ids.index("VDS-E1up03")
    assert region.stations.corridor_names[region.stations.corridor[row]] == "E1:up"
    assert region.stations.chainage_m[row] == pytest.approx(6_000, rel=0.01)
    assert (region.stations.lanes[row], region.stations.speed_limit_kmh[row]) == (3, 100.0)
    for kind in DEVICE_KINDS:
        begin, count = REGISTRY.start[kind], REGISTRY.count[kind]
        assert set(region.period_s[begin : begin + count]) == {PERIOD_S[kind]}
