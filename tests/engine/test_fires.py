from __future__ import annotations

import time

import numpy as np
import pytest

from engine.findings import HazardLevel, Rule
from engine.fire.fires import FireState, update_fires
from engine.fire.groups import group_sequences
from engine.fire.position import WGS84
from engine.fire.sequences import follow_sequences
from tests.engine.builders import AGAIN, FIRE, NS, T0, bearings, changed, envelope, towers

# A ring of five towers of about 12 km, and a sixth beside the first, on one mast.
_RING = [WGS84.fwd(128.5, 37.5, angle, 12_000.0)[:2] for angle in (0, 72, 144, 216, 288)]
TOWERS = towers([lon for lon, _ in (*_RING, _RING[0])], [lat for _, lat in (*_RING, _RING[0])], sigma_deg=0.3)
FIRE_A, FIRE_B = (128.45, 37.52), (128.56, 37.47)
NOTHING = bearings(envelope([]), [])


def _azimuth(row, place):
    return WGS84.inv(TOWERS.lon_deg[row], TOWERS.lat_deg[row], *place)[0] % 360.0


def _sights(pairs, seconds=0.0, noise_deg=0.0, confidence=0.8, seed=3):
    """Bearings of (tower, place) pairs at one time."""
    error = np.random.default_rng(seed).normal(0, 1, len(pairs)) * noise_deg
    azimuth = [_azimuth(row, place) for row, place in pairs]
    names = [f"p{place[0]:.2f}" for _, place in pairs]
    head = envelope([row for row, _ in pairs], T0 + int(seconds * NS), seq=np.arange(len(pairs)) + int(seconds))
    return bearings(head, np.array(azimuth) + error, sigma_deg=0.3, confidence=confidence, detection=names)


def _update(state, sights, seconds=0.0, thresholds=FIRE):
    return update_fires(state, sights, T0 + int(seconds * NS), TOWERS, thresholds, AGAIN)


def _miss_m(finding, place):
    return WGS84.inv(finding.lon_deg, finding.lat_deg, *place)[2]


def _groups(pairs, **more):
    sequences = follow_sequences((), _sights(pairs, **more), T0, TOWERS, FIRE)
    return group_sequences(sequences, TOWERS, FIRE)


def test_one_tower_gives_a_bearing():
    _, (finding,) = _update(FireState(), _sights([(0, FIRE_A)]))
    assert (finding.rule, finding.level, finding.devices) == (Rule.FIRE_BEARING, HazardLevel.ATTENTION, ("T0",))
    start, end = finding.line
    assert start == (TOWERS.lon_deg[0], TOWERS.lat_deg[0])
    assert WGS84.inv(*start, *end)[2] == pytest.approx(30_000, abs=1)


def test_an_unsure_bearing_says_nothing_until_it_is_repeated():
    state, said = _update(FireState(), _sights([(0, FIRE_A)], confidence=0.4))
    assert said == []
    _, said = _update(state, _sights([(0, FIRE_A)], seconds=30, confidence=0.4), 30)
    assert [finding.confidence for finding in said] == [0.64]


def test_two_towers_give_a_position_and_the_bearing_ends():
    state, (bearing,) = _update(FireState(), _sights([(0, FIRE_A)]))
    state, said = _update(state, _sights([(2, FIRE_A)], seconds=30), 30)
    position, ended = sorted(said, key=lambda finding: not finding.active)
    assert (ended.id, ended.active) == (bearing.id, False)
    assert position.rule is Rule.FIRE_POSITION
    assert position.devices == ("T0", "T2")
    assert position.confidence == 0.96  # 1 - 0.2²
    assert position.level is HazardLevel.ALERT  # by its confidence, above 0.9
    assert _miss_m(position, FIRE_A) < 1.0
    assert {(one.device, one.seq) for one in position.observations} >= {
        (one.device, one.seq) for one in bearing.observations
    }


