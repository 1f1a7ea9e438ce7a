from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.codec import decode, encode
from sensors.observations import CellAck, CellBroadcast, DeviceStatus
from sensors.registry import Registry
from simulators.devices.broadcast import MOST_ANSWERS, MOST_ON_AIR, MOST_RECEPTIONS, CellBroadcastCentre, Reception
from simulators.devices.endpoint import Outbound, Timebase
from simulators.devices.faults import FaultTable
from simulators.world.happenings import DeviceFault
from simulators.world.people import People
from tests.simulators.receivers.masts import region_with_masts

REGION = region_with_masts()
REGISTRY = Registry.from_catalogue(REGION)
NOW = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)
DISTRICT = "99110"
DEVICE = f"cbc-{DISTRICT}"
TOPIC = f"gwanje/v1/{DISTRICT}/cell/{DEVICE}/command"
OWN = [cell.id for cell in REGION.cells if cell.district == DISTRICT]
SERIAL = (1 << 14) | (9 << 4)


def centre(*faults: DeviceFault, seed: int = 1, people: People | None = None) -> CellBroadcastCentre:
    people = people or People(REGION, 1, 1_000)
    return CellBroadcastCentre(
        DISTRICT, people, Timebase(NOW), FaultTable(faults, 1), seed, lambda time_s: 3 * 3600.0 + time_s
    )


def later(at_s: float) -> datetime:
    return NOW + timedelta(seconds=at_s)


def command(message: str = "m1", **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "message_id": 4371, "serial": SERIAL, "language": "ko", "text": "대피하십시오", "repetition_s": 30.0,
        "broadcasts": 10,
    }  # fmt: skip
    return encode(CellBroadcast(device=DEVICE, time=NOW, seq=1, message=message, **(fields | changes)))


def read(answers: list[Outbound]) -> list[Any]:
    decoded = [decode(answer.topic, answer.payload) for answer in answers]
    for one in decoded:
        REGISTRY.check_centre(one.topic, one.messages[0].device)
    return [one.messages[0] for one in decoded]


def ack(answers: list[Outbound]) -> CellAck:
    (message,) = read(answers)
    assert isinstance(message, CellAck)
    return message


def reached(receptions: list[Reception]) -> float:
    return sum(sum(one.phones.values()) for one in receptions)


def sound() -> CellBroadcastCentre:
    """A centre none of whose cells is out of service."""
    return next(one for one in (centre(seed=seed) for seed in range(50)) if not one._broken.any())


def test_a_message_goes_on_air_at_once_and_is_repeated_as_often_as_asked() -> None:
    device = sound()
    answer = ack(device.receive(TOPIC, command(), later(100)))
    assert (answer.message, answer.cells_ok, answer.cells_failed, answer.reason) == ("m1", len(OWN), (), None)
    for at_s in range(101, 600):
        device.due(float(at_s))
    receptions = device.take_receptions()
    assert [one.time_s for one in receptions] == [100.0 + 30 * turn for turn in range(10)]
    served = device.people.count(np.isin(device.people.cells_of(3 * 3600), np.flatnonzero(device._mine)))
    assert sum(receptions[0].phones.values()) == pytest.approx(0.96 * served, rel=0.03)
    assert set(receptions[0].phones) <= set(OWN)
    assert receptions[1].phones == {}
    assert receptions[1].repeated == pytest.approx(sum(receptions[0].phones.values()))
    assert device.take_receptions() == []


def test_who_was_off_hears_a_later_repetition() -> None:
    device = sound()
    device.receive(TOPIC, command(repetition_s=60.0, broadcasts=40), later(0))
    device.due(2_400.0)
    receptions = device.take_receptions()
    assert [one.time_s for one in receptions if one.phones] == [0.0, 1800.0]


def test_it_ends_when_it_expires() -> None:
    device = sound()
    device.receive(TOPIC, command(broadcasts=None, expires=later(200)), later(100))
    device.due(1_000.0)
    assert [one.time_s for one in device.take_receptions()] == [100.0, 130.0, 160.0, 190.0]


def test_named_cells_only_send_and_unknown_ones_are_named_as_failed() -> None:
    device = sound()
    cells = [OWN[0], "c11-0", OWN[4], "nowhere", OWN[0]]
    answer = ack(device.receive(TOPIC, command(cells=cells), NOW))
    assert (answer.cells_ok, answer.cells_failed) == (2, ("c11-0", "nowhere"))
    assert answer.reason == "c11-0: expected a cell of the district, and 1 more"
    (reception,) = device.take_receptions()
    assert set(reception.phones) == {OWN[0], OWN[4]}


