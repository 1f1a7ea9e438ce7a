from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.model import Catalogue
from simulators.errors import SimulatorError
from simulators.world.happenings import Closure, DemandSurge
from simulators.world.roads.advice import DetourAdvice
from simulators.world.roads.conditions import RoadConditions
from simulators.world.roads.demand import zone_weights
from simulators.world.roads.drivers import EVERYBODY_AFTER_S, INFORMED_AFTER_S, INFORMED_SHARE
from simulators.world.roads.model import RoadModel
from simulators.world.roads.profiles import heavy_fraction, profile
from tests.simulators.roads.networks import bypass, straight

MORNING_S = 7.75 * 3_600


def crash(link: str, offset_m: float, lanes: set[int], from_s: float = 0.0, until_s: float = 1e9) -> Closure:
    return Closure(
        id="crash", cause="crash", link=link, offset_m=offset_m, length_m=100.0, lanes=frozenset(lanes),
        from_s=from_s, until_s=until_s,
    )  # fmt: skip


def run(model: RoadModel, until_s: float, *closures: Closure, start_s: float = MORNING_S, **more: object) -> None:
    while model.state.time_s < until_s - 1e-6:
        now_s = model.state.time_s
        active = [closure for closure in closures if closure.active(now_s)]
        model.step(5.0, start_s + now_s, closures=active, **more)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 1_000),
    hour=st.integers(0, 23),
    factor=st.floats(0.2, 1.6),
    blocked=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 2)), max_size=4),
    speed=st.floats(0.3, 1.0),
    capacity=st.floats(0.3, 1.0),
)
def test_vehicles_are_conserved_and_fit(
    seed: int, hour: int, factor: float, blocked: list[tuple[int, int]], speed: float, capacity: float
) -> None:
    region = bypass()
    model = RoadModel.build(region, time_of_day_s=hour * 3600, seed=seed, demand_factor=factor, warm_up_s=60.0)
    n_cell = len(model.grid)
    conditions = RoadConditions(np.full(n_cell, speed), np.full(n_cell, capacity))
    closures = [
        Closure(
            id=f"c{n}", cause="crash", link=region.links[link].id, offset_m=500.0, length_m=700.0,
            lanes=frozenset(range(1, lanes + 1)), from_s=0.0, until_s=1e9,
        )
        for n, (link, lanes) in enumerate(blocked)
    ]  # fmt: skip
    before = model.vehicles_total
    shut = [cell for closure in closures if len(closure.lanes) == 2
            for cell in model.grid.stretch(closure.link, 500.0, 700.0)]  # fmt: skip
    advice = (DetourAdvice("E1up-WX", 0.0, "E1"),)
    for number in range(50):
        model.step(5.0, hour * 3600 + 5 * number, closures=closures, conditions=conditions, advice=advice)
    assert model.vehicles_total == pytest.approx(before + model.state.entered - model.state.left, rel=1e-12)
    assert np.all(model.state.vehicles >= 0.0)
    assert np.all(model.waiting >= 0.0)
    assert np.all(model.state.vehicles <= model.grid.jam_pc_m * model.grid.length_m * (1 + 1e-9))
    assert np.all(model.state.outflow_veh_s <= model.capacity_veh_s * (1 + 1e-9))
    assert np.all(model.state.passed_in[shut] == 0.0)
    assert np.all(model.state.passed_out[shut] == 0.0)


def test_the_same_seed_gives_the_same_traffic_and_another_gives_other() -> None:
    models = [RoadModel.build(bypass(), time_of_day_s=MORNING_S, seed=seed, warm_up_s=300.0) for seed in (3, 3, 4)]
    for model in models:
        run(model, 300.0, crash("E1up-AM", 1_000.0, {1}))
    assert np.array_equal(models[0].state.vehicles, models[1].state.vehicles)
    assert models[0].queues() == models[1].queues()
    assert not np.allclose(models[0].state.vehicles, models[2].state.vehicles)


