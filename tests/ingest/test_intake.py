"""Whatever comes in is taken, or counted and kept with its reason; nothing stops and nothing grows without bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue.model import Cell
from ingest.inbox import Inbox
from ingest.intake import HAZARDS, TELEMETRY, Intake
from ingest.letters import PER_MINUTE, PER_SENDER
from ingest.mqtt.session import Incoming, OversizePublish
from sensors.columns import to_ns
from sensors.observations import CellAck, DeviceStatus, Message
from sensors.registry import Registry
from sensors.topics import centre_of
from storage.writer_batches import DeadLetter
from tests.alerts.making import NOW, WESTERN, later, two_districts
from tests.ingest.making import (
    PLAUSIBILITY,
    REGISTRY,
    STATION,
    Clock,
    intake,
    message,
    slope_message,
    status,
    tower,
    vds,
    vds_body,
)

OBS = f"gwanje/v1/{WESTERN}/vds/{STATION}/obs"
GATEWAY = f"gwanje/v1/{WESTERN}/vds/_gateway/g1/obs"
LANE = {"volume": 5, "speed_kmh": 90.0, "occupancy_pct": 8.0}

CENTRE = centre_of(WESTERN)
ELSEWHERE = {"device": STATION, "time": NOW, "seq": 1}

# What the codec refuses: the field that it names.
MALFORMED: dict[str, tuple[Incoming, str]] = {
    "nothing": (message(OBS, b""), "payload"),
    "text": (message(OBS, b"hello"), "payload"),
    "broken JSON": (message(OBS, b'{"device": "VDS'), "payload"),
    "broken MessagePack": (message(OBS, b"\x85\xa6dev"), "payload"),
    "not UTF-8": (message(OBS, b'{"device": "\xff\xfe"}'), "payload"),
    "NaN": (message(OBS, b'{"device": NaN}'), "payload"),
    "deeply nested": (message(OBS, b"[" * 100_000), "payload"),
    "wrong type": (vds(period_s="thirty"), "period_s"),
    "missing field": (message(OBS, {"device": STATION, "time": NOW}), "seq"),
    "out of bounds": (vds(lanes=[{"lane": 1, **LANE, "occupancy_pct": 130}]), "lanes[0].occupancy_pct"),
    "not the topic's device": (message(OBS, vds_body("VDS-E1up04")), "device"),
    "not our topic": (message("gwanje/v2/x", {}), "topic"),
    "no such stream": (message(f"gwanje/v1/{WESTERN}/vds/{STATION}/event", vds_body()), "topic"),
    "no zone": (message(OBS, vds_body() | {"time": "2026-07-01T03:00:00"}), "time"),
    "an unprintable name": (tower(detection="a\x00b"), "detection"),
    "the beginning of time": (message(OBS, vds_body() | {"time": "0001-01-01T00:00:00+23:00"}), "time"),
    "the end of time": (message(OBS, vds_body() | {"time": "9999-12-31T23:59:59Z"}), "time"),
}

# What is well formed and cannot be true: the field, and what is said of it.
IMPOSSIBLE: dict[str, tuple[Incoming, str, str]] = {
    "unknown device": (vds("VDS-NOWHERE"), "device", "expected a device of the region, was 'VDS-NOWHERE'"),
    "wrong kind": (
        message(f"gwanje/v1/{WESTERN}/slope/{STATION}/obs", ELSEWHERE),
        "topic",
        f"expected kind 'vds' for {STATION}, was 'slope'",
    ),
    "wrong district": (
        message(f"gwanje/v1/99999/vds/{STATION}/obs", vds_body()),
        "topic",
        f"expected district '{WESTERN}' for {STATION}, was '99999'",
    ),
    "an hour ahead": (
        vds(time=NOW + timedelta(hours=1)),
        "time",
        "expected at most 300 s ahead of arrival, was 3600 s ahead",
    ),
    "a clock without battery": (
        vds(time=datetime(1980, 1, 6, tzinfo=UTC)),
        "time",
        "expected a time after 2000-01-01, was 1980-01-06T00:00:00+00:00",
    ),
    "a lane too many": (vds(lanes=[{"lane": 4, **LANE}]), "lanes[0].lane", "expected a lane out of 1 to 3, was 4"),
    "a lane twice": (
        vds(lanes=[{"lane": 2, **LANE}, {"lane": 2, **LANE}]),
        "lanes[1].lane",
        "expected each lane once, was 2 again",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_cannot_be_read_becomes_a_dead_letter(case: str) -> None:
    bad, field = MALFORMED[case]
    assert _letter_of(bad).field == field


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_true_becomes_a_dead_letter(case: str) -> None:
    bad, field, problem = IMPOSSIBLE[case]
    letter = _letter_of(bad)
    assert (letter.field, letter.problem) == (field, problem)


def _letter_of(bad: Incoming) -> DeadLetter:
    """Hand in something bad and something good; return the letter."""
    taking = intake()
    taking.take_hazards([bad, slope_message()])
    refused, taken = taking.hazard.take()
    assert refused.observations == ()
    (letter,) = refused.letters
    assert letter.topic == bad.topic
    assert "got" not in letter.problem.split()
    assert letter.size_bytes == len(bad.payload)
    assert refused.source is bad
    assert len(taken.observations) == 1
    assert (taking.counters.messages, taking.counters.observations, taking.letters.count) == (2, 1, 1)
    return letter


def test_a_message_too_large_to_be_read_is_reported_with_its_size() -> None:
    taking = intake()
    report = OversizePublish(topic=OBS, size=10_000_000, qos=1, packet_id=5, connection=1)
    taking.take_oversize(report, TELEMETRY)
    (accepted,) = taking.hazard.take()
    (letter,) = accepted.letters
    assert (letter.size_bytes, letter.payload) == (10_000_000, b"")
    assert letter.problem == "expected a message of at most 1048576 bytes, was 10000000"
    assert (accepted.source, accepted.lane) == (report, TELEMETRY)


def test_one_wrong_member_does_not_cost_a_gateway_its_others() -> None:
    members: list[Any] = [vds_body(f"VDS-E1up0{place}") for place in range(4)]
    members[1] = members[1] | {"period_s": -1}
    members[2] = members[2] | {"device": "VDS-NOWHERE"}
    members.append(vds_body("VDS-E1up05", time=NOW + timedelta(hours=1)))
    taking = intake()
    taking.take_telemetry([message(GATEWAY, members)])
    (accepted,) = taking.telemetry.take()
    assert [item.message.device for item in accepted.observations] == ["VDS-E1up00", "VDS-E1up03"]
    assert [letter.field for letter in accepted.letters] == ["[1].period_s", "device", "time"]
    assert [letter.device for letter in accepted.letters] == [None, "VDS-NOWHERE", "VDS-E1up05"]
    assert accepted.cost == 2


def test_a_known_device_that_talks_nonsense_keeps_its_share_of_letters_a_minute() -> None:
    clock = Clock()
    taking = intake(clock)
    for _ in range(PER_SENDER + 10):
        taking.take_telemetry([vds(lanes=[{"lane": 9, **LANE}])])
    taking.take_telemetry([vds("VDS-E1up04", lanes=[{"lane": 9, **LANE}])])
    letters = [letter for one in taking.telemetry.take() for letter in one.letters]
    assert len(letters) == PER_SENDER + 1
    assert taking.letters.count == PER_SENDER + 11
    assert taking.letters.by_sender == {STATION: PER_SENDER + 10, "VDS-E1up04": 1}
    clock.now = later(61)
    taking.take_telemetry([vds(lanes=[{"lane": 9, **LANE}])])
    assert len(taking.telemetry.take()[0].letters) == 1


def test_invented_names_share_the_limits_of_their_gateway_and_of_the_minute() -> None:
    taking = intake()
    taking.take_telemetry([message(GATEWAY, [vds_body(f"X{number}") for number in range(500)])])
    assert sum(len(one.letters) for one in taking.telemetry.take()) == PER_SENDER
    for number in range(PER_MINUTE + 50):
        taking.take_telemetry([message(f"gwanje/v1/{WESTERN}/vds/X{number}/obs", b"?")])
    kept = sum(len(one.letters) for one in taking.telemetry.take())
    assert kept == PER_MINUTE - PER_SENDER
    assert taking.letters.count == 500 + PER_MINUTE + 50


def test_arrival_is_now_but_a_retained_state_is_as_old_as_it_says() -> None:
    clock = Clock()
    taking = intake(clock)
    clock.now = later(100)
    old = status("sign", "VMS-up0", retained=True)
    taking.take_hazards([old, status("sign", "VMS-up0", seq=2)])
    arrivals = [item.received_ns for one in taking.hazard.take() for item in one.observations]
    assert arrivals == [to_ns(NOW), to_ns(later(100))]


def test_in_a_replay_arrival_is_the_newest_device_time_so_far() -> None:
    taking = intake(by_device_time=True)
    taking.take_hazards([vds(seq=1, time=later(10)), vds(seq=2, time=later(5)), vds(seq=3, time=later(20))])
    arrivals = [item.received_ns for one in taking.hazard.take() for item in one.observations]
    assert arrivals == [to_ns(later(10)), to_ns(later(10)), to_ns(later(20))]


def test_too_much_telemetry_lets_the_oldest_go_but_nothing_that_waits_for_its_acknowledgement() -> None:
    taking = intake(telemetry_limit=10)
    taking.take_telemetry([vds(seq=number) for number in range(1, 16)])
    assert taking.counters.telemetry_dropped == 5
    assert [one.observations[0].message.seq for one in taking.telemetry] == list(range(6, 16))
    careful = intake(telemetry_limit=10)
    careful.take_telemetry([vds(seq=number, qos=1) for number in range(1, 16)])
    assert (len(careful.telemetry), careful.counters.telemetry_dropped) == (15, 0)
    assert careful.telemetry.is_full


def test_a_gateway_fills_a_queue_with_what_it_brings() -> None:
    taking = intake(telemetry_limit=100)
    assert not taking.telemetry.is_full
    taking.take_telemetry([message(GATEWAY, [vds_body(f"VDS-E1up0{place % 6}", seq=place) for place in range(50)])])
    assert taking.telemetry.is_full
    assert len(taking.telemetry) == 1
    taking.telemetry.take()
    assert (taking.telemetry.cost, taking.telemetry.is_full) == (0, False)


def test_lanes_of_sessions_are_kept() -> None:
    taking = intake()
    taking.take_hazards([slope_message()])
    taking.take_telemetry([vds()])
    assert [one.lane for one in (*taking.hazard.take(), *taking.telemetry.take())] == [HAZARDS, TELEMETRY]


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=30), st.lists(st.integers(1, 12), max_size=12))
def test_an_inbox_gives_everything_in_order_and_knows_what_it_holds(
    sizes: list[tuple[int, bool]], takes: list[int]
) -> None:
    taking = intake(telemetry_limit=10**6)
    for number, (size, single) in enumerate(sizes):
        bodies = [vds_body(f"VDS-E1up0{place}", seq=number) for place in range(1 if single else size)]
        taking.take_telemetry([message(GATEWAY, bodies)])
    box: Inbox = taking.telemetry
    expected = list(box)
    given_out = []
    for most in takes:
        part = box.take(most)
        assert sum(one.cost for one in part) <= most or len(part) == 1
        given_out += part
        assert box.cost == sum(one.cost for one in box)
    assert given_out + box.take() == expected
    assert (len(box), box.cost) == (0, 0)


@given(
    st.binary(max_size=300),
    st.sampled_from([OBS, GATEWAY, "", "gwanje/v1/////", f"gwanje/v1/{WESTERN}/sign/VMS-up0/ack"]),
)
def test_no_bytes_stop_it(payload: bytes, topic: str) -> None:
    taking = intake()
    taking.take_hazards([message(topic, payload)])
    (accepted,) = taking.hazard.take()
    assert bool(accepted.observations) != bool(accepted.letters)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=10), st.booleans())  # fmt: skip
def test_no_document_stops_it(document: Any, packed: bool) -> None:
    taking = intake()
    try:
        payload = msgspec.msgpack.encode(document) if packed else msgspec.json.encode(document)
    except OverflowError:
        return
    taking.take_hazards([message(OBS, payload), message(GATEWAY, payload)])
    assert all(one.letters and not one.observations for one in taking.hazard.take())


def test_the_registry_and_the_test_region_agree() -> None:
    assert REGISTRY.lanes[REGISTRY.index[STATION] - REGISTRY.start["vds"]] == 3


def centre_says(device: str, stream: str = "ack", **body: Any) -> Incoming:
    told = {"device": device, "time": NOW, "seq": 1} | body
    return message(f"gwanje/v1/{WESTERN}/cell/{device}/{stream}", told)


def with_a_centre(on_centre: Callable[[Message, datetime], None]) -> Intake:
    mast = Cell(id="C1", district=WESTERN, position=(128.0, 37.0), azimuth_deg=0.0, beamwidth_deg=65.0, range_m=5_000.0)
    registry = Registry.from_catalogue(two_districts(cells=(mast,)))
    return Intake(registry, PLAUSIBILITY, Clock(), on_centre=on_centre)


def test_a_cell_broadcast_centre_is_heard_but_no_device_of_the_engines() -> None:
    heard: list[tuple[Message, datetime]] = []
    taking = with_a_centre(lambda said, at: heard.append((said, at)))
    ack = centre_says(CENTRE, message="m1", cells_ok=12, cells_failed=["C1"], reason="C1: out of service")
    taking.take_hazards([ack, centre_says(CENTRE, "status", online=True)])
    assert [(one.observations, one.letters) for one in taking.hazard.take()] == [((), ()), ((), ())]
    assert [(type(said), said.device) for said, _ in heard] == [(CellAck, CENTRE), (DeviceStatus, CENTRE)]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (centre_says("cbc-00000", message="m1", cells_ok=1), "device"),
        (centre_says(CENTRE, message="m1", cells_ok=-1), "cells_ok"),
        (centre_says(CENTRE, message="m1", cells_ok=1, time=later(172_800)), "time"),
    ],
)
def test_what_a_centre_says_wrong_becomes_a_letter(wrong: Incoming, field: str) -> None:
    heard: list[Message] = []
    taking = with_a_centre(lambda said, _: heard.append(said))
    taking.take_hazards([wrong])
    ((letter,),) = [one.letters for one in taking.hazard.take()]
    assert letter.field == field
    assert not heard
