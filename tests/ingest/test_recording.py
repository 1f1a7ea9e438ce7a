"""What goes into the journal comes out as it went in, less what repeated something."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.inbox import Arrived
from ingest.intake import HAZARDS, TELEMETRY
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.recording import arrived_of, record_of
from sensors.columns import to_ns
from storage.journal.ticks import decode_tick, encode_tick
from tests.alerts.making import NOW, WESTERN, later
from tests.ingest.making import arrived, batcher, message, reader, slope_message, status, tower, vds, vds_body

GATEWAY = f"gwanje/v1/{WESTERN}/vds/_gateway/g/obs"
ANY = [
    vds(seq=1),
    vds(seq=1),
    vds("VDS-E1up04", seq=2, qos=1),
    slope_message(seq=3),
    tower(seq=4),
    status("sign", "VMS-up0", seq=5, retained=True),
    message(GATEWAY, [vds_body(f"VDS-E1up0{place}", seq=place) for place in (1, 3, 4)]),
    message(GATEWAY, [vds_body("VDS-E1up01", seq=1), vds_body("VDS-E1up05", seq=9)]),
    message("gwanje/v2/nonsense", b"?", qos=1, packet_id=7),
    OversizePublish("gwanje/v1/x", 2_000_000, 1, 8, 1),
]


def groups(picked: list[tuple[int, int]]) -> list[Arrived]:
    return [
        Arrived([ANY[place]], to_ns(later(number // 3)), TELEMETRY if lane else HAZARDS)
        for number, (place, lane) in enumerate(picked)
    ]


@given(st.lists(st.tuples(st.integers(0, len(ANY) - 1), st.integers(0, 1)), max_size=25))
def test_a_record_read_again_gives_the_same_tick(picked: list[tuple[int, int]]) -> None:
    taken = groups(picked)
    first = batcher().build(reader().read(taken))
    record = decode_tick(b"".join(encode_tick(record_of(taken, first, 5))))
    again = arrived_of(record)
    second = batcher().build(reader().read(again), record.skipped)
    assert len(first.batch) == len(second.batch)
    assert [rows.name for rows in first.series] == [rows.name for rows in second.series]
    for one, other in zip(first.series, second.series, strict=True):
        for name, column in one.columns.items():
            np.testing.assert_array_equal(column, other.columns[name], err_msg=name)
    assert [event.payload for event in first.events] == [event.payload for event in second.events]
    assert [letter.problem for letter in first.letters] == [letter.problem for letter in second.letters]
    # Nothing of it repeats anything: who reads the journal needs to know of nothing before.
    assert len(second.repeated) == 0
    assert sum(group.lane == TELEMETRY for group in again) <= sum(group.lane == TELEMETRY for group in taken)


@given(st.lists(st.tuples(st.integers(0, len(ANY) - 1), st.integers(0, 1)), max_size=25))
def test_a_careful_record_has_what_waits_for_an_answer_and_nothing_else(picked: list[tuple[int, int]]) -> None:
    taken = groups(picked)
    tick = batcher().build(reader().read(taken))
    record = record_of(taken, tick, 5, careful=True)
    kept = [one for group in arrived_of(record) for one in group.messages]
    places = [place for place, _ in enumerate(picked) if place not in set(tick.repeated.tolist())]
    wanted = [ANY[picked[place][0]] for place in places if ANY[picked[place][0]].qos]
    assert [one.topic for one in kept] == [one.topic for one in wanted]


def test_arrival_session_and_flags_are_kept() -> None:
    taken = [
        *arrived(vds(), status("sign", "VMS-up0", retained=True), at=NOW),
        Arrived([vds("VDS-E1up04", qos=1)], to_ns(later(2)), TELEMETRY),
    ]
    record = record_of(taken, batcher().build(reader().read(taken)), 5)
    again = arrived_of(record)
    assert [(group.received_ns, group.lane, len(group.messages)) for group in again] == [
        (to_ns(NOW), HAZARDS, 2),
        (to_ns(later(2)), TELEMETRY, 1),
    ]
    flags = [(one.qos, one.retain) for group in again for one in group.messages if isinstance(one, Incoming)]
    assert flags == [(0, False), (1, True), (1, False)]
