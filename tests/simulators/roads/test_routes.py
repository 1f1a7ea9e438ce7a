from __future__ import annotations

import numpy as np
import pytest

from config.catalogue.model import Catalogue
from simulators.errors import SimulatorError
from simulators.world.roads.advice import COMPLIANCE, DetourAdvice, follow
from simulators.world.roads.loading import Loading
from simulators.world.roads.plan import build_plan
from simulators.world.roads.routes import find_routes, pool_zones
from tests.simulators.roads.networks import bypass

PLAN = build_plan(bypass(), 1, 350.0)
ZONE = {node: index for index, node in enumerate(PLAN.network.zone_nodes)}
ROADS = np.array([PLAN.grid.runs[run] for run in PLAN.grid.run[PLAN.network.chain_first]])


def chain(road: str, direction: str, start: str) -> int:
    starts = PLAN.network.chain_from == ZONE[start]
    return int(np.flatnonzero(starts & (ROADS[:, 0] == road) & (ROADS[:, 1] == direction))[0])


def share_onto(share: np.ndarray, commodity: int, source: int, onto: int) -> float:
    ways = PLAN.ways
    return float(share[commodity, (ways.source == source) & ways.choice & (ways.onto == onto)].sum())


def test_shares_sum_to_one_and_lead_nearer() -> None:
    ways, routes = PLAN.ways, PLAN.routes
    sums = np.add.reduceat(routes.share, ways.start, axis=1)
    assert np.allclose(sums, 1.0)
    inner = np.flatnonzero(ways.choice & (ways.onto >= 0))
    k, way = np.nonzero(routes.share[:, inner])
    before, after = routes.to_go_s[k, ways.source[inner[way]]], routes.to_go_s[k, ways.onto[inner[way]]]
    assert len(k) > 20
    assert np.all(after < before)


def test_the_expressway_is_the_way_through_and_the_ramp_to_the_town() -> None:
    first, middle = chain("E1", "up", "W"), chain("E1", "up", "A")
    assert share_onto(PLAN.routes.share, ZONE["E"], first, middle) > 0.99
    assert share_onto(PLAN.routes.share, ZONE["P"], first, chain("N7", "down", "A")) > 0.99


def test_trips_that_start_arrive() -> None:
    trips = PLAN.demand.parts()
    flows = PLAN.loading.flows(trips)
    assert flows.leaving.sum() == pytest.approx(trips.sum(), rel=1e-9)
    assert flows.entry.sum() == pytest.approx(trips.sum(), rel=1e-9)
    # The value of passing is the flow: forward and backward agree.
    ones = [np.ones((count, 1)) for count in (PLAN.network.n_chain, PLAN.network.n_ramp)]
    ahead = PLAN.loading.ahead(*ones, np.zeros((PLAN.network.n_entry, 1)), np.zeros((PLAN.network.n_chain, 1)))
    assert (ahead[:, :, 0] * trips.sum(axis=2)).sum() == pytest.approx(flows.chain.sum() + flows.ramp.sum(), rel=1e-9)


def test_who_passes_a_road_is_a_share() -> None:
    on_road = ROADS[:, 0] == "N7"
    passes = PLAN.loading.passes(on_road)
    assert np.all((passes >= -1e-12) & (passes <= 1 + 1e-12))
    assert passes[ZONE["P"], ZONE["Q"]] == pytest.approx(1.0)
    assert passes[ZONE["W"], ZONE["E"]] < 0.01


def test_a_shut_chain_is_driven_around() -> None:
    time_s = PLAN.time_s.copy()
    time_s[chain("E1", "up", "A")] += 4 * 3600
    routes = find_routes(PLAN.network, PLAN.ways, time_s, PLAN.pool)
    around = share_onto(routes.share, ZONE["E"], chain("E1", "up", "W"), chain("N7", "up", "A"))
    assert around > 0.99
    assert share_onto(routes.share, ZONE["E"], chain("N7", "up", "A"), chain("E1", "up", "B")) > 0.99
    assert isinstance(Loading(PLAN.network, PLAN.ways, routes).flows(PLAN.demand.parts()).ramp, np.ndarray)


def advised(*advice: DetourAdvice) -> np.ndarray:
    return follow(advice, PLAN.grid, PLAN.network, PLAN.ways, PLAN.time_s, PLAN.routes, PLAN.routes.share)


def test_signs_send_the_compliant_share_around_and_nobody_else() -> None:
    before = PLAN.routes.share
    after = advised(DetourAdvice("E1up-WX", 1_000.0, "E1"), DetourAdvice("E1up-XA", 1_000.0, "E1", "N7"))
    first, middle, other = chain("E1", "up", "W"), chain("E1", "up", "A"), chain("N7", "up", "A")
    stayed = share_onto(before, ZONE["E"], first, middle)
    assert share_onto(after, ZONE["E"], first, middle) == pytest.approx(stayed * (1 - COMPLIANCE))
    assert share_onto(after, ZONE["E"], first, other) == pytest.approx(
        share_onto(before, ZONE["E"], first, other) + stayed * COMPLIANCE
    )
    # Those who leave at A anyway, and everybody at other nodes, do as before.
    assert np.allclose(after[ZONE["P"]], before[ZONE["P"]])
    elsewhere = PLAN.ways.source != first
    assert np.array_equal(after[:, elsewhere], before[:, elsewhere])
    assert np.allclose(np.add.reduceat(after, PLAN.ways.start, axis=1), 1.0)


def test_signs_past_the_last_way_out_or_out_of_reach_change_nothing() -> None:
    assert np.array_equal(advised(DetourAdvice("E1up-BE", 1_000.0, "E1")), PLAN.routes.share)
    assert np.array_equal(advised(DetourAdvice("N7up-PA", 1_000.0, "E1", "E1")), PLAN.routes.share)
    with pytest.raises(SimulatorError, match="avoid_road: expected the id of a road of the region, was E9"):
        advised(DetourAdvice("E1up-WX", 0.0, "E9"))


def test_zones_are_pooled_with_those_far_away() -> None:
    line = np.abs(np.subtract.outer(np.arange(6.0), np.arange(6.0)))
    weight = np.array([5.0, 4.0, 3.0, 1.0, 1.0, 1.0])
    pool = pool_zones(line, weight, 3)
    assert pool[:3].tolist() == [0, 1, 2]
    assert pool[3] == 0
    assert np.bincount(pool, minlength=3).sum() == 6


def test_many_zones_make_a_plan_of_few_commodities(default_region: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.world.roads.plan.MOST_COMMODITIES", 6)
    plan = build_plan(default_region, 1, 350.0)
    assert plan.routes.share.shape[0] == 6
    flows = plan.loading.flows(plan.demand.parts())
    assert flows.leaving.sum() == pytest.approx(plan.demand.peak_veh_s.sum(), rel=1e-9)
    # Where both ends of a stretch are pooled together nobody drives from one to the other.
    assert np.mean(flows.chain.sum(axis=(0, 2)) > 0.0) > 0.9
