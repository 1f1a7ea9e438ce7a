"""A disk that is really full: a state with a reason, nothing acknowledged, and all goes on when there is room."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from storage.journal.frames import Kind
from storage.journal.log import Journal
from storage.journal.model import JournalLimits
from storage.journal.read import read_frames
from tests.faults import disks

_SIZE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    try:
        with disks.small_disk(tmp_path / "disk", _SIZE) as folder:
            yield folder
    except disks.CannotMountError as exc:
        pytest.skip(str(exc))


@pytest.mark.parametrize("looks", [True, False], ids=["seen", "met"])
def test_it_says_so_waits_and_goes_on_when_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    if not looks:  # others took the room between the look and the write
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1 << 40))
    grown = threading.Condition()
    safe = 0

    def on_durable(position: int) -> None:
        nonlocal safe
        with grown:
            safe = position
            grown.notify_all()

    def wait(until: int, patience_s: float = 10.0) -> bool:
        with grown:
            return grown.wait_for(lambda: safe >= until, patience_s)

    filler = small_disk / "filler"
    journal = Journal(
        small_disk / "journal", region="two", on_durable=on_durable, limits=JournalLimits(min_free_bytes=0)
    )
    journal.open()
    first = journal.append(Kind.TICK, [b"before"])
    assert wait(first)
    filler.write_bytes(bytes(_SIZE - 40_960))
    bodies = [bytes([number]) * 20_000 for number in range(8)]
    ends = [journal.append(Kind.TICK, [body]) for body in bodies]
    assert not wait(ends[-1], 1.0)
    assert journal.status.state == "down"
    assert ("are free on the disk" if looks else "No space left on device") in str(journal.status.reason)
    kept = [frame.body for frame in read_frames(journal.folder, 0, journal.durable) if frame.kind is Kind.TICK]
    assert kept == [b"before", *bodies[: len(kept) - 1]]
    filler.unlink()
    assert wait(ends[-1])
    assert journal.status.state == "up"
    journal.close()
    assert [one.body for one in read_frames(journal.folder, 0) if one.kind is Kind.TICK] == [b"before", *bodies]