def test_three_places_are_an_alert_whatever_their_confidence():
    low = changed(FIRE, min_confidence=0.1)
    for rows, level in (([0, 2], HazardLevel.CAUTION), ([0, 2, 3], HazardLevel.ALERT)):
        _, (finding,) = _update(FireState(), _sights([(row, FIRE_A) for row in rows], confidence=0.3), 0, low)
        assert finding.level is level
        assert {line.quantity: line.value for line in finding.receipt}["towers"] == len(rows)


def test_two_on_one_mast_are_one_place():
    low = changed(FIRE, min_confidence=0.1)
    _, said = _update(FireState(), _sights([(0, FIRE_A), (5, FIRE_A)], confidence=0.3), 0, low)
    assert {finding.rule for finding in said} == {Rule.FIRE_BEARING}
    _, (finding,) = _update(FireState(), _sights([(0, FIRE_A), (5, FIRE_A), (2, FIRE_A)], confidence=0.3), 0, low)
    assert finding.devices == ("T0", "T2", "T5")
    assert finding.level is HazardLevel.CAUTION


@pytest.mark.parametrize("seed", range(8))
def test_two_fires_are_told_apart_from_the_ghosts_between_them(seed):
    pairs = [(row, place) for row in range(5) for place in (FIRE_A, FIRE_B)]
    groups = _groups(pairs, noise_deg=0.2, seed=seed)
    assert [group.sites for group in groups] == [5, 5]
    places = [(group.fix.lon_deg, group.fix.lat_deg) for group in groups]
    for fire in (FIRE_A, FIRE_B):
        assert min(WGS84.inv(*place, *fire)[2] for place in places) < 200.0


def test_no_tower_is_twice_in_a_group_and_no_sequence_in_two():
    random = np.random.default_rng(11)
    for _ in range(10):
        pairs = [
            (int(row), (128.5 + lon, 37.5 + lat))
            for row, lon, lat in zip(random.integers(0, 6, 10), *random.uniform(-0.1, 0.1, (2, 10)), strict=True)
        ]
        groups = _groups(pairs)
        used = [one.id for group in groups for one in group.sequences]
        assert len(used) == len(set(used))
        for group in groups:
            rows = [one.row for one in group.sequences]
            assert len(rows) == len(set(rows)) >= 2
        merits = [group.merit for group in groups]
        assert merits[0] == max(merits)


def test_a_smoke_beyond_a_towers_own_range_is_not_its():
    short = towers(TOWERS.lon_deg, TOWERS.lat_deg, sigma_deg=0.3, range_m=5_000.0)
    sequences = follow_sequences((), _sights([(0, FIRE_A), (2, FIRE_A)]), T0, short, FIRE)
    assert group_sequences(sequences, short, FIRE) == []


def test_bearings_either_side_of_north_meet():
    table = towers([128.49, 128.51, 128.7], [37.4, 37.4, 37.5], sigma_deg=0.3)
    azimuth = [WGS84.inv(lon, lat, 128.5, 37.5)[0] for lon, lat in zip(table.lon_deg, table.lat_deg, strict=True)]
    assert azimuth[0] > 0 > azimuth[1]
    sights = bearings(envelope([0, 1, 2]), np.array(azimuth), sigma_deg=0.3)
    _, (finding,) = update_fires(FireState(), sights, T0, table, FIRE, AGAIN)
    assert finding.devices == ("T0", "T1", "T2")
    assert _miss_m(finding, (128.5, 37.5)) < 1.0


def test_a_fire_keeps_its_name_while_sequences_come_and_go():
    state, said = _update(FireState(), _sights([(0, FIRE_A), (2, FIRE_A)]))
    name = said[0].id
    history = [[(3, FIRE_A), (2, FIRE_A)], [(3, FIRE_A), (4, FIRE_A)], [(4, FIRE_A), (1, FIRE_A)]]
    for turn, pairs in enumerate(history, start=1):
        # 400 s apart with a window of 600 s: each sequence outlives one turn without being seen
        state, said = _update(state, _sights(pairs, seconds=400 * turn), 400 * turn)
        assert {finding.id for finding in said if finding.rule is Rule.FIRE_POSITION} == {name}
        assert all(finding.active for finding in said if finding.rule is Rule.FIRE_POSITION)
    state, said = _update(state, NOTHING, 400 * 3 + 600)
    assert [(finding.id, finding.active) for finding in said] == [(name, False)]
    assert state == FireState()