def test_bad_input_is_named() -> None:
    model = RoadModel.build(bypass(), time_of_day_s=0.0, seed=1, warm_up_s=0.0)
    too_long_s = model.largest_step_s + 0.1
    with pytest.raises(SimulatorError, match="dt_s: expected more than 0 and at most"):
        model.step(too_long_s, 0.0)
    with pytest.raises(SimulatorError, match=r"speed_factor: expected shape \(\d+,\), was \(3,\)"):
        model.step(5.0, 0.0, conditions=RoadConditions.fair(3))
    with pytest.raises(SimulatorError, match="road: expected the id of a road of the region, was E9"):
        model.step(5.0, 0.0, surges=[DemandSurge(1.5, 0.0, 1.0, road="E9")])
    with pytest.raises(SimulatorError, match="demand_factor: expected a number of at least 0, was -1"):
        RoadModel.build(bypass(), time_of_day_s=0.0, seed=1, demand_factor=-1.0)


@pytest.fixture(scope="module")
def crashed() -> tuple[RoadModel, list[np.ndarray], list[np.ndarray], int]:
    """A three-lane road with two lanes blocked for 20 min at a cell in its middle; speeds [km/h], flows, that cell."""
    model = RoadModel.build(straight([3] * 12), time_of_day_s=MORNING_S, seed=1, demand_factor=0.8)
    grid = model.grid
    row = grid.runs.index(("E1", "up"))
    cells = slice(grid.run_first[row], grid.run_last[row] + 1)
    speeds, flows = [], []
    closure = crash("E1up-n07n08", 1_000.0, {1, 2}, 60.0, 1_260.0)
    at = grid.locate(closure.link, 1_000.0)[0] - int(grid.run_first[row])
    for number in range(640):
        now_s = 5.0 * number
        model.step(5.0, MORNING_S + now_s, closures=[closure] if closure.active(now_s) else [])
        speeds.append(3.6 * model.speed_mps[cells])
        flows.append(model.state.outflow_veh_s[cells])
    return model, speeds, flows, at


def capacity_of(model: RoadModel) -> float:
    return float(model.capacity_veh_s.max())


def test_a_crash_lets_through_what_the_manual_says_and_its_queue_grows(
    crashed: tuple[RoadModel, list[np.ndarray], list[np.ndarray], int],
) -> None:
    model, speeds, flows, at = crashed
    queued = np.array([(row[:at] < 40.0).sum() for row in speeds])
    assert np.all(np.diff(queued[20:240]) >= 0)
    assert queued[240] >= queued[80] + 4
    assert np.all(speeds[240][at + 2 :] > 95.0)
    assert flows[240][at + 3] == pytest.approx(0.17 * capacity_of(model), rel=0.02)


def test_a_queue_discharges_a_tenth_below_capacity(
    crashed: tuple[RoadModel, list[np.ndarray], list[np.ndarray], int],
) -> None:
    model, _, flows, at = crashed
    # From three minutes after clearance, ahead of the dissolving queue.
    discharge = np.mean([row[at + 2] for row in flows[290:330]])
    assert 0.88 < discharge / capacity_of(model) < 0.92


def test_waves_travel_upstream_at_the_observed_speed(
    crashed: tuple[RoadModel, list[np.ndarray], list[np.ndarray], int],
) -> None:
    model, _, flows, at = crashed
    # Half-way from what the crash let through to the discharge of the queue; flow is linear in density there.
    after, half = np.array(flows[252:]), (0.17 + 0.9) / 2 * capacity_of(model)
    passes_s = [5.0 * int(np.argmax(after[:, at - back] > half)) for back in (2, 8)]
    metres = 6 * float(model.grid.length_m[0])
    assert 16.0 <= 3.6 * metres / (passes_s[1] - passes_s[0]) <= 19.0


def test_a_cleared_queue_dissolves(crashed: tuple[RoadModel, list[np.ndarray], list[np.ndarray], int]) -> None:
    model, speeds, _, _ = crashed
    assert np.all(speeds[-1] > 95.0)
    assert model.queues() == ()


