from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.devices.endpoint import Importance, Outbound
from simulators.errors import TransportError
from simulators.transport.address import BrokerAddress, parse_broker_url
from simulators.transport.connection import backoff_s
from simulators.transport.outbox import Outbox


def message(importance: Importance, number: int, topic: str = "t") -> Outbound:
    return Outbound(topic, str(number).encode(), 1, False, importance)


async def drain(outbox: Outbox) -> list[bytes]:
    return [(await outbox.take()).payload for _ in range(len(outbox))]


def test_addresses() -> None:
    assert parse_broker_url("mqtt://127.0.0.1") == BrokerAddress("127.0.0.1", 1883)
    assert parse_broker_url("mqtt://a%40b:p%2Fw@h:99/") == BrokerAddress("h", 99, "a@b", "p/w")
    assert parse_broker_url("mqtts://[::1]") == BrokerAddress("::1", 8883, tls=True)
    assert "secret" not in repr(parse_broker_url("mqtt://a:secret@h"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", "was 'http' as scheme"),
        ("mqtt://", "expected a host"),
        ("mqtt://a:secret@h:port", "expected mqtt://user:password@host:port"),
        ("mqtt://a:secret@h:70000", "expected mqtt://user:password@host:port"),
        ("mqtt://a:secret@h/topic", "expected nothing after host and port"),
    ],
)
def test_wrong_addresses_are_explained_without_the_password(url: str, expected: str) -> None:
    with pytest.raises(TransportError) as raised:
        parse_broker_url(url)
    assert expected in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_events_go_first_then_states_then_telemetry() -> None:
    outbox = Outbox()
    for number, importance in enumerate(("telemetry", "status", "event", "telemetry", "event")):
        outbox.put(message(importance, number))  # type: ignore[arg-type]
    assert await drain(outbox) == [b"2", b"4", b"1", b"0", b"3"]


async def test_a_state_replaces_the_one_that_waits_on_its_topic() -> None:
    outbox = Outbox()
    outbox.put(message("status", 1, "a"))
    outbox.put(message("status", 2, "b"))
    outbox.put(message("status", 3, "a"))
    assert await drain(outbox) == [b"2", b"3"]


async def test_an_unsent_message_comes_back_first_unless_a_newer_state_waits() -> None:
    outbox = Outbox()
    outbox.put(message("event", 2))
    outbox.put_back(message("event", 1))
    outbox.put(message("status", 4))
    outbox.put_back(message("status", 3))
    assert await drain(outbox) == [b"1", b"2", b"4"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["telemetry", "event"]), max_size=60))
def test_it_is_bounded_and_every_loss_is_counted(kinds: list[Importance]) -> None:
    outbox = Outbox(most_telemetry=5, most_events=7)
    for number, kind in enumerate(kinds):
        outbox.put(message(kind, number))
    telemetry, events = kinds.count("telemetry"), kinds.count("event")
    assert len(outbox) == min(telemetry, 5) + min(events, 7)
    assert (outbox.lost.telemetry, outbox.lost.events) == (max(telemetry - 5, 0), max(events - 7, 0))


async def test_the_oldest_is_dropped_and_an_empty_box_waits() -> None:
    outbox = Outbox(most_telemetry=2)
    for number in range(4):
        outbox.put(message("telemetry", number))
    assert await drain(outbox) == [b"2", b"3"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(outbox.take(), 0.01)
    outbox.put(message("telemetry", 9))
    assert (await outbox.take()).payload == b"9"


@settings(deadline=None)
@given(failures=st.integers(0, 10_000), chance=st.floats(0, 1))
def test_waits_grow_to_half_a_minute_and_no_further(failures: int, chance: float) -> None:
    wait = backoff_s(failures, chance)
    assert 0.25 <= wait <= 30.0
    assert backoff_s(failures + 1, chance) >= wait