def test_a_cell_out_of_service_fails_and_its_phones_hear_nothing() -> None:
    broken = next(one for one in (centre(seed=seed) for seed in range(200)) if one._broken.sum() == 1)
    (name,) = [broken.people.sectors.ids[cell] for cell in np.flatnonzero(broken._broken)]
    answer = ack(broken.receive(TOPIC, command(), NOW))
    assert (answer.cells_ok, answer.cells_failed) == (len(OWN) - 1, (name,))
    assert answer.reason == f"{name}: out of service"
    (reception,) = broken.take_receptions()
    assert name not in reception.phones
    (status,) = read(broken.hello(NOW))
    assert status.fault == f"1 of {len(OWN)} cells out of service"


def test_a_faulty_cell_is_silent_for_its_time_and_its_phones_hear_the_repetitions() -> None:
    name = OWN[2]
    device = centre(DeviceFault(name, "dropout", 0.0, 50.0), people=People(REGION, 1, 4_000))
    answer = ack(device.receive(TOPIC, command(), NOW))
    assert name in answer.cells_failed
    device.due(100.0)
    first, second, third, fourth = device.take_receptions()
    assert name not in first.phones
    assert second.phones == fourth.phones == {}
    assert set(third.phones) == {name}


def test_a_change_takes_the_place_of_what_it_updates_and_is_shown_again() -> None:
    device = sound()
    device.receive(TOPIC, command(), NOW)
    assert ack(device.receive(TOPIC, command("m2", serial=SERIAL + 1), later(10))).cells_ok == len(OWN)
    device.due(100.0)
    receptions = device.take_receptions()
    assert [(one.message, one.time_s) for one in receptions] == [
        ("m1", 0.0), ("m2", 10.0), ("m2", 40.0), ("m2", 70.0), ("m2", 100.0),
    ]  # fmt: skip
    assert receptions[0].phones == receptions[1].phones != {}


def test_a_change_of_some_cells_leaves_the_others_on_air() -> None:
    device = sound()
    device.receive(TOPIC, command(), NOW)
    device.receive(TOPIC, command("m2", serial=SERIAL + 1, cells=OWN[:3]), later(10))
    device.due(35.0)
    by_message = {one.message: one for one in device.take_receptions() if one.time_s > 0}
    assert set(by_message["m2"].phones) == set(OWN[:3])
    assert by_message["m1"].repeated > 0


def test_a_cancel_ends_it_in_the_named_cells_or_in_all() -> None:
    device = sound()
    device.receive(TOPIC, command(), NOW)
    off = {"cancel": True, "text": "", "broadcasts": None}
    assert ack(device.receive(TOPIC, command("m2", cells=OWN[:3], **off), later(5))).cells_ok == 3
    assert ack(device.receive(TOPIC, command("m3", **off), later(6))).cells_ok == len(OWN) - 3
    nothing = ack(device.receive(TOPIC, command("m4", **off), later(7)))
    assert nothing.cells_ok == 0
    assert nothing.reason == f"expected a message on air, was none with serial {SERIAL}"
    device.due(200.0)
    assert [one.time_s for one in device.take_receptions()] == [0.0]
    assert ack(device.receive(TOPIC, command("m5"), later(210))).cells_ok == len(OWN)


