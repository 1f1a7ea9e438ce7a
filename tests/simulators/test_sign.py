from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.codec import decode, encode
from sensors.observations import DeviceStatus, SignAck, SignCommand
from simulators.devices.endpoint import Outbound, Timebase
from simulators.devices.multi import why_not_shown
from simulators.devices.sign import MessageSign
from tests.simulators.region import small_region

NOW = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)
SIGN = small_region().sign[0]
TOPIC = f"gwanje/v1/{SIGN.district}/sign/{SIGN.id}/command"


def sign() -> MessageSign:
    return MessageSign(SIGN, 0, Timebase(NOW))


def command(multi: str = "[jp3]사고[nl]주의", *, message: str = "m1", minutes: float = 10) -> bytes:
    expires = NOW + timedelta(minutes=minutes)
    return encode(
        SignCommand(device=SIGN.id, time=NOW, seq=1, message=message, multi=multi, priority=80, expires=expires)
    )


def only(answers: list[Outbound]) -> SignAck | DeviceStatus:
    (answer,) = answers
    (message,) = decode(answer.topic, answer.payload).messages
    assert isinstance(message, SignAck | DeviceStatus)
    return message


def ack(answers: list[Outbound]) -> SignAck:
    message = only(answers)
    assert isinstance(message, SignAck)
    return message


def test_a_good_command_is_shown_kept_and_acknowledged() -> None:
    device = sign()
    answer = ack(device.receive(TOPIC, command(), NOW))
    assert (answer.message, answer.shown, answer.multi, answer.reason) == ("m1", True, "[jp3]사고[nl]주의", None)
    device.hello(NOW)
    assert device.face == "[jp3]사고[nl]주의"


def test_msgpack_is_understood() -> None:
    value = decode(TOPIC, command()).messages[0]
    assert ack(sign().receive(TOPIC, encode(value, "msgpack"), NOW)).shown


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (
            command(minutes=-1),
            "expires: expected a time after 2026-04-11T01:30:00+00:00, was 2026-04-11T01:29:00+00:00",
        ),
        (command(minutes=0), "expires: expected a time after"),
        (command("사고[nl"), "multi: expected a closed tag at character 3, was '[nl'"),
        (command("사고]"), "multi: expected a closed tag at character 3"),
        (command("[blink]사고"), "multi: expected a tag of NTCIP 1203, was '[blink]'"),
        (command("[/nl]"), "multi: expected a tag of NTCIP 1203, was '[/nl]'"),
        (command("a[nl]b[nl]c[nl]d[nl]e"), "multi: expected at most 4 lines on a page of 32 px, was 5"),
        (command("a\x07b"), "multi: expected printable text"),
        (command().replace(b'"priority":80', b'"priority":800'), "priority: expected a whole number <= 255"),
        (command().replace(b'"priority":80', b'"urgent":true'), "priority: expected a value, was missing"),
        (
            command().replace(SIGN.id.encode(), b"VMS-9"),
            "device: expected the device of the topic, 'VMS-0', was 'VMS-9'",
        ),
    ],
)
def test_a_wrong_command_is_refused_with_a_reason_and_the_face_stays(payload: bytes, reason: str) -> None:
    device = sign()
    device.receive(TOPIC, command("앞", message="m0"), NOW)
    answer = ack(device.receive(TOPIC, payload, NOW))
    assert (answer.message, answer.shown, answer.multi) == ("m1", False, "앞")
    assert answer.reason is not None
    assert reason in answer.reason


@pytest.mark.parametrize(
    "payload", [b"", b"hello", b"{", b"[]", b'{"message": 5}', b'{"message": ""}', b"\x81\xa1", b"\xff" * 50]
)
def test_what_cannot_be_read_at_all_becomes_a_fault_until_the_next_good_command(payload: bytes) -> None:
    device = sign()
    status = only(device.receive(TOPIC, payload, NOW))
    assert isinstance(status, DeviceStatus)
    assert status.online
    assert status.fault is not None
    assert status.fault.startswith("command not understood: ")
    cleared, shown = device.receive(TOPIC, command(), NOW)
    assert decode(cleared.topic, cleared.payload).messages[0].fault is None  # type: ignore[attr-defined]
    assert decode(shown.topic, shown.payload).messages[0].shown  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_payload_breaks_a_sign(payload: bytes) -> None:
    for answer in sign().receive(TOPIC, payload, NOW):
        assert decode(answer.topic, answer.payload).messages


def test_an_empty_string_blanks_the_face() -> None:
    device = sign()
    device.receive(TOPIC, command(), NOW)
    answer = ack(device.receive(TOPIC, command("", message="m2"), NOW))
    assert (answer.shown, answer.multi, device.face) == (True, "", "")


def test_the_same_command_twice_is_acknowledged_twice_with_new_numbers() -> None:
    device = sign()
    first, second = (ack(device.receive(TOPIC, command(), NOW)) for _ in range(2))
    assert (first.message, first.shown, first.multi) == (second.message, second.shown, second.multi)
    assert second.seq > first.seq


def test_an_expired_message_leaves_the_face_and_is_said_so() -> None:
    device = sign()
    device.receive(TOPIC, command(minutes=1), NOW)
    answers = device.due(61.0)
    gone = decode(answers[0].topic, answers[0].payload).messages[0]
    assert isinstance(gone, SignAck)
    assert (gone.message, gone.shown, gone.multi, gone.reason) == ("m1", False, "", "expired: the face is blank")
    assert device.face == ""


def test_will_and_goodbye_say_offline() -> None:
    device = sign()
    will = device.will(NOW)
    assert will is not None
    for outbound, fault in ((will, "connection lost"), (device.goodbye(NOW)[0], None)):
        status = decode(outbound.topic, outbound.payload).messages[0]
        assert isinstance(status, DeviceStatus)
        assert (status.online, status.fault, outbound.retain, outbound.qos) == (False, fault, True, 1)


@pytest.mark.parametrize(
    "multi",
    [
        "",
        "[[1]]",
        "[jp3][jl3]A[nl]B[np]C",
        "[cf255,0,0]A",
        "[pt30o5]A[np]B",
        "[fl]A[/fl]",
        "[sc2]A[/sc]",
        "[f2]A",
        "[hc41]",
        "[fo3]A",
    ],
)
def test_tags_of_the_standard_are_shown(multi: str) -> None:
    assert why_not_shown(multi, 32) is None
