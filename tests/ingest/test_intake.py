"""Whatever comes in waits in bounded queues; what may gives way, and is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.inbox import OVERHEAD_BYTES, Arrived, Inbox
from ingest.intake import HAZARDS, TELEMETRY
from ingest.mqtt.session import Incoming, OversizePublish
from sensors.columns import to_ns
from tests.alerts.making import NOW, later
from tests.ingest.making import Clock, intake, message, slope_message, vds

ONE = OVERHEAD_BYTES + 100


def sized(number: int, qos: int = 0) -> Incoming:
    return message("gwanje/v1/1/vds/x/obs", b"x" * 100, qos=qos, packet_id=number if qos else 0)


def test_messages_keep_their_arrival_and_session() -> None:
    clock = Clock()
    taking = intake(clock)
    taking.take_hazards([slope_message()])
    clock.now = later(3)
    taking.take_telemetry([vds(), vds(seq=2)])
    taking.take_oversize(OversizePublish("t", 5_000_000, 1, 4, 1), TELEMETRY)
    hazards, telemetry = taking.hazard.take(), taking.telemetry.take()
    assert [(one.received_ns, one.lane, len(one.messages)) for one in hazards] == [
        (to_ns(NOW), HAZARDS, 1),
        (to_ns(later(3)), TELEMETRY, 1),
    ]
    assert [(one.received_ns, one.lane, len(one.messages)) for one in telemetry] == [(to_ns(later(3)), TELEMETRY, 2)]
    assert taking.counters.messages == 4


def test_too_much_telemetry_lets_the_oldest_go_but_nothing_that_waits_for_its_acknowledgement() -> None:
    taking = intake(telemetry_bytes=10 * ONE)
    for number in range(1, 16):
        taking.take_telemetry([sized(number, qos=number % 5 == 1)])
    assert taking.counters.telemetry_dropped == 5
    left = [message for one in taking.telemetry for message in one.messages]
    assert [one.packet_id for one in left if one.qos] == [1, 6, 11]
    assert len(left) == len(taking.telemetry) == 10
    assert not taking.telemetry.is_full
    careful = intake(telemetry_bytes=10 * ONE)
    careful.take_telemetry([sized(number, qos=1) for number in range(1, 16)])
    assert (len(careful.telemetry), careful.counters.telemetry_dropped) == (15, 0)
    assert careful.telemetry.is_full


def test_a_queue_is_full_of_what_may_not_go() -> None:
    taking = intake(telemetry_bytes=10 * ONE)
    taking.take_telemetry([sized(number, qos=1) for number in range(1, 11)])
    assert not taking.telemetry.is_full
    taking.take_telemetry([sized(11, qos=1)])
    assert taking.telemetry.is_full
    taking.telemetry.take()
    assert (taking.telemetry.size_bytes, taking.telemetry.is_full, taking.telemetry.oldest_ns) == (0, False, None)


def test_hazards_are_never_let_go() -> None:
    taking = intake(hazard_bytes=ONE)
    taking.take_hazards([sized(number) for number in range(50)])
    assert len(taking.hazard) == 50
    assert taking.hazard.is_full


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=4), max_size=12),
    st.lists(st.integers(0, 5) | st.none(), max_size=12),
)
def test_an_inbox_gives_everything_in_order_and_knows_what_it_holds(
    groups: list[list[bool]], takes: list[int | None]
) -> None:
    box = Inbox(10**9)
    numbers = iter(range(1, 1_000))
    for group in groups:
        box.put(Arrived([sized(next(numbers), qos) for qos in group], 0, TELEMETRY))
    expected = [one for arrived in box for one in arrived.messages]
    given_out = []
    for most in takes:
        if most is None:
            one = box.take_one()
            given_out += [] if one is None else one.messages
        else:
            part = box.take(most * ONE)
            assert sum(one.size_bytes for one in part) <= most * ONE or len(part) == 1
            given_out += [one for arrived in part for one in arrived.messages]
        assert box.size_bytes == sum(one.size_bytes for one in box)
        assert len(box) == sum(len(one.messages) for one in box)
    given_out += [one for arrived in box.take() for one in arrived.messages]
    assert given_out == expected
    assert (len(box), box.size_bytes) == (0, 0)


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=4), max_size=12), st.integers(0, 12))
def test_making_room_keeps_the_order_and_all_that_waits_for_an_answer(groups: list[list[int]], room: int) -> None:
    box = Inbox(room * ONE)
    numbers = iter(range(1, 1_000))
    for group in groups:
        box.put(Arrived([sized(next(numbers), qos) for qos in group], 0, TELEMETRY))
    before = [one for arrived in box for one in arrived.messages]
    gone = box.make_room()
    after = [one for arrived in box for one in arrived.messages]
    assert len(after) == len(before) - gone == len(box)
    kept = iter(before)
    assert all(any(one is other for other in kept) for one in after)
    assert [one for one in after if one.qos] == [one for one in before if one.qos]
    assert box.size_bytes == sum(one.size_bytes for one in box)
    assert box.size_bytes <= room * ONE or all(one.qos for one in after)