def test_the_same_command_again_is_answered_again_and_starts_nothing() -> None:
    device = sound()
    first = ack(device.receive(TOPIC, command(broadcasts=1), NOW))
    again = ack(device.receive(TOPIC, command(broadcasts=1), later(40)))
    assert (again.message, again.cells_ok, again.cells_failed) == (first.message, first.cells_ok, first.cells_failed)
    assert again.seq > first.seq
    assert len(device.take_receptions()) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": ""}, "text: expected words, was empty"),
        ({"broadcasts": None}, "broadcasts: expected a number, or a time in expires, was neither"),
        (
            {"expires": later(0)},
            "expires: expected a time after 2026-04-11T01:30:00+00:00, was 2026-04-11T01:30:00+00:00",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    device = sound()
    answer = ack(device.receive(TOPIC, command(**changes), NOW))
    assert (answer.cells_ok, answer.reason) == (0, reason)
    device.due(100.0)
    assert device.take_receptions() == []
    assert ack(device.receive(TOPIC, command(), later(100))).cells_ok == len(OWN)


def test_one_serial_number_is_on_air_once_and_messages_on_air_are_bounded() -> None:
    device = sound()
    device.receive(TOPIC, command(), NOW)
    assert (
        ack(device.receive(TOPIC, command("m2"), NOW)).reason
        == f"serial: expected one that is not on air, was {SERIAL}"
    )
    for number in range(1, MOST_ON_AIR):
        assert ack(device.receive(TOPIC, command(f"n{number}", serial=SERIAL + 16 * number), NOW)).cells_ok
    full = ack(device.receive(TOPIC, command("z", serial=SERIAL + 16 * MOST_ON_AIR), NOW))
    assert full.reason == f"message: expected at most {MOST_ON_AIR} on air, was one more"


def test_what_nobody_takes_and_old_answers_give_way() -> None:
    device = centre(people=People(REGION, 1, 20))
    device.receive(TOPIC, command(repetition_s=1.0, broadcasts=MOST_RECEPTIONS + 5), NOW)
    device.due(float(MOST_RECEPTIONS + 10))
    assert device.receptions_dropped == 5
    assert len(device.take_receptions()) == MOST_RECEPTIONS
    for number in range(MOST_ANSWERS + 5):
        device.receive(TOPIC, command(f"n{number}", cancel=True), later(MOST_RECEPTIONS + 11))
    assert len(device._answered) == MOST_ANSWERS


@pytest.mark.parametrize("kind", ["silent", "dropout"])
def test_a_centre_that_is_away_answers_nothing_but_its_cells_go_on(kind: str) -> None:
    device = centre(DeviceFault(DEVICE, kind, 10.0, 200.0))  # type: ignore[arg-type]
    device.receive(TOPIC, command(), NOW)
    assert device.receive(TOPIC, command("m2", serial=SERIAL + 1), later(50)) == []
    assert device.due(190.0) == []
    assert device.hello(later(50)) == device.goodbye(later(50)) == []
    assert {one.message for one in device.take_receptions()} == {"m1"}
    assert ack(device.receive(TOPIC, command("m2", serial=SERIAL + 1), later(200))).cells_ok > 0


def test_a_centre_out_of_order_refuses_and_takes_the_same_command_later() -> None:
    device = centre(DeviceFault(DEVICE, "refuse", 0.0, 100.0))
    answer = ack(device.receive(TOPIC, command(), NOW))
    assert (answer.cells_ok, answer.reason) == (0, "centre fault: expected a sound centre, was out of order")
    assert ack(device.receive(TOPIC, command(), later(100))).cells_ok > 0


def test_status_will_and_what_cannot_be_read() -> None:
    device = sound()
    (status,) = read(device.hello(NOW))
    assert (status.online, status.fault) == (True, None)
    will = device.will(NOW)
    assert will is not None
    assert (will.retain, will.qos) == (True, 1)
    assert read([will])[0].online is False
    (complaint,) = read(device.receive(TOPIC, b"{}", NOW))
    assert complaint.fault == "command not understood: device: expected a value, was missing"
    assert [m.fault for m in read(device.due(60.0))] == [complaint.fault]
    cleared, answer = read(device.receive(TOPIC, command(), later(61)))
    assert isinstance(cleared, DeviceStatus)
    assert cleared.fault is None
    assert isinstance(answer, CellAck)
    assert read(device.goodbye(later(70)))[0].online is False
    assert len(device.due(600.0)) == 1


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 120),
            st.integers(0, 3),
            st.lists(st.sampled_from([*OWN, "c11-0"]), min_size=1, max_size=8) | st.none(),
            st.integers(1, 6),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 97),
)
def test_the_step_of_the_calls_changes_nothing_and_nobody_outside_is_reached(
    orders: list[tuple[int, int, list[str] | None, int, bool]], tick_s: int
) -> None:
    def play(tick_s: int) -> tuple[list[Reception], list[bytes]]:
        device, said, at_s, then = centre(), [], 0, 0
        for number, (wait_s, update, cells, broadcasts, cancel) in enumerate(orders):
            then += wait_s
            while at_s + tick_s <= then:
                at_s += tick_s
                device.due(float(at_s))
            payload = command(f"m{number}", serial=SERIAL | update, cells=cells, broadcasts=broadcasts, cancel=cancel)
            said += [one.payload for one in device.receive(TOPIC, payload, later(then)) if one.topic.endswith("ack")]
        device.due(float(then + 400))
        return device.take_receptions(), said

    receptions, said = play(tick_s)
    other_receptions, other_said = play(1)
    assert receptions == other_receptions
    assert [b.partition(b"seq")[2].partition(b",")[2] for b in said] == [
        b.partition(b"seq")[2].partition(b",")[2] for b in other_said
    ]
    assert [one.time_s for one in receptions] == sorted(one.time_s for one in receptions)
    assert {cell for one in receptions for cell in one.phones} <= set(OWN)
    people = People(REGION, 1, 1_000)
    for serial in {one.serial for one in receptions}:
        total = reached([one for one in receptions if one.serial == serial])
        assert total <= people.count(np.ones(len(people), dtype=np.bool_)) + 1e-6
