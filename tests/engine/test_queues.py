from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.findings import HazardLevel
from engine.traffic.queues import Queue, follow_queues, queue_runs
from engine.traffic.stations import CongestionLevel, StationState
from tests.engine.builders import AGAIN, NS, T0, TRAFFIC, stations

N = 10
ROAD = stations([1000.0 * row for row in range(N)])
OPEN_S, CLOSE_S = TRAFFIC.open_after_s.value, TRAFFIC.close_after_s.value


def _mask(rows, n=N):
    mask = np.zeros(n, dtype=np.bool_)
    mask[list(rows)] = True
    return mask


def _runs(jammed, unknown=(), table=ROAD, gap=3000.0):
    n = len(table.ids)
    return [run.tolist() for run in queue_runs(_mask(jammed, n), ~_mask(unknown, n), table, gap)]


@pytest.mark.parametrize(
    ("jammed", "unknown", "runs"),
    [
        ([], [], []),
        ([3], [], [[3]]),
        ([2, 3, 4], [], [[2, 3, 4]]),
        ([2, 4], [], [[2], [4]]),  # a free station between
        ([2, 4], [3], [[2, 4]]),  # an unknown one between
        ([2, 5], [3, 4], [[2, 5]]),  # 3,000 m apart
        ([2, 6], [3, 4, 5], [[2], [6]]),  # 4,000 m apart
        ([0, 9], [], [[0], [9]]),
    ],
)
def test_jammed_neighbours_are_one_queue(jammed, unknown, runs):
    assert _runs(jammed, unknown) == runs


def test_roads_are_told_apart_and_rows_need_not_lie_along_them():
    table = stations([2000.0, 0.0, 1000.0, 0.0], corridor=[0, 0, 0, 1])
    assert _runs([0, 1, 2, 3], table=table) == [[1, 2, 0], [3]]


class Road:
    """Drives the following of queues; stations are jammed or smooth from one tick to the next."""

    def __init__(self, table=ROAD) -> None:
        self.table = table
        n = len(table.ids)
        self.state = StationState.initial(n)
        self.state.level[:] = CongestionLevel.SMOOTH
        self.state.level_since_ns[:] = T0 - 3600 * NS
        self.state.speed_kmh[:] = 100.0
        self.queues: tuple[Queue, ...] = ()
        self.now_ns = T0
        self.said = []

    def tick(self, jammed, unknown=(), seconds=30.0, slow=()):
        self.now_ns += int(seconds * NS)
        n = len(self.table.ids)
        level = np.where(_mask(jammed, n), CongestionLevel.JAMMED, CongestionLevel.SMOOTH).astype(np.int8)
        level = np.where(_mask(slow, n), CongestionLevel.SLOW, level).astype(np.int8)
        level = np.where(_mask(unknown, n), self.state.level, level)
        self.state.level_since_ns[level != self.state.level] = self.now_ns
        self.state.level[:] = level
        self.state.speed_kmh[:] = np.where(level == CongestionLevel.JAMMED, 20.0, 100.0)
        known = ~_mask(unknown, n)
        self.queues, said = follow_queues(self.queues, self.state, known, self.now_ns, self.table, TRAFFIC, AGAIN)
        self.said += said
        return said

    def settle(self, jammed, **more):
        for _ in range(4):
            self.tick(jammed, **more)

    @property
    def names(self):
        return {queue.id: queue.rows for queue in self.queues}


def test_a_queue_opens_after_two_periods_and_closes_after_four():
    road = Road()
    assert road.tick([4]) == []
    assert road.tick([4]) == []
    (opened,) = road.tick([4])  # 60 s after the first
    assert (opened.active, opened.level, opened.devices) == (True, HazardLevel.ATTENTION, ("S4",))
    assert opened.onset_ns == T0 + 30 * NS
    assert road.tick([]) == road.tick([]) == road.tick([]) == []
    (closed,) = road.tick([])  # 120 s after it was last jammed
    assert (closed.id, closed.active) == (opened.id, False)
    assert road.queues == ()


def test_a_queue_keeps_its_name_while_it_grows_and_moves_upstream():
    road = Road()
    road.settle([8])
    (name,) = road.names
    for rows in ([7, 8], [6, 7, 8], [6, 7], [5, 6], [4, 5], [3, 4]):
        road.settle(rows)
        assert list(road.names) == [name]
        assert road.names[name] == tuple(rows)


def test_of_two_that_merge_the_one_with_the_larger_share_goes_on():
    road = Road()
    road.settle([1, 2])
    road.settle([1, 2, 5, 6, 7])
    small, large = sorted(road.names, key=lambda name: len(road.names[name]))
    road.settle([1, 2, 3, 4, 5, 6, 7])
    assert road.names == {large: (1, 2, 3, 4, 5, 6, 7)}
    assert [finding.active for finding in road.said if finding.id == small][-1] is False


def test_of_one_that_splits_the_larger_part_goes_on_and_names_stay_apart():
    road = Road()
    road.settle([1, 2, 3, 4, 5])
    (name,) = road.names
    # The head, which the name came from and which began to jam with the rest, becomes a queue of its own.
    road.settle([1, 2, 3, 5])
    assert len(road.names) == 2
    assert road.names[name] == (1, 2, 3)
    assert len({finding.id for finding in road.said}) == 2


def test_each_queue_goes_to_the_part_that_it_shares_most_with():
    road = Road()
    road.settle([0, 1, 5, 6, 7, 8])
    upper, lower = sorted(road.names, key=lambda name: road.names[name])
    # 6..8 stay with the lower one though the run is shorter; the longest run takes the upper.
    road.settle([0, 1, 2, 3, 4, 6, 7, 8])
    assert road.names == {upper: (0, 1, 2, 3, 4), lower: (6, 7, 8)}


