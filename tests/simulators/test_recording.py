"""Recordings survive the round trip, and say so when they are broken."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.catalogue.digest import catalogue_digest
from simulators.recording import (
    FORMAT,
    VERSION,
    Header,
    Recorded,
    RecordingError,
    RecordingWriter,
    read_header,
    read_messages,
)
from tests.simulators.region import small_region

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEADER = Header(format=FORMAT, version=VERSION, region="default", digest="d" * 64, started=START)

messages = st.lists(
    st.builds(
        Recorded,
        at=st.integers(0, 10_000_000).map(lambda us: START + timedelta(microseconds=us)),
        topic=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
        payload=st.binary(max_size=300),
        retain=st.booleans(),
    ),
    max_size=20,
)


def written(path: Path, recorded: list[Recorded]) -> Path:
    with RecordingWriter(path, HEADER) as writer:
        for message in recorded:
            writer.add(message)
    assert writer.count == len(recorded)
    return path


@given(recorded=messages)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, recorded: list[Recorded]) -> None:
    path = written(tmp_path / "r.jsonl.gz", recorded)
    assert read_header(path) == HEADER
    assert list(read_messages(path)) == recorded


def test_a_recording_cut_short_gives_what_is_whole_and_then_says_so(tmp_path: Path) -> None:
    recorded = [Recorded(at=START, topic=f"t/{n}", payload=bytes([n % 251]) * 200) for n in range(2_000)]
    path = written(tmp_path / "r.jsonl.gz", recorded)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    got: list[Recorded] = []
    with pytest.raises(RecordingError, match=r"line \d+: expected a recorded message"):
        got.extend(read_messages(path))
    assert 0 < len(got) < len(recorded)
    assert got == recorded[: len(got)]


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"{}\n"), gzip.compress(b'{"format":"other","version":1}\n')],
    ids=["empty", "not gzip", "no header", "another format"],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="expected a recording made by `gwanje record`"):
        read_header(path)


def test_the_digest_tells_regions_apart_but_not_terrain() -> None:
    import msgspec

    region = small_region()
    assert catalogue_digest(region) == catalogue_digest(msgspec.structs.replace(region, terrain=None))
    moved = msgspec.structs.replace(region, vds=region.vds[:-1])
    assert catalogue_digest(moved) != catalogue_digest(region)
