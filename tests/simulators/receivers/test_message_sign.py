from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.codec import decode, encode
from sensors.observations import DeviceStatus, SignAck, SignCommand
from simulators.devices.advice import DriversEyes
from simulators.devices.endpoint import Outbound, Timebase
from simulators.devices.faults import FaultTable
from simulators.devices.message_sign import REFUSES, MessageSign
from simulators.devices.multi import why_not_shown
from simulators.world.happenings import DeviceFault
from tests.simulators.region import small_region

REGION = small_region()
NOW = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)
SIGN = REGION.sign[0]
TOPIC = f"gwanje/v1/{SIGN.district}/sign/{SIGN.id}/command"
EYES = DriversEyes.of(REGION)


def sign(*faults: DeviceFault) -> MessageSign:
    return MessageSign(SIGN, 0, Timebase(NOW), FaultTable(faults, 1), EYES)


def fault(kind: str, value: float = 0.0, from_s: float = 100.0, until_s: float = 500.0) -> DeviceFault:
    return DeviceFault(SIGN.id, kind, from_s, until_s, value)  # type: ignore[arg-type]


def later(at_s: float) -> datetime:
    return NOW + timedelta(seconds=at_s)


def command(multi: str = "[jp3]사고[nl]우회", *, message: str = "m1", expires_s: float = 3_600.0) -> bytes:
    return encode(
        SignCommand(
            device=SIGN.id, time=NOW, seq=1, message=message, multi=multi, priority=80, expires=later(expires_s)
        )
    )


def read(answers: list[Outbound]) -> list[SignAck | DeviceStatus]:
    return [message for answer in answers for message in decode(answer.topic, answer.payload).messages]  # type: ignore[misc]


def ack(answers: list[Outbound]) -> SignAck:
    (message,) = read(answers)
    assert isinstance(message, SignAck)
    return message


def statuses(device: MessageSign, until_s: int, from_s: int = 0) -> dict[float, DeviceStatus]:
    found = [message for at_s in range(from_s, until_s) for message in read(device.due(float(at_s)))]
    return {(m.time - NOW).total_seconds(): m for m in found if isinstance(m, DeviceStatus)}


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 60),
            st.sampled_from(["", "사고", "사고[nl", "a[nl]b[nl]c[nl]d[nl]e", "[jp3]우회"]),
            st.integers(-50, 400),
        ),
        max_size=8,
    )
)
def test_a_sound_sign_shows_what_it_can_until_its_time_is_over(steps: list[tuple[int, str, int]]) -> None:
    device, at_s = sign(), 0
    face, message, until_s = "", "", 0.0
    for number, (wait_s, multi, lasts_s) in enumerate(steps):
        at_s += wait_s
        answers = [one for one in read(device.due(float(at_s))) if isinstance(one, SignAck)]
        if face and until_s <= at_s:
            face = ""
            assert [(one.message, one.shown, one.multi) for one in answers] == [(message, False, "")]
        else:
            assert answers == []
        payload = command(multi, message=f"m{number}", expires_s=at_s + lasts_s)
        answer = ack(device.receive(TOPIC, payload, later(at_s)))
        if lasts_s > 0 and why_not_shown(multi, SIGN.height_px) is None:
            face, message, until_s = multi, f"m{number}", at_s + lasts_s
        told = (answer.message, answer.time, answer.shown, answer.multi, answer.pixel_errors)
        assert told == (f"m{number}", later(at_s), answer.reason is None, face, 0)
        assert answer.shown == (message == f"m{number}" or (multi == "" and lasts_s > 0))
        assert device.face == face


def test_it_has_its_own_connection_and_says_when_it_comes_and_goes() -> None:
    device = sign()
    assert (device.client_id, device.filters) == (SIGN.id, (TOPIC,))
    will = device.will(NOW)
    assert will is not None
    said = read([will, *device.hello(later(1)), *device.goodbye(later(2))])
    assert [(one.online, one.fault) for one in said] == [(False, "connection lost"), (True, None), (False, None)]
    assert [one.seq for one in said] == sorted({one.seq for one in said})
    assert [(m.online, m.fault) for m in statuses(sign(), 200).values()] == [(True, None)] * 4


def test_what_is_not_understood_is_a_fault_until_something_is() -> None:
    device = sign()
    (complaint,) = read(device.receive(TOPIC, b"{", later(5)))
    assert isinstance(complaint, DeviceStatus)
    assert (complaint.fault or "").startswith("command not understood: ")
    cleared, answer = read(device.receive(TOPIC, command(), later(6)))
    assert (cleared.fault, answer.shown) == (None, True)  # type: ignore[union-attr]


def test_faults_of_others_change_nothing() -> None:
    alone = sign()
    among = sign(*(DeviceFault(REGION.sign[1].id, kind, 0.0, 1e9, 0.5) for kind in ("refuse", "silent", "dead_pixels")))
    for at_s in range(0, 200, 7):
        assert among.due(float(at_s)) == alone.due(float(at_s))
        payload = command(message=f"m{at_s}", expires_s=at_s + 10)
        assert among.receive(TOPIC, payload, later(at_s)) == alone.receive(TOPIC, payload, later(at_s))