def test_silence_never_clears_a_queue():
    road = Road()
    road.settle([3, 4, 5])
    (name,) = road.names
    for _ in range(100):
        road.tick([], unknown=[3, 4, 5], seconds=600)
    assert road.names == {name: (3, 4, 5)}
    last = road.said[-1]
    assert last.active
    assert last.confidence == 0.0
    road.settle([], seconds=60)
    assert road.names == {}


def test_silence_opens_no_queue():
    road = Road()
    road.tick([4])
    for _ in range(20):
        road.tick([4], unknown=[4])
    assert road.names == {}


def test_a_station_that_cleared_before_it_fell_silent_is_clear():
    road = Road()
    road.settle([4])
    road.tick([])
    for _ in range(10):
        road.tick([], unknown=[4])
    assert road.names == {}


def test_a_station_that_is_jammed_too_short_does_not_part_a_queue():
    road = Road()
    road.settle([3, 4, 5])
    (name,) = road.names
    road.tick([3, 5])
    assert len(road.names) == 2
    road.tick([3, 4, 5])
    assert road.names == {name: (3, 5)}
    road.settle([3, 4, 5])
    assert road.names == {name: (3, 4, 5)}


def test_a_slow_station_between_two_waves_does_not_part_a_queue():
    road = Road()
    road.settle([3, 5], slow=[4])
    assert list(road.names.values()) == [(3, 5)]
    road.settle([3, 5])
    assert len(road.names) == 2


def test_a_short_gap_in_time_keeps_the_name():
    road = Road()
    road.settle([4])
    (name,) = road.names
    road.tick([])
    road.tick([])
    road.tick([4])  # belongs to the queue, so needs no persistence
    assert road.names == {name: (4,)}
    assert all(finding.active for finding in road.said)


@pytest.mark.parametrize(
    ("rows", "level"),
    [
        (range(2, 4), HazardLevel.ATTENTION),  # 1,000 m
        (range(2, 5), HazardLevel.CAUTION),  # 2,000 m
        (range(2, 8), HazardLevel.ALERT),  # 5,000 m
    ],
)
def test_the_level_is_that_of_the_length(rows, level):
    road = Road()
    road.settle(rows)
    assert road.said[-1].level is level


def test_the_level_falls_only_below_four_fifths_of_what_raised_it():
    road = Road()
    road.settle(range(2, 8))  # 5,000 m
    road.settle(range(2, 7))  # 4,000 m = 0.8 * 5,000
    assert road.said[-1].level is HazardLevel.ALERT
    road.settle(range(2, 6))
    assert road.said[-1].level is HazardLevel.CAUTION


def test_a_receipt_names_speed_length_duration_and_stations():
    road = Road()
    road.settle([2, 3, 4])
    lines = {line.quantity: (line.value, line.threshold) for line in road.said[-1].receipt}
    assert lines["speed"] == (20.0, 40.0)
    assert lines["queue_length"] == (2000.0, 2000.0)
    assert lines["stations_jammed"] == (3, None)
    assert road.said[-1].line == tuple((ROAD.lon_deg[row], ROAD.lat_deg[row]) for row in (2, 3, 4))
    assert road.said[-1].confidence == 0.875  # 1 - 0.5³


def test_it_is_said_again_when_it_is_due_and_not_before():
    road = Road()
    road.settle([4])
    count = len(road.said)
    assert road.tick([4], seconds=AGAIN.value - 31) == []
    assert len(road.tick([4], seconds=31)) == 1
    assert len(road.said) == count + 1


ticks = st.lists(
    st.tuples(st.sets(st.integers(0, N - 1)), st.sets(st.integers(0, N - 1)), st.integers(1, 90)), max_size=15
)


@settings(max_examples=50)
@given(ticks)
def test_findings_tell_the_whole_story_of_queues(told):
    """Names are unique, no station is in two queues, each that opened is open or was closed, and runs twice alike."""
    one, two = Road(), Road()
    for jammed, unknown, seconds in told:
        assert one.tick(jammed, unknown, seconds) == two.tick(jammed, unknown, seconds)
        rows = [row for queue in one.queues for row in queue.rows if one.state.level[row] == CongestionLevel.JAMMED]
        assert len(rows) == len(set(rows))
        assert len(one.names) == len(one.queues)
        held = {row for queue in one.queues for row in queue.rows}
        for queue in one.queues:
            assert queue.finding.active
        for row in unknown:
            # what was jammed and in a queue is still in one
            assert row not in getattr(one, "jammed_before", set()) or row in held
        one.jammed_before = {row for row in held if one.state.level[row] == CongestionLevel.JAMMED}
    last = {finding.id: finding.active for finding in one.said}
    assert {name for name, active in last.items() if active} == set(one.names)
    for name in last:
        actives = [finding.active for finding in one.said if finding.id == name]
        assert actives == sorted(actives, reverse=True)  # never reopened under an old name


@settings(max_examples=25)
@given(ticks, st.permutations(range(N)))
def test_the_order_of_stations_in_the_table_does_not_matter(told, order):
    straight, mixed = Road(), Road(_reordered(order))
    place = {row: order.index(row) for row in range(N)}
    for jammed, unknown, seconds in told:
        first = straight.tick(jammed, unknown, seconds)
        second = mixed.tick({place[row] for row in jammed}, {place[row] for row in unknown}, seconds)
        assert first == second


def _reordered(order):
    table = stations([1000.0 * row for row in order])
    return type(table)(
        ids=tuple(f"S{row}" for row in order),
        **{name: value for name, value in vars(table).items() if name != "ids"},
    )
