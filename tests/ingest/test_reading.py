"""Whatever comes in is read, or counted and kept with its reason; nothing stops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue.model import Cell
from ingest.letters import PER_MINUTE, PER_SENDER
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.reading import Reader
from sensors.columns import times_ns, to_ns
from sensors.observations import CellAck, DeviceStatus, Message, WeatherObservation
from sensors.registry import Registry
from sensors.topics import centre_of
from storage.writer_batches import DeadLetter
from tests.alerts.making import NOW, WESTERN, later, two_districts
from tests.ingest.making import (
    REGISTRY,
    STATION,
    Clock,
    arrived,
    message,
    reader,
    said,
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
    reading = reader()
    found = reading.read(arrived(bad, slope_message()))
    (letter,) = found.letters
    assert letter.topic == bad.topic
    assert "got" not in letter.problem.split()
    assert letter.size_bytes == len(bad.payload)
    assert [message.device for message in said(found)] == ["SLP-1"]
    assert (found.n_message, reading.letters.count) == (2, 1)
    return letter


@pytest.mark.parametrize("case", [*MALFORMED, *IMPOSSIBLE])
def test_what_is_wrong_is_found_also_when_its_topic_is_known(case: str) -> None:
    bad = (MALFORMED | IMPOSSIBLE)[case][0]
    reading = reader()
    reading.read(arrived(vds(), slope_message(), message(GATEWAY, [vds_body()])))
    (again,) = reading.read(arrived(bad)).letters
    (first,) = reader().read(arrived(bad)).letters
    assert (again.field, again.device) == (first.field, first.device)


def test_a_message_too_large_to_be_read_is_reported_with_its_size() -> None:
    report = OversizePublish(topic=OBS, size=10_000_000, qos=1, packet_id=5, connection=1)
    found = reader().read(arrived(report))
    (letter,) = found.letters
    assert (letter.size_bytes, letter.payload) == (10_000_000, b"")
    assert letter.problem == "expected a message of at most 1048576 bytes, was 10000000"


def test_one_wrong_member_does_not_cost_a_gateway_its_others() -> None:
    members: list[Any] = [vds_body(f"VDS-E1up0{place}") for place in range(4)]
    members[1] = members[1] | {"period_s": -1}
    members[2] = members[2] | {"device": "VDS-NOWHERE"}
    members.append(vds_body("VDS-E1up05", time=NOW + timedelta(hours=1)))
    found = reader().read(arrived(message(GATEWAY, members)))
    assert [one.device for one in said(found)] == ["VDS-E1up00", "VDS-E1up03"]
    assert found.fast["vds"].origin.member.tolist() == [0, 3]
    assert [letter.field for letter in found.letters] == ["[1].period_s", "device", "time"]
    assert [letter.device for letter in found.letters] == [None, "VDS-NOWHERE", "VDS-E1up05"]


def test_a_known_device_that_talks_nonsense_keeps_its_share_of_letters_a_minute() -> None:
    clock = Clock()
    reading = reader(clock)
    nonsense = vds(lanes=[{"lane": 9, **LANE}])
    letters = reading.read(arrived(*[nonsense] * (PER_SENDER + 10))).letters
    letters += reading.read(arrived(vds("VDS-E1up04", lanes=[{"lane": 9, **LANE}]))).letters
    assert len(letters) == PER_SENDER + 1
    assert reading.letters.count == PER_SENDER + 11
    assert reading.letters.by_sender == {STATION: PER_SENDER + 10, "VDS-E1up04": 1}
    clock.now = later(61)
    assert len(reading.read(arrived(nonsense, at=clock.now)).letters) == 1


def test_invented_names_share_the_limits_of_their_gateway_and_of_the_minute() -> None:
    reading = reader()
    found = reading.read(arrived(message(GATEWAY, [vds_body(f"X{number}") for number in range(500)])))
    assert len(found.letters) == PER_SENDER
    invented = [message(f"gwanje/v1/{WESTERN}/vds/X{number}/obs", b"?") for number in range(PER_MINUTE + 50)]
    assert len(reading.read(arrived(*invented)).letters) == PER_MINUTE - PER_SENDER
    assert reading.letters.count == 500 + PER_MINUTE + 50


def test_arrival_is_when_it_came_but_a_retained_state_is_as_old_as_it_says() -> None:
    old = status("sign", "VMS-up0", retained=True)
    found = reader().read(arrived(old, status("sign", "VMS-up0", seq=2), at=later(100)))
    assert [item.received_ns for item in found.rare] == [to_ns(NOW), to_ns(later(100))]


def test_in_a_replay_arrival_is_the_newest_device_time_so_far() -> None:
    reading = reader(by_device_time=True)
    found = reading.read(arrived(vds(seq=1, time=later(10)), vds(seq=2, time=later(5)), vds(seq=3, time=later(20))))
    assert found.fast["vds"].received_ns.tolist() == [to_ns(later(10)), to_ns(later(10)), to_ns(later(20))]


def test_the_newest_time_of_a_message_is_that_of_what_is_believed() -> None:
    reading = reader()
    assert reading.newest_ns(vds(time=later(7))) == to_ns(later(7))
    assert reading.newest_ns(message(GATEWAY, [vds_body(), vds_body("VDS-E1up04", time=later(9))])) == to_ns(later(9))
    assert reading.newest_ns(vds("VDS-NOWHERE", time=later(7))) == 0
    assert reading.newest_ns(vds(time=later(7_200))) == 0
    assert reading.newest_ns(message(OBS, b"?")) == 0


def test_both_ways_of_reading_accept_the_same() -> None:
    reading = reader()
    batch = [vds_body(f"VDS-E1up0{place}", seq=9) for place in range(3)]
    stream = [vds(seq=1), slope_message(seq=2), message(GATEWAY, batch), vds(seq=3, lanes=[{"lane": 2, **LANE}])]
    # Topics are learnt on the long way, the first time; from then on the short one is taken.
    first, second = (reading.read(arrived(*stream)) for _ in range(2))
    for kind in ("vds", "slope", "weather"):
        one, other = first.fast[kind], second.fast[kind]  # type: ignore[index]
        rows = [
            sorted(
                zip(
                    found.origin.place.tolist(),
                    found.origin.member.tolist(),
                    found.device.tolist(),
                    found.received_ns.tolist(),
                    map(msgspec.json.encode, found.messages),
                    strict=True,
                )
            )
            for found in (one, other)
        ]
        assert rows[0] == rows[1]
    assert len(first.fast["vds"]) == 5


@given(st.lists(st.integers(-(2**62), 2**63 - 1) | st.integers(0, 2**61), min_size=1, max_size=5))
def test_times_are_exact_whenever_they_are(times: list[int]) -> None:
    microseconds = [min(max(time // 1_000, -(10**15)), 2 * 10**17) for time in times]
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=one) for one in microseconds]
    messages = [WeatherObservation(device="WX-0", time=moment, seq=1) for moment in moments]
    assert times_ns(messages).tolist() == [min(to_ns(moment), 2**63 - 1) for moment in moments]


@given(
    st.binary(max_size=300),
    st.sampled_from([OBS, GATEWAY, "", "gwanje/v1/////", f"gwanje/v1/{WESTERN}/sign/VMS-up0/ack"]),
)
def test_no_bytes_stop_it(payload: bytes, topic: str) -> None:
    found = reader().read(arrived(message(topic, payload)))
    assert bool(said(found)) != bool(found.letters)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=10), st.booleans())  # fmt: skip
def test_no_document_stops_it(document: Any, packed: bool) -> None:
    try:
        payload = msgspec.msgpack.encode(document) if packed else msgspec.json.encode(document)
    except OverflowError:
        return
    reading = reader()
    reading.read(arrived(vds(), message(GATEWAY, [vds_body()])))
    found = reading.read(arrived(message(OBS, payload), message(GATEWAY, payload)))
    assert len(found.letters) >= 2
    assert said(found) == []


def test_the_registry_and_the_test_region_agree() -> None:
    assert REGISTRY.lanes[REGISTRY.index[STATION] - REGISTRY.start["vds"]] == 3


def centre_says(device: str, stream: str = "ack", **body: Any) -> Incoming:
    told = {"device": device, "time": NOW, "seq": 1} | body
    return message(f"gwanje/v1/{WESTERN}/cell/{device}/{stream}", told)


def with_a_centre(on_centre: Callable[[Message, int], None]) -> Reader:
    mast = Cell(id="C1", district=WESTERN, position=(128.0, 37.0), azimuth_deg=0.0, beamwidth_deg=65.0, range_m=5_000.0)
    registry = Registry.from_catalogue(two_districts(cells=(mast,)))
    return reader(registry=registry, on_centre=on_centre)


def test_a_cell_broadcast_centre_is_heard_but_no_device_of_the_engines() -> None:
    heard: list[tuple[Message, int]] = []
    reading = with_a_centre(lambda told, at: heard.append((told, at)))
    ack = centre_says(CENTRE, message="m1", cells_ok=12, cells_failed=["C1"], reason="C1: out of service")
    found = reading.read(arrived(ack, centre_says(CENTRE, "status", online=True)))
    assert (said(found), found.letters) == ([], [])
    assert [(type(told), told.device) for told, _ in heard] == [(CellAck, CENTRE), (DeviceStatus, CENTRE)]


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
    reading = with_a_centre(lambda told, _: heard.append(told))
    (letter,) = reading.read(arrived(wrong)).letters
    assert letter.field == field
    assert not heard