def test_two_fires_that_were_one_have_two_names():
    near = (128.452, 37.52)
    state, said = _update(FireState(), _sights([(row, FIRE_A) for row in (0, 1, 2, 3)]))
    assert len(said) == 1
    state, said = _update(state, _sights([(row, FIRE_B) for row in (0, 1, 2, 3)] + [(4, near)], seconds=30), 30)
    active = [finding for finding in state.findings if finding.rule is Rule.FIRE_POSITION]
    assert len(active) == len({finding.id for finding in active}) == 2


def test_a_sequence_that_named_a_fire_and_left_it_does_not_name_another():
    state = FireState(members=(("fire-T0-x", ("T1-p", "T2-p")),))
    sights = _sights([(1, FIRE_A), (2, FIRE_A), (4, FIRE_A), (0, FIRE_B), (3, FIRE_B)])
    sights = bearings(sights.envelope, sights.azimuth_deg, sigma_deg=0.3, detection=["p", "p", "p", "x", "x"])
    state, said = _update(state, sights)
    names = {finding.id: finding.devices for finding in said}
    assert names["fire-T0-x"] == ("T1", "T2", "T4")
    assert set(names) == {"fire-T0-x", f"fire-T0-x-{T0 // 1_000_000}"}


def test_what_hardly_moved_is_not_said_before_its_turn():
    state, _ = _update(FireState(), _sights([(0, FIRE_A), (2, FIRE_A)]))
    state, said = _update(state, _sights([(0, FIRE_A)], seconds=30), 30)
    assert said == []
    _, said = _update(state, _sights([(0, FIRE_A)], seconds=60), 60)
    assert len(said) == 1


def test_nothing_new_and_nothing_due_changes_nothing():
    state, _ = _update(FireState(), _sights([(0, FIRE_A), (2, FIRE_A)]))
    assert _update(state, NOTHING, 10) == (state, [])


def test_the_order_within_a_batch_does_not_matter():
    pairs = [(row, place) for row in range(6) for place in (FIRE_A, FIRE_B)]
    sights = _sights(pairs, noise_deg=0.2)
    expected = _update(FireState(), sights)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(pairs))
        mixed = bearings(
            sights.envelope.take(order),
            sights.azimuth_deg[order],
            sigma_deg=0.3,
            detection=[sights.detection[place] for place in order],
        )
        assert _update(FireState(), mixed) == expected


def test_only_the_newest_sequences_are_paired():
    few = changed(FIRE, max_sequences=2)
    state, _ = _update(FireState(), _sights([(0, FIRE_A), (2, FIRE_A)]), 0, few)
    _, said = _update(state, _sights([(1, FIRE_A), (3, FIRE_A)], seconds=30), 30, few)
    (position,) = [finding for finding in said if finding.rule is Rule.FIRE_POSITION and finding.active]
    assert position.devices == ("T1", "T3")


def test_a_full_house_is_grouped(record_property):
    """24 towers that all see one fire are the most that is paired; how long it takes is for the report."""
    ring = [WGS84.fwd(128.5, 37.5, 15.0 * place, 15_000.0)[:2] for place in range(24)]
    table = towers([lon for lon, _ in ring], [lat for _, lat in ring], sigma_deg=0.3)
    azimuth = [WGS84.inv(lon, lat, *FIRE_A)[0] for lon, lat in ring] + np.random.default_rng(1).normal(0, 0.3, 24)
    sequences = follow_sequences((), bearings(envelope(range(24)), azimuth, sigma_deg=0.3), T0, table, FIRE)
    started = time.perf_counter()
    (group,) = group_sequences(sequences, table, FIRE)
    elapsed_s = time.perf_counter() - started
    print(f"24 towers, one fire: {elapsed_s * 1000:.0f} ms")
    record_property("group_ms", round(elapsed_s * 1000))
    assert group.sites >= 23