def test_one_that_refuses_says_why_and_its_face_stays() -> None:
    device = sign(fault("refuse"))
    assert ack(device.receive(TOPIC, command(), later(50))).shown
    answer = ack(device.receive(TOPIC, command("통제", message="m2"), later(100)))
    assert (answer.message, answer.shown, answer.multi, answer.reason) == ("m2", False, "[jp3]사고[nl]우회", REFUSES)
    device.due(100.0)
    assert {status.fault for status in statuses(device, 500, 101).values()} == {REFUSES}
    assert ack(device.receive(TOPIC, command("통제", message="m2"), later(500))).shown
    assert device.face == "통제"


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.1, 614), (1.0, 192 * 32)])
def test_dead_pixels_are_counted_and_the_message_shown(share: float, count: int) -> None:
    device = sign(fault("dead_pixels", share))
    answer = ack(device.receive(TOPIC, command(), later(100)))
    assert (answer.shown, answer.pixel_errors) == (True, count)
    device.due(100.0)
    said = {status.fault for status in statuses(device, 500, 101).values()}
    assert said == {f"{count} pixels do not obey" if count else None}
    assert ack(device.receive(TOPIC, command(message="m2"), later(500))).pixel_errors == 0


def test_one_that_hangs_takes_nothing_says_nothing_and_keeps_its_face() -> None:
    device = sign(fault("silent"))
    device.receive(TOPIC, command(expires_s=300), later(50))
    device.due(99.0)
    assert device.receive(TOPIC, command("통제", message="m2"), later(200)) == []
    assert device.receive(TOPIC, b"{", later(200)) == []
    assert [out for at_s in range(100, 500) for out in device.due(float(at_s))] == []
    assert device.hello(later(499)) == device.goodbye(later(499)) == []
    assert device.face == "[jp3]사고[nl]우회"
    assert device.advice is not None
    gone = ack(device.due(500.0))
    assert (gone.message, gone.shown, gone.multi) == ("m1", False, "")
    assert device.advice is None


def test_a_lost_connection_brings_the_last_will_and_what_was_unsaid_comes_afterwards() -> None:
    device = sign(fault("dropout"))
    device.receive(TOPIC, command(expires_s=300), later(50))
    said = read([out for at_s in range(51, 130) for out in device.due(float(at_s))])
    lost = said[-1]
    assert isinstance(lost, DeviceStatus)
    assert (lost.online, lost.fault, lost.time) == (False, "connection lost", later(100))
    assert device.receive(TOPIC, command("통제", message="m2"), later(200)) == []
    assert [out for at_s in range(130, 500) for out in device.due(float(at_s))] == []
    assert device.face == ""
    back, gone = read(device.due(500.0))
    assert isinstance(back, DeviceStatus)
    assert (back.online, back.fault) == (True, None)
    assert isinstance(gone, SignAck)
    assert (gone.message, gone.shown) == ("m1", False)
    assert ack(device.receive(TOPIC, command("통제", message="m2"), later(501))).shown


def test_a_clock_that_is_ahead_stamps_and_expires_early() -> None:
    device = sign(fault("clock_offset", 120.0, 0.0, 1e9))
    answer = ack(device.receive(TOPIC, command(expires_s=300), later(10)))
    assert answer.time == later(130)
    device.due(15.0)
    assert device.due(179.0)[-1].topic.endswith("/status")
    assert device.face
    assert any(isinstance(message, SignAck) for message in read(device.due(180.0)))
    late = ack(device.receive(TOPIC, command(message="m2", expires_s=300), later(181)))
    assert late.reason is not None
    assert late.reason.startswith("expires: expected a time after")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["refuse", "dead_pixels", "silent", "dropout", "clock_offset"]),
            st.integers(0, 200),
            st.integers(1, 200),
        ),
        max_size=4,
    ),
    st.lists(st.tuples(st.integers(1, 80), st.sampled_from(["", "사고", "]", "우회"])), max_size=8),
)
def test_an_answer_tells_what_the_face_shows(faults: list[tuple[str, int, int]], steps: list[tuple[int, str]]) -> None:
    device, at_s, seqs = sign(*(fault(kind, 0.5, a, a + b) for kind, a, b in faults)), 0, []
    for number, (wait_s, multi) in enumerate(steps):
        at_s += wait_s
        sent = read(device.due(float(at_s)))
        answers = read(device.receive(TOPIC, command(multi, message=f"m{number}", expires_s=at_s + 60), later(at_s)))
        seqs += [message.seq for message in [*sent, *answers]]
        for answer in answers:
            if isinstance(answer, SignAck) and answer.message == f"m{number}":
                assert answer.multi == device.face
                assert answer.shown == (answer.reason is None)
                assert not answer.shown or device.face == multi
                assert not answer.shown or why_not_shown(multi, SIGN.height_px) is None
    # What a lost connection held back keeps its number, which then is below that of the news that it is back.
    assert len(seqs) == len(set(seqs))


def test_what_drivers_read_is_what_the_face_shows() -> None:
    device = sign()
    assert device.advice is None
    device.receive(TOPIC, command("[jp3]1번 고속도로 통제[nl]국도 7 우회"), NOW)
    assert device.advice is not None
    assert (device.advice.avoid_road, device.advice.via_road) == ("E1", "N7")
    device.receive(TOPIC, command("", message="m2"), NOW)
    assert device.advice is None


def test_what_cannot_be_read_is_answered_if_its_name_can() -> None:
    device = sign()
    answer = ack(device.receive(TOPIC, msgspec.json.encode({"message": "m5", "multi": 3}), NOW))
    assert (answer.message, answer.shown) == ("m5", False)