def test_the_queue_of_a_crash_is_known_with_its_cause_and_ends() -> None:
    model = RoadModel.build(straight([3] * 12), time_of_day_s=MORNING_S, seed=1, demand_factor=0.9)
    closure = crash("E1up-n07n08", 1_000.0, {1, 2}, 60.0, 900.0)
    names, lengths, tails = set(), [], []
    for until_s in range(300, 901, 60):
        run(model, float(until_s), closure)
        (queue,) = model.queues()
        names.add(queue.name)
        lengths.append(queue.length_m)
        assert queue.cause == "crash"
        assert model.queued.sum() == pytest.approx(queue.length_m / float(model.grid.length_m[0]), abs=1.5)
        assert queue.head == (closure.link, closure.offset_m)
        assert (queue.road, queue.direction) == ("E1", "up")
        assert 3.0 < queue.speed_kmh < 30.0
        assert model.tail_of("crash") == (*queue.tail, 3)
        cell, fraction = model.grid.locate(*queue.tail)
        tails.append(float(model.grid.chainage_m[cell] + fraction * model.grid.length_m[cell]))
    assert len(names) == 1
    assert np.all(np.diff(lengths) > 0)
    assert np.diff(lengths) == pytest.approx(-np.diff(tails), abs=1.0)
    # The tail moves as the jump condition says (Lighthill & Whitham 1955), within the width of a cell.
    grid, cell = model.grid, int(model.grid.locate("E1up-n04n05", 0.0)[0])
    arriving, through = model.state.inflow_veh_s[cell], 0.17 * capacity_of(model)
    queued = np.max(model.density_veh_m)
    growth_mps = (arriving - through) / (queued - arriving / grid.free_mps[cell])
    assert (lengths[-1] - lengths[0]) / 600.0 == pytest.approx(growth_mps, rel=0.15)
    assert model.tail_of("other") is None
    run(model, 1_000.0, closure)
    assert model.queues()[0].cause == "crash"


def test_a_narrower_road_makes_a_recurrent_queue_that_comes_and_goes() -> None:
    begin_s = 7 * 3600.0
    model = RoadModel.build(straight([3, 3, 3, 2, 3, 3]), time_of_day_s=begin_s, seed=1, demand_factor=1.45)
    (drop,) = (i for i, link in enumerate(model.grid.links) if link.id == "E1up-n03n04")
    cell = int(model.grid.link_first[drop])
    flow, longest, begins = [], 0.0, 0
    for number in range(2_300):
        model.step(5.0, begin_s + 5 * number)
        flow.append(model.state.outflow_veh_s[cell])
        here = [queue for queue in model.queues() if queue.direction == "up"]
        assert all(queue.cause is None for queue in here)
        assert all(abs(model.grid.locate(*queue.head)[0] - cell) <= 1 for queue in here)
        longest = max([longest, *(queue.length_m for queue in here)])
        begins = begins or number * bool(here)
    assert longest > 1_000.0
    assert sum(queue.length_m for queue in model.queues() if queue.direction == "up") < longest / 2
    # Capacity before the breakdown, a tenth less behind it.
    assert 0.88 < np.mean(flow[begins + 60 : begins + 120]) / max(flow[:begins]) < 0.93


def test_a_shut_road_is_driven_around_once_drivers_know() -> None:
    model = RoadModel.build(bypass(), time_of_day_s=10 * 3600, seed=1, demand_factor=0.8, warm_up_s=600.0)
    wall = crash("E1up-AM", 2_000.0, {1, 2})
    beside = model.grid.locate("N7up-AN", 1_000.0)[0]
    usual = model.state.inflow_veh_s[beside]
    run(model, 240.0, wall, start_s=10 * 3600)
    unaware = model.state.inflow_veh_s[beside]
    run(model, 1_200.0, wall, start_s=10 * 3600)
    assert model.state.inflow_veh_s[beside] > 1.5 * max(unaware, usual, 0.05)
    assert model.queues()[0].cause == "crash"
    assert model.queues()[0].speed_kmh < 5.0


