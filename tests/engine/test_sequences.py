from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.fire.sequences import follow_sequences
from tests.engine.builders import FIRE, NS, T0, bearings, envelope, towers

TOWERS = towers([128.0, 128.2], [37.0, 37.0], sigma_deg=0.4)
WINDOW_NS = int(FIRE.window_s.value * NS)
NOTHING = bearings(envelope([]), [])


def _see(azimuth, *, row=0, seconds=0.0, before=(), now_s=None, **more):
    azimuth = np.atleast_1d(np.asarray(azimuth, dtype=np.float64))
    seconds = np.broadcast_to(np.asarray(seconds, dtype=np.float64), azimuth.shape)
    rows = np.broadcast_to(row, azimuth.shape)
    head = envelope(rows, T0 + (seconds * NS).astype(np.int64), seq=more.pop("seq", None))
    now_ns = int(head.time_ns.max()) if now_s is None else T0 + int(now_s * NS)
    return follow_sequences(before, bearings(head, azimuth, **more), now_ns, TOWERS, FIRE)


def test_bearings_on_both_sides_of_north_are_one_sequence():
    (one,) = _see([359.5, 0.5, 0.0])
    assert min(one.azimuth_deg, 360 - one.azimuth_deg) == pytest.approx(0.0, abs=1e-9)
    assert 0.0 <= one.azimuth_deg < 360.0
    assert one.count == 3


def test_the_mean_is_weighted_by_precision():
    # sigma 1 and 0.5 weigh 1 and 4: 10 + 4/5 * 1 = 10.8
    (one,) = _see([10.0, 11.0], sigma_deg=[1.0, 0.5])
    assert one.azimuth_deg == pytest.approx(10.8, abs=1e-4)


def test_a_tower_claims_no_better_than_its_mount():
    (one,) = _see([10.0], sigma_deg=0.1)
    assert one.sigma_deg(0.4) == pytest.approx(0.4)


@pytest.mark.parametrize("count", [1, 4, 25, 400])
def test_the_error_of_the_mount_does_not_average_out(count):
    # single bearings of sigma 0.5 with a mount of 0.4: √(0.16 + 0.09/n), however many are remembered
    sequence = ()
    for place in range(count):
        sequence = _see([10.0], seconds=float(place), before=sequence)
    (one,) = sequence
    assert one.sigma_deg(0.4) == pytest.approx(np.sqrt(0.16 + 0.09 / count))
    assert len(one.observations) == min(count, 20)


def test_the_given_sigma_is_the_error_of_the_mean():
    """Monte Carlo, 800 towers with a mount of 0.4 deg, 6 bearings each of 0.5 deg together: rms within 6 %."""
    random, n = np.random.default_rng(5), 6
    errors = []
    for _ in range(800):
        azimuth = 90 + random.normal(0, 0.4) + random.normal(0, 0.3, n)
        (one,) = _see(np.clip(azimuth, 88.6, 91.4), seconds=np.arange(n))
        errors.append(one.azimuth_deg - 90)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.sqrt(0.16 + 0.09 / n), rel=0.06)


def test_another_direction_or_tower_is_another_sequence():
    assert len(_see([10.0, 13.0])) == 1  # 3 deg, not above
    assert len(_see([10.0, 13.1])) == 2
    assert len(_see([10.0, 10.0], row=[0, 1])) == 2


def test_doubt_is_the_product():
    (one,) = _see([10.0, 10.0], confidence=[0.5, 0.8])
    assert one.confidence == pytest.approx(0.9)


def test_silence_ends_a_sequence():
    sequence = _see([10.0])
    assert follow_sequences(sequence, NOTHING, T0 + WINDOW_NS - 1, TOWERS, FIRE) == sequence
    assert follow_sequences(sequence, NOTHING, T0 + WINDOW_NS, TOWERS, FIRE) == ()


def test_a_bearing_that_comes_too_late_begins_nothing():
    assert _see([10.0], now_s=WINDOW_NS / NS) == ()


def test_names_stay_apart_when_a_device_uses_one_twice():
    first, second = _see([10.0, 50.0], detection=["s0", "s0"], seq=[4, 5])
    assert (first.id, second.id) == ("T0-s0", "T0-s0-5")


seen = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 300), st.floats(0, 360), st.floats(0.1, 3), st.floats(0, 1)),
    min_size=1,
    max_size=10,
)


@settings(max_examples=40)
@given(seen, st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(items, random):
    columns = [np.array(column) for column in zip(*items, strict=True)]
    order = list(range(len(items)))

    def followed(which):
        rows, seconds, azimuth, sigma, confidence = (column[which] for column in columns)
        names = [f"s{place}" for place in which]
        return _see(
            azimuth, row=rows, seconds=seconds, sigma_deg=sigma, confidence=confidence, seq=which, detection=names
        )

    straight = followed(order)
    random.shuffle(order)
    assert followed(order) == straight
    assert len({one.id for one in straight}) == len(straight)
    assert sum(one.count for one in straight) == len(items)
