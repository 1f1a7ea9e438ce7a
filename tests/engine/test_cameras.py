from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.findings import HazardLevel
from engine.traffic.cameras import EVENT_LEVELS, follow_camera_events
from sensors.observations import CctvEventKind
from tests.engine.builders import AGAIN, NS, T0, TRAFFIC, camera_events, envelope, points

CAMERAS = points(3, "C")
HOLD_NS = int(TRAFFIC.camera_hold_s.value * NS)


def _follow(tracks, events, now_ns):
    return follow_camera_events(tracks, events, now_ns, CAMERAS, TRAFFIC, AGAIN)


def _event(seconds=0.0, kind="stopped_vehicle", confidence=0.8, lane=0, camera=1, seq=0):
    return camera_events(envelope([camera], T0 + int(seconds * NS), seq=[seq]), [kind], confidence, lane)


def test_every_kind_of_event_has_a_level():
    assert set(EVENT_LEVELS) == set(CctvEventKind.__args__)


def test_a_sure_report_speaks_at_once_and_ends_with_the_hold():
    tracks, (finding,) = _follow((), _event(lane=2), T0)
    assert (finding.level, finding.detail, finding.devices) == (HazardLevel.CAUTION, "stopped_vehicle", ("C1",))
    assert finding.confidence == 0.8
    assert [(line.quantity, line.value) for line in finding.receipt] == [
        ("confidence", 0.8),
        ("reports", 1),
        ("lane", 2),
    ]
    assert _follow(tracks, camera_events(envelope([]), ()), T0 + HOLD_NS - 1) == (tracks, [])
    tracks, (closed,) = _follow(tracks, camera_events(envelope([]), ()), T0 + HOLD_NS)
    assert (tracks, closed.id, closed.active) == ((), finding.id, False)


def test_unsure_reports_add_up():
    # 0.4 is below 0.6; two make 1 - 0.6² = 0.64
    tracks, said = _follow((), _event(0, confidence=0.4), T0)
    assert said == []
    _, (finding,) = _follow(tracks, _event(5, confidence=0.4, seq=1), T0 + 5 * NS)
    assert finding.confidence == 0.64
    assert finding.onset_ns == T0


def test_kinds_and_cameras_are_told_apart():
    head = envelope([0, 0, 1], T0)
    _, said = _follow((), camera_events(head, ["smoke", "debris", "smoke"], 0.9), T0)
    assert sorted((finding.subject, finding.detail) for finding in said) == [
        ("C0", "debris"),
        ("C0", "smoke"),
        ("C1", "smoke"),
    ]


def test_it_is_said_again_when_seen_again_and_due():
    tracks, _ = _follow((), _event(0), T0)
    tracks, said = _follow(tracks, _event(30, seq=1), T0 + 30 * NS)
    assert said == []
    tracks, (again,) = _follow(tracks, _event(61, seq=2), T0 + 61 * NS)
    # 1 - 0.2³ = 0.992 if the reports were independent; one camera is believed up to 0.9.
    assert again.confidence == 0.9
    assert [seen.seq for seen in again.observations] == [0, 1, 2]


def test_reports_are_counted_beyond_the_observations_that_are_kept():
    many = camera_events(envelope([1] * 30, T0 + np.arange(30) * NS), ["queue"] * 30, 0.5)
    _, (finding,) = _follow((), many, T0 + 30 * NS)
    assert len(finding.observations) == 20
    assert {line.quantity: line.value for line in finding.receipt}["reports"] == 30
    assert finding.confidence == 0.9


def test_a_report_that_comes_too_late_says_nothing():
    assert _follow((), _event(0), T0 + HOLD_NS) == ((), [])


events = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 100), st.sampled_from(["smoke", "queue"]), st.floats(0, 1)),
    min_size=1,
    max_size=10,
)


@given(events, st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(items, random):
    order = list(range(len(items)))
    rows, times, kinds, confidence = (np.array(column) for column in zip(*items, strict=True))

    def said(which):
        head = envelope(rows[which], T0 + times[which] * NS, seq=np.array(which))
        return _follow((), camera_events(head, kinds[which].tolist(), confidence[which]), T0 + 100 * NS)

    straight = said(order)
    random.shuffle(order)
    assert said(order) == straight


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_confidence_at_its_ends(confidence):
    tracks, said = _follow((), _event(confidence=confidence), T0)
    assert len(tracks) == 1
    assert [finding.confidence for finding in said] == ([0.9] if confidence else [])