def test_nobody_heads_for_a_road_that_has_been_shut_for_long() -> None:
    model = RoadModel.build(bypass(), time_of_day_s=10 * 3600, seed=1, demand_factor=0.5, warm_up_s=300.0)
    wall = crash("E1up-AM", 2_000.0, {1, 2})
    before, behind = model.grid.locate("E1up-AM", 100.0)[0], model.grid.locate("E1up-XA", 3_900.0)[0]
    shares = []
    for until_s in (60.0, INFORMED_AFTER_S + 60.0, EVERYBODY_AFTER_S + 60.0):
        while model.state.time_s < until_s:
            model.step(5.0, 10 * 3600 + model.state.time_s, closures=[wall])
        network, ways = model.plan.network, model.plan.ways
        onto = ways.choice & (ways.onto == network.chain_of[before]) & (ways.source == network.chain_of[behind])
        through = model.plan.routes.share[:, onto][:, 0] > 0.5
        shares.append(float(model._drivers.share[through][:, onto].min()))
    assert shares[0] > 0.5
    assert shares[1] == pytest.approx((1 - INFORMED_SHARE) * shares[0], rel=0.05)
    assert shares[2] == pytest.approx(0.0, abs=0.01)


def test_signs_take_a_fifth_of_the_traffic_off_the_road() -> None:
    flows, straight_on = [], 0.0
    for advice in ((), (DetourAdvice("E1up-XA", 500.0, "E1", "N7"),)):
        model = RoadModel.build(bypass(), time_of_day_s=10 * 3600, seed=1, demand_factor=0.8, warm_up_s=600.0)
        run(model, 900.0, start_s=10 * 3600, advice=advice)
        cells = [model.grid.locate(link, 500.0)[0] for link in ("E1up-AM", "N7up-AN")]
        flows.append(model.state.inflow_veh_s[cells])
        if not advice:
            last = int(model.grid.link_last[model.grid.link_index["E1up-XA"]])
            network, ways = model.plan.network, model.plan.ways
            onto = ways.onto == network.chain_of[cells[0]]
            here = ways.choice & onto & (ways.source == network.chain_of[last])
            mix = model._load[:, last] / model._load[:, last].sum()
            straight_on = float(model.state.outflow_veh_s[last] * (mix @ model.plan.routes.share[:, here]).sum())
    assert straight_on > 0.05
    assert flows[0][0] - flows[1][0] == pytest.approx(0.2 * straight_on, rel=0.1)
    assert flows[1][1] - flows[0][1] == pytest.approx(0.2 * straight_on, rel=0.1)


def test_a_queue_on_a_ramp_spills_back_only_when_its_room_is_used() -> None:
    """N7 shut past A: the ramps onto it fill, and only then the expressway stands."""
    model = RoadModel.build(bypass(), time_of_day_s=8 * 3600, seed=1, warm_up_s=600.0)
    network = model.plan.network
    wall = crash("N7down-AP", 100.0, {1, 2})
    onto = network.chain_of[model.grid.locate("N7down-AP", 100.0)[0]]
    ramps = np.flatnonzero(network.ramp_to == onto)
    room = (network.extra_jam_pc_m * network.extra_length_m)[ramps]
    fillings, queued = [], []
    spilled: set[str | None] = set()
    for number in range(360):
        model.step(5.0, 8 * 3600 + 5 * number, closures=[wall])
        fillings.append(float((model._load[:, network.n_road + ramps].sum(axis=0) / room).max()))
        queued.append(any(queue.road == "E1" for queue in model.queues()))
        spilled |= {queue.cause for queue in model.queues() if queue.road == "E1"}
    # A ramp takes in less than its capacity once it is denser than at capacity, a fifth of its room.
    first = queued.index(True)
    assert fillings[0] < 0.2
    assert fillings[first] > 0.3
    assert max(fillings) > 0.8
    assert spilled == {"crash"}


