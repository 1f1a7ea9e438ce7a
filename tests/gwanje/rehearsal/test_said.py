"""What was said: each wording once, and a log that must not stop what it logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from alerts.desk_store import DeskChange, Posting
from alerts.model import Situation
from config.catalogue.model import Name
from engine.findings import Finding, HazardLevel, Observation, Rule
from gwanje.rehearsal.memory_store import MemoryStore
from gwanje.rehearsal.said import SaidLog, read_said
from gwanje.rehearsal.said_records import SaidFindingLine, SaidSituation
from simulators.truth.errors import RunError
from simulators.truth.folder import SAID_FILE

NOW = datetime(2026, 4, 8, tzinfo=UTC)
FINDING = Finding(
    id="camera-1", rule=Rule.CAMERA_EVENT, level=HazardLevel.CAUTION, active=True, onset_ns=0, updated_ns=0,
    confidence=0.7, lon_deg=128.0, lat_deg=37.0, subject="CAM-1", detail="stopped_vehicle", devices=("CAM-1",),
    observations=(Observation("CAM-1", 1),), receipt=(),
)  # fmt: skip
SITUATION = Situation(
    id="situation-1", kind="incident", level=HazardLevel.CAUTION, active=True, title=Name("", ""), district="1",
    lon_deg=128.0, lat_deg=37.0, opened=NOW, updated=NOW, confidence=0.7, findings=(FINDING,),
)  # fmt: skip


def test_a_wording_that_only_grew_older_is_not_written(tmp_path: Path) -> None:
    log = SaidLog(tmp_path)
    for minute in range(3):
        later = NOW + timedelta(minutes=minute)
        log.note([msgspec.structs.replace(SITUATION, updated=later)], [], later)
    log.note([msgspec.structs.replace(SITUATION, active=False)], [], NOW + timedelta(hours=1))
    said = read_said(tmp_path)
    assert [(one.time, one.active) for one in said if isinstance(one, SaidSituation)] == [
        (NOW, True),
        (NOW + timedelta(hours=1), False),
    ]
    assert said[0].findings[0].detail == "stopped_vehicle"  # type: ignore[attr-defined]


def test_findings_are_written_when_wanted(tmp_path: Path) -> None:
    SaidLog(tmp_path).note_findings([FINDING])
    assert read_said(tmp_path) == []
    SaidLog(tmp_path, findings=True).note_findings([FINDING])
    (line,) = read_said(tmp_path)
    assert isinstance(line, SaidFindingLine)
    assert line.finding == FINDING


def test_a_disk_that_fails_is_told_and_stops_nothing(tmp_path: Path) -> None:
    told: list[OSError] = []
    log = SaidLog(tmp_path / "missing", on_error=told.append)
    log.note([SITUATION], [], NOW)
    assert [type(one) for one in told] == [FileNotFoundError]
    assert log.count == 0
    with pytest.raises(FileNotFoundError):
        SaidLog(tmp_path / "missing").note([SITUATION], [], NOW)


def test_a_broken_line_is_named_and_a_cut_one_left_out(tmp_path: Path) -> None:
    SaidLog(tmp_path).note([SITUATION], [], NOW)
    path = tmp_path / SAID_FILE
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-7])
    assert len(read_said(tmp_path)) == 1
    path.write_bytes(whole + whole.replace(b'"active":true', b'"active":1', 1))
    with pytest.raises(RunError, match=r"said\.jsonl: line 2: active: expected `bool`, was `int`"):
        read_said(tmp_path)


async def test_the_store_in_memory_gives_each_posting_once() -> None:
    store = MemoryStore()
    targets = [f"VMS-{number}" for number in range(5)]
    postings = tuple(Posting(alert="a", version=2, channel="sign", target=one) for one in targets)
    await store.save(DeskChange(postings=postings))
    taken = [*await store.claim("sign", 3), *await store.claim("sign", 3), *await store.claim("sign", 3)]
    assert [one.target for one in taken] == targets
    assert await store.claim("subscribers", 3) == []
    assert store.posting(taken[0].number) == ("a", "VMS-0")
    assert store.posting(99) is None
