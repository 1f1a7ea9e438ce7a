"""Corridors out of SUMO: network, demand and a short run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.incidents import sumo
from benchmarks.incidents.motorway import draw_motorway, draw_stops, write_motorway
from simulators.sumo.network import read_network
from tests.simulators.sumo.making import needs_sumo

pytestmark = [
    pytest.mark.integration,
    needs_sumo,
]


def test_networks_have_their_edges_one_after_the_other(tmp_path: Path) -> None:
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        road = draw_motorway(np.random.default_rng(seed), seed % 2 == 0, 1.0)
        network = read_network(write_motorway(folder, road, 300.0))
        for edge, after in zip(road.edges[:-1], road.edges[1:], strict=True):
            assert edge.start_m + edge.length_m == pytest.approx(after.start_m)
            assert after.id in network.edges[edge.id].following
        assert sum(edge.length_m for edge in road.edges) == pytest.approx(road.length_m)
        for stop in draw_stops(np.random.default_rng(seed), road, 2.0):
            edge = road.edge_at(stop.at_m)
            assert set(stop.sumo_lanes) <= set(range(edge.first_lane, edge.lanes))


def test_a_short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sumo, "WARM_UP_S", 120.0)
    arrays, labels = sumo.make(2, "quiet", "train", 0.05)
    assert arrays.volume.shape == (labels.lanes, len(arrays.mile), 6)
    assert np.nansum(arrays.volume[:, 0]) > 10
    assert np.nanmax(arrays.occupancy_pct) <= 100.0
    assert labels.incidents == ()
    assert (np.diff(arrays.mile) > 0).all() is np.bool_(labels.rising) or not labels.rising
