from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.freshness import NEVER, Freshness, FreshnessState, hear, judge, report
from tests.engine.builders import FRESHNESS, NS, T0, envelope, status

PERIOD = np.array([30.0])


def _state_after(silence_s: float, *, held_back_s: float = 0.0) -> Freshness:
    heard = hear(FreshnessState.initial(1), envelope([0], T0 - int(held_back_s * NS), received_ns=T0))
    return Freshness(int(judge(heard, PERIOD, T0 + int(silence_s * NS), FRESHNESS).state[0]))


@pytest.mark.parametrize(
    ("silence_s", "state"),
    [
        (0.0, Freshness.FRESH),
        (90.0, Freshness.FRESH),  # 3 periods of 30 s, not yet above
        (90.1, Freshness.STALE),
        (300.0, Freshness.STALE),  # 10 periods, not yet above
        (300.1, Freshness.UNKNOWN),
        (-5.0, Freshness.FRESH),  # arrived after the tick's time was taken
    ],
)
def test_silence_turns_stale_then_unknown(silence_s, state):
    assert _state_after(silence_s) is state


@pytest.mark.parametrize(
    ("held_back_s", "state"),
    [
        (300.0, Freshness.FRESH),  # within the slack of 300 s
        (390.0, Freshness.FRESH),  # 90 s beyond it: 3 periods
        (391.0, Freshness.STALE),
        (601.0, Freshness.UNKNOWN),  # 301 s beyond it: more than 10 periods
        (86_400.0, Freshness.UNKNOWN),
    ],
)
def test_a_sample_that_was_kept_back_is_as_old_as_it_says(held_back_s, state):
    assert _state_after(0.0, held_back_s=held_back_s) is state


def test_never_heard_is_unknown():
    judged = judge(FreshnessState.initial(2), np.array([30.0, 1e9]), T0, FRESHNESS)
    assert judged.state.tolist() == [Freshness.UNKNOWN] * 2
    assert judged.time_ns.tolist() == [NEVER] * 2


samples = st.lists(st.tuples(st.integers(0, 3), st.integers(-500, 50), st.integers(0, 20)), min_size=0, max_size=12)


def _envelope(items):
    rows, times, waits = zip(*items, strict=True) if items else ((), (), ())
    time_ns = T0 + np.array(times, dtype=np.int64) * NS
    return envelope(rows, time_ns, received_ns=time_ns + np.array(waits, dtype=np.int64) * NS, seq=range(len(rows)))


@given(samples)
def test_the_newest_by_device_time_is_kept(items):
    heard = hear(FreshnessState.initial(4), _envelope(items))
    for row in range(4):
        mine = [(T0 + time * NS, T0 + (time + wait) * NS, seq) for seq, (r, time, wait) in enumerate(items) if r == row]
        expected = max(mine, default=(NEVER, NEVER, -1))
        assert (heard.time_ns[row], heard.received_ns[row], heard.seq[row]) == expected


@given(samples, st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(items, random):
    head = _envelope(items)
    order = list(range(len(items)))
    random.shuffle(order)
    one, other = hear(FreshnessState.initial(4), head), hear(FreshnessState.initial(4), head.take(np.array(order, int)))
    for name in ("time_ns", "received_ns", "seq"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(samples, samples, st.integers(0, 1000))
def test_a_late_sample_never_makes_fresher(first, late, wait_s):
    before = hear(FreshnessState.initial(4), _envelope(first))
    late = [
        (row, min(time, int((before.time_ns[row] - T0) // NS) - 1 if before.time_ns[row] != NEVER else time), w)
        for row, time, w in late
        if before.time_ns[row] != NEVER
    ]
    after = hear(before, _envelope(late))
    now_ns, period = T0 + wait_s * NS, np.full(4, 30.0)
    was, is_ = judge(before, period, now_ns, FRESHNESS).state, judge(after, period, now_ns, FRESHNESS).state
    assert (is_ <= was).all()


@given(samples, st.integers(0, 2000), st.integers(0, 2000))
def test_silence_never_makes_fresher(items, sooner_s, later_s):
    heard = hear(FreshnessState.initial(4), _envelope(items))
    first, second = sorted((sooner_s, later_s))
    period = np.full(4, 30.0)
    states = [judge(heard, period, T0 + wait * NS, FRESHNESS).state for wait in (first, second)]
    assert (states[1] <= states[0]).all()


def test_a_status_with_a_fresh_picture_is_being_heard_and_one_without_is_not():
    for fresh in (True, False):
        state = report(FreshnessState.initial(1), status(envelope([0]), online=True, fresh=fresh))
        assert bool(state.time_ns[0] == T0) is fresh
        assert state.online[0] == 1


def test_the_status_that_arrived_last_counts_though_its_time_is_older():
    # The last will bears the time of the connect, before everything that was sent since.
    head = envelope([0, 0], [T0, T0 - 3600 * NS], received_ns=[T0, T0 + NS])
    flags = np.array([True, False])
    for order in ([0, 1], [1, 0]):
        state = report(FreshnessState.initial(1), status(head.take(np.array(order)), online=flags[order]))
        assert state.online[0] == 0


def test_offline_is_unknown_until_a_status_says_otherwise():
    state = hear(report(FreshnessState.initial(1), status(envelope([0]), online=False)), envelope([0], T0 + NS))
    assert judge(state, PERIOD, T0 + NS, FRESHNESS).state[0] == Freshness.UNKNOWN
    state = report(state, status(envelope([0], T0 + 2 * NS), online=True))
    assert judge(state, PERIOD, T0 + 2 * NS, FRESHNESS).state[0] == Freshness.FRESH
