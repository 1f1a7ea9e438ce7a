"""Stations laid over links."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.traffic.layout import Layout
from engine.traffic.links import LinkTable, link_state, station_links
from tests.engine.builders import stations

NOTHING = np.zeros(0)


def _links(*spans, corridor=None):
    start, end = (np.array(side, dtype=np.float64) for side in zip(*spans, strict=True))
    return LinkTable(np.zeros(len(start), dtype=np.int64) if corridor is None else np.array(corridor), start, end)


def _road(*chainage):
    return Layout.along(np.array(chainage, dtype=np.float64), 2, 100.0)


def test_halves():
    links = station_links(_road(0, 1000, 3000), _links((0, 1000), (1000, 3000)), 1500.0)
    assert links.overlap_m.toarray().tolist() == [[500.0, 500.0, 0.0], [0.0, 1000.0, 1000.0]]


def test_thirds():
    links = station_links(_road(0, 900), _links((0, 900)), 1500.0, split="thirds")
    np.testing.assert_allclose(links.overlap_m.toarray(), [[450.0, 450.0]])
    inner = station_links(_road(0, 900), _links((300, 600), (0, 300)), 1500.0, split="thirds")
    np.testing.assert_allclose(inner.overlap_m.toarray(), [[150.0, 150.0], [300.0, 0.0]])


@pytest.mark.parametrize("split", ["halves", "thirds"])
def test_nobody_speaks_beyond_the_reach(split):
    links = station_links(_road(0, 10_000), _links((0, 10_000)), 1500.0, split=split)
    np.testing.assert_allclose(links.overlap_m.toarray(), [[1500.0, 1500.0]])
    state = link_state(links, np.full(2, 600.0), np.full(2, 6.0), np.full(2, 100.0))
    assert state.known_share.tolist() == [0.3]
    assert np.isnan(state.speed_kmh[0])
    assert np.isnan(state.travel_time_s[0])


def test_corridors_are_kept_apart():
    layout = Layout.of(stations([0.0, 1000.0, 0.0, 1000.0], corridor=[0, 0, 1, 1]))
    links = station_links(layout, _links((0, 1000), (0, 1000), corridor=[1, 0]), 1500.0)
    assert links.overlap_m.toarray().tolist() == [[0.0, 0.0, 500.0, 500.0], [500.0, 500.0, 0.0, 0.0]]


def test_travel_time_adds_lengths_over_speeds():
    links = station_links(_road(0, 2000), _links((0, 2000)), 1500.0)
    state = link_state(links, np.array([1000.0, 1000.0]), np.array([10.0, 50.0]), np.array([100.0, 20.0]))
    assert state.travel_time_s[0] == pytest.approx(1000 / (100 / 3.6) + 1000 / (20 / 3.6))
    assert state.speed_kmh[0] == pytest.approx(1000.0 / 30.0)
    assert state.flow_veh_h.tolist() == [1000.0]


def test_a_queue_that_stands_has_no_travel_time():
    links = station_links(_road(0, 2000), _links((0, 2000)), 1500.0)
    state = link_state(links, np.array([1000.0, 0.0]), np.array([10.0, 150.0]), np.array([100.0, np.nan]))
    assert np.isnan(state.travel_time_s[0])
    assert state.speed_kmh[0] == pytest.approx(500.0 / 80.0)


def test_what_is_not_known_is_as_slow_as_what_is():
    links = station_links(_road(0, 1000), _links((0, 1000)), 1500.0)
    state = link_state(links, np.array([600.0, np.nan]), np.array([6.0, np.nan]), np.array([100.0, np.nan]))
    assert state.known_share.tolist() == [0.5]
    assert state.travel_time_s[0] == pytest.approx(36.0)


@pytest.mark.parametrize("spans", [((0, 1000), (500, 1500)), ((1000, 0),)])
def test_links_that_cannot_be(spans):
    with pytest.raises(ValueError, match="overlaps"):
        station_links(_road(0, 1000), _links(*spans), 1500.0)


def test_none_of_either():
    nowhere = LinkTable(np.zeros(0, dtype=np.int64), NOTHING, NOTHING)
    assert station_links(_road(0, 1000), nowhere, 1500.0).overlap_m.shape == (0, 2)
    links = station_links(_road(), _links((0, 1000)), 1500.0)
    assert np.isnan(link_state(links, NOTHING, NOTHING, NOTHING).flow_veh_h).all()


@given(
    st.lists(st.integers(0, 20_000), min_size=1, max_size=8),
    st.lists(st.integers(0, 20_000), min_size=2, max_size=8, unique=True),
    st.sampled_from(["halves", "thirds"]),
)
def test_no_metre_is_spoken_for_twice(places, cuts, split):
    cuts = sorted(cuts)
    table = _links(*pairwise(cuts))
    links = station_links(_road(*places), table, 1500.0, split=split)
    assert (links.overlap_m.toarray() >= 0).all()
    assert (links.overlap_m.sum(axis=1) <= links.length_m + 1e-6).all()
    n = len(places)
    state = link_state(links, np.full(n, 800.0), np.full(n, 10.0), np.full(n, 80.0))
    known = ~np.isnan(state.speed_kmh)
    np.testing.assert_allclose(state.speed_kmh[known], 80.0)
    np.testing.assert_allclose(state.travel_time_s[known], links.length_m[known] / (80.0 / 3.6))