def test_weather_and_limits_slow_free_traffic() -> None:
    model = RoadModel.build(bypass(), time_of_day_s=10 * 3600, seed=1, demand_factor=0.5, warm_up_s=300.0)
    n_cell = len(model.grid)
    wet = RoadConditions(np.full(n_cell, 0.9), np.full(n_cell, 0.85))
    zone = Closure(
        id="z", cause="work_zone", link="E1up-AM", offset_m=500.0, length_m=2_000.0, lanes=frozenset(), from_s=0.0,
        until_s=1e9, speed_limit_kmh=60.0,
    )  # fmt: skip
    run(model, 600.0, zone, start_s=10 * 3600, conditions=wet)
    assert model.speed_mps[model.grid.locate("E1up-BE", 500.0)[0]] == pytest.approx(0.9 * 105 / 3.6)
    assert model.speed_mps[model.grid.locate("E1up-AM", 1_500.0)[0]] == pytest.approx(63 / 3.6)
    assert model.queues() == ()


def test_more_demand_on_one_road_concerns_who_uses_it() -> None:
    model = RoadModel.build(bypass(), time_of_day_s=10 * 3600, seed=1, demand_factor=0.6, warm_up_s=600.0)
    surge = [DemandSurge(2.0, 0.0, 1e9, road="N7"), DemandSurge(1.0, 0.0, 1e9)]
    cells = [model.grid.locate(link, 500.0)[0] for link in ("E1up-WX", "N7up-PA")]
    run(model, 900.0, start_s=10 * 3600, surges=surge)
    loud = model.state.inflow_veh_s[cells]
    model = RoadModel.build(bypass(), time_of_day_s=10 * 3600, seed=1, demand_factor=0.6, warm_up_s=600.0)
    run(model, 900.0, start_s=10 * 3600)
    usual = model.state.inflow_veh_s[cells]
    assert loud[1] == pytest.approx(2.0 * usual[1], rel=0.05)
    assert 1.0 <= loud[0] / usual[0] < 1.8


def test_the_default_region_is_free_on_a_usual_day_and_jams_a_little_above(default_region: Catalogue) -> None:
    model = RoadModel.build(default_region, time_of_day_s=9.75 * 3600, seed=1, warm_up_s=300.0)
    plan = model.plan
    flows = plan.expected_flows
    capacity = np.minimum.reduceat(plan.grid.capacity_pc_s, plan.network.chain_first) / (1 + 0.14)
    hours = profile(np.arange(0.0, 86_400.0, 1_800.0))
    load = (flows @ hours).max(axis=1) / capacity
    run_of = plan.grid.run[plan.network.chain_first]
    peaks = np.array([load[run_of == index].max() for index in range(len(plan.grid.runs))])
    assert np.all((peaks > 0.6) & (peaks < 0.9))
    assert np.mean((peaks > 0.7) & (peaks < 0.88)) > 0.7
    assert load.min() > 0.05
    for number in range(60):
        model.step(5.0, 9.75 * 3600 + 5 * number)
        assert np.all(model.speed_mps > 0.95 * plan.grid.free_mps)
    assert float(zone_weights(default_region, plan.grid, plan.network).min()) > 0.0
    assert plan.flow_veh_s("9911000048", 8 * 3600) > plan.flow_veh_s("9911000048", 3 * 3600) > 0.0

    busy = RoadModel.build(default_region, time_of_day_s=8.2 * 3600, seed=1, demand_factor=1.22, warm_up_s=1_200.0)
    places = set()
    for number in range(120):
        busy.step(5.0, 8.2 * 3600 + 5 * number)
        places |= {(queue.road, queue.direction, queue.head[0]) for queue in busy.queues()}
    assert 1 <= len(places) <= 8
    assert all(queue.cause is None for queue in busy.queues())


def test_profiles_are_shares_and_periodic() -> None:
    times = np.linspace(0, 86_400, 500)
    for working_day in (True, False):
        shares = profile(times, working_day)
        assert np.all((shares > 0) & (shares <= 1))
        assert shares == pytest.approx(profile(times + 86_400, working_day), abs=1e-6)
    assert profile(8 * 3600, False)[0] < profile(8 * 3600, True)[0]
    assert all(0.1 < heavy_fraction(time_s) < 0.4 for time_s in times.tolist())
