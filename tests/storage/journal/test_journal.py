"""The journal: what was durable is there after any end; what was not is cut off; a full disk loses nothing."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from storage.errors import JournalError
from storage.journal.frames import HEAD_BYTES, Kind, build, find_frame, kind_of, length_of, seed_of
from storage.journal.log import Journal
from storage.journal.model import JournalLimits
from storage.journal.read import first_position, last_segment_start, read_frames
from storage.journal.segments import list_segments, read_head, read_segment

SMALL = JournalLimits(segment_bytes=400, keep_bytes=10**9, most_bytes=10**9, min_free_bytes=0, sync_s=0.01)


class Safe:
    """The position up to which all is safe, to be waited for."""

    def __init__(self) -> None:
        self.position = 0
        self._grown = threading.Condition()

    def __call__(self, position: int) -> None:
        with self._grown:
            self.position = position
            self._grown.notify_all()

    def wait(self, position: int) -> None:
        with self._grown:
            assert self._grown.wait_for(lambda: self.position >= position, 10.0), f"{position} never became safe"


@pytest.fixture
def safe() -> Safe:
    return Safe()


@pytest.fixture
def opened(tmp_path: Path, safe: Safe) -> Iterator[Callable[..., Journal]]:
    journals: list[Journal] = []

    def make(limits: JournalLimits = SMALL, folder: Path = tmp_path / "journal") -> Journal:
        journal = Journal(folder, region="two", now_ns=lambda: 7, on_durable=safe, limits=limits)
        journal.open()
        journals.append(journal)
        return journal

    yield make
    for journal in journals:
        journal.close()


def bodies(folder: Path, start: int = 0, end: int | None = None) -> list[bytes]:
    return [frame.body for frame in read_frames(folder, start, end) if frame.kind is not Kind.HEAD]


@given(
    kind=st.sampled_from(Kind),
    parts=st.lists(st.binary(max_size=40), max_size=4),
    rest=st.binary(max_size=30),
    identity=st.text(max_size=9),
)
def test_a_frame_is_found_again_wherever_it_stands(kind: Kind, parts: list[bytes], rest: bytes, identity: str) -> None:
    seed = seed_of(identity)
    frame = b"".join(build(kind, parts, seed))
    assert length_of(frame) == len(b"".join(parts))
    assert kind_of(frame[:HEAD_BYTES], frame[HEAD_BYTES:], seed) is kind
    noise = rest.replace(b"GJ", b"JG")
    assert find_frame(noise + frame, 0, seed) == len(noise)
    assert find_frame(noise + frame, 0, seed ^ 1) == len(noise + frame)


def test_a_payload_cannot_pose_as_a_frame_when_the_one_around_it_is_torn(
    opened: Callable[..., Journal], safe: Safe
) -> None:
    journal = opened()
    forged = b"".join(build(Kind.TICK, [b"as if a tower had seen smoke"]))
    safe.wait(journal.append(Kind.TICK, [b"before", forged, bytes(50)]))
    journal.close()
    last = list_segments(journal.folder)[-1]
    os.truncate(last.path, last.size - 30)
    assert bodies(journal.folder) == []


@given(body=st.binary(min_size=1, max_size=60), data=st.data())
def test_any_changed_bit_is_noticed(body: bytes, data: st.DataObject) -> None:
    frame = bytearray(b"".join(build(Kind.TICK, [body])))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= 1 << data.draw(st.integers(0, 7))
    assert kind_of(bytes(frame[:HEAD_BYTES]), bytes(frame[HEAD_BYTES:])) is None


def test_what_is_appended_is_read_in_order_over_segments(opened: Callable[..., Journal], safe: Safe) -> None:
    journal = opened()
    written = [b"%03d" % number * 20 for number in range(60)]
    ends = [journal.append(Kind.TICK, [body[:7], body[7:]], new_segment=journal.wants_segment) for body in written]
    safe.wait(ends[-1])
    assert bodies(journal.folder) == written
    assert bodies(journal.folder, ends[10], ends[12]) == written[11:13]
    segments = list_segments(journal.folder)
    assert len(segments) > 5
    assert [one.end for one in segments[:-1]] == [one.start for one in segments[1:]]
    assert all(read_head(one).journal == journal.identity and read_head(one).region == "two" for one in segments)
    assert last_segment_start(journal.folder) == segments[-1].start
    assert last_segment_start(journal.folder, segments[-1].start) == segments[-2].start


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 200), min_size=1, max_size=12), cut=st.integers(1, 400), junk=st.binary(max_size=20)
)
def test_a_torn_end_is_cut_off_and_everything_before_it_stays(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], cut: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    safe = Safe()
    journal = Journal(folder, region="two", on_durable=safe, limits=SMALL)
    journal.open()
    written = [bytes([number]) * size for number, size in enumerate(sizes)]
    ends = [journal.append(Kind.TICK, [body], new_segment=journal.wants_segment) for body in written]
    journal.close()
    assert safe.position == ends[-1]
    last = list_segments(folder)[-1]
    head = next(iter(read_segment(last))).end - last.start
    kept = max(last.size - cut, head if last.start == 0 else 0)
    torn = last.path.read_bytes()[kept:]
    assume(not junk or not torn.startswith(junk[:1]))  # junk that goes on as the file did would mend it
    os.truncate(last.path, kept)
    with last.path.open("ab") as file:
        file.write(junk)

    again = Journal(folder, region="two", on_durable=safe, limits=SMALL)
    again.open()
    survived = [body for body, end in zip(written, ends, strict=True) if end <= last.start + kept]
    assert bodies(folder) == survived
    added = again.append(Kind.TICK, [b"afterwards"])
    again.close()
    assert safe.position == added
    assert bodies(folder) == [*survived, b"afterwards"]


def test_damage_in_the_middle_costs_that_frame_alone(opened: Callable[..., Journal], safe: Safe) -> None:
    journal = opened(JournalLimits(min_free_bytes=0))
    ends = [journal.append(Kind.TICK, [b"%d" % number * 30]) for number in range(5)]
    safe.wait(ends[-1])
    path = list_segments(journal.folder)[0].path
    data = bytearray(path.read_bytes())
    data[ends[1] + HEAD_BYTES + 3] ^= 0xFF
    path.write_bytes(data)
    frames = [frame for frame in read_frames(journal.folder, 0) if frame.kind is Kind.TICK]
    assert [frame.body[:1] for frame in frames] == [b"0", b"1", b"3", b"4"]
    assert [frame.start == before.end for before, frame in itertools.pairwise(frames)] == [True, False, True]


def test_two_processes_cannot_write_one_journal(opened: Callable[..., Journal]) -> None:
    journal = opened()
    with pytest.raises(JournalError, match="another process writes to it"):
        Journal(journal.folder, region="two").open()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(JournalError, match=r"file/journal: expected a folder that can be written, was not"):
        Journal(tmp_path / "file" / "journal", region="two").open()


def test_a_foreign_file_under_a_segments_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{0:020d}.journal").write_bytes(b"".join(build(Kind.TICK, [b"no head"])))
    with pytest.raises(JournalError, match="expected a segment of the journal"):
        Journal(tmp_path, region="two").open()


@pytest.mark.parametrize("call", ["writev", "fdatasync"])
def test_a_disk_that_refuses_loses_nothing_and_doubles_nothing(
    opened: Callable[..., Journal], safe: Safe, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    journal = opened()
    first = journal.append(Kind.TICK, [b"before"])
    safe.wait(first)
    real = getattr(os, call)
    refused = threading.Event()

    def full(*arguments: object) -> object:
        if call == "writev":
            os.write(arguments[0], b"half of")  # type: ignore[arg-type]
        refused.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    ends = [journal.append(Kind.TICK, [b"%d" % number * 99], new_segment=number == 2) for number in range(4)]
    assert refused.wait(10.0)
    deadline = time.monotonic() + 10.0
    while journal.status.state != "down":
        assert time.monotonic() < deadline
    assert journal.status.reason == "No space left on device"
    assert safe.position == first
    assert bodies(journal.folder, 0, journal.durable) == [b"before"]
    monkeypatch.setattr(os, call, real)
    safe.wait(ends[-1])
    assert journal.status.state == "up"
    assert bodies(journal.folder) == [b"before", *(b"%d" % number * 99 for number in range(4))]


def test_little_room_on_the_disk_is_a_state(tmp_path: Path, safe: Safe) -> None:
    journal = Journal(tmp_path, region="two", on_durable=safe, limits=JournalLimits(min_free_bytes=1 << 60))
    journal.open()
    journal.append(Kind.TICK, [b"x"])
    deadline = time.monotonic() + 10.0
    while journal.status.state != "down":
        assert time.monotonic() < deadline
    assert "are free on the disk" in str(journal.status.reason)
    journal.close()
    assert safe.position == 0


def test_what_waits_for_the_disk_is_bounded_by_whoever_asks(
    opened: Callable[..., Journal], safe: Safe, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(JournalLimits(pending_bytes=1_000, min_free_bytes=0))
    held, going = threading.Event(), threading.Event()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        held.set()
        assert going.wait(10.0)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    journal.append(Kind.TICK, [bytes(500)])
    assert held.wait(10.0)
    assert not journal.is_behind
    end = journal.append(Kind.TICK, [bytes(600)])
    assert journal.is_behind
    assert journal.status.state == "degraded"
    going.set()
    safe.wait(end)
    assert not journal.is_behind


def test_old_segments_go_when_nobody_needs_them(opened: Callable[..., Journal], safe: Safe) -> None:
    journal = opened(JournalLimits(segment_bytes=300, keep_bytes=1_000, most_bytes=10**9, min_free_bytes=0))
    end = 0
    for number in range(40):
        end = journal.append(Kind.TICK, [b"%02d" % number * 40], new_segment=journal.wants_segment)
    safe.wait(end)
    assert first_position(journal.folder) == 0
    journal.release(end // 2)
    end = journal.append(Kind.TICK, [b"one more"])
    safe.wait(end)
    first = first_position(journal.folder)
    assert first is not None
    assert 0 < first <= end // 2
    # Who asks for what is gone gets what is left, and sees it by the position.
    assert next(read_frames(journal.folder, 0)).start == first
    journal.release(end)
    end = journal.append(Kind.TICK, [b"and another"])
    safe.wait(end)
    assert journal.status.kept_bytes <= 1_300


def test_nothing_is_taken_beyond_the_most(opened: Callable[..., Journal], safe: Safe) -> None:
    journal = opened(JournalLimits(segment_bytes=300, keep_bytes=500, most_bytes=2_000, min_free_bytes=0))
    ends = []
    for number in range(30):
        ends.append(journal.append(Kind.TICK, [b"%02d" % number * 50], new_segment=journal.wants_segment))
        if number == 3:
            safe.wait(ends[-1])
    deadline = time.monotonic() + 10.0
    while journal.status.state != "down":
        assert time.monotonic() < deadline
    assert "still needed" in str(journal.status.reason)
    assert journal.status.kept_bytes <= 2_000


def test_a_position_inside_of_no_segment_is_refused(opened: Callable[..., Journal], safe: Safe) -> None:
    journal = opened()
    safe.wait(journal.append(Kind.TICK, [b"x"]))
    with pytest.raises(JournalError, match="expected a position up to"):
        list(read_frames(journal.folder, 10_000))
    with pytest.raises(JournalError, match="expected a position in this file"):
        list(read_segment(list_segments(journal.folder)[0], 10_000))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_in_its_thread_is_seen(opened: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened()
    assert journal.is_alive
    monkeypatch.setattr(journal, "_try", lambda _group: 1 // 0)
    journal.append(Kind.TICK, [b"x"])
    deadline = time.monotonic() + 10.0
    while journal.is_alive:
        assert time.monotonic() < deadline
    assert journal.status.state == "down"
    assert "ZeroDivisionError" in str(journal.status.reason)
