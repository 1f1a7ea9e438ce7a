"""Whatever a peer sends, the parser gives packets or a `ProtocolError`, wherever the network cuts the stream."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt.encode import encode
from tests.ingest.fuzz import seeds
from tests.ingest.fuzz.mutator import Mutator
from tests.ingest.fuzz.streams import cuts, parse, problem_with, right, stream

COUNT = 4_000


@pytest.mark.parametrize(("name", "seed"), seeds.load("stream"), ids=lambda one: one if isinstance(one, str) else "")
def test_streams_that_once_failed(name: str, seed: dict[str, str | list[int]]) -> None:
    places = [int(place) for place in seed["cuts"]]
    assert problem_with(bytes.fromhex(str(seed["stream"])), places) is None


def test_damaged_streams_give_packets_or_an_error_wherever_they_are_cut() -> None:
    chooser = random.Random(20_261_127)
    mutator = Mutator(chooser)
    ends = {True: 0, False: 0}
    for _ in range(COUNT):
        data = stream(chooser, mutator)
        places = cuts(chooser, len(data))
        problem = problem_with(data, places)
        assert problem is None, (problem, data.hex(), places)
        ends[parse(data)[1] is None] += 1
    assert min(ends.values()) > COUNT // 10, f"expected good and bad streams, were {ends}"


def test_right_packets_come_out_as_they_went_in() -> None:
    chooser = random.Random(1)
    for _ in range(300):
        sent = [one for one in right(chooser) if len(encode(one)) <= 1_500]
        data = b"".join(map(encode, sent))
        assert parse(data, cuts(chooser, len(data))) == (sent, None)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_any_bytes_give_packets_or_an_error(data: bytes, places: list[int]) -> None:
    assert problem_with(data, sorted(min(place, len(data)) for place in places)) is None
