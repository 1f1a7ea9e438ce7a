"""From snapshots to lines and back: what the reader gives is when each thing was there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.truth.folder import TRUTH_FILE, begin_run
from simulators.truth.reader import read_run
from simulators.truth.recorder import SAMPLE_EVERY_S, FireNow, QueueNow, Snapshot, TruthRecorder
from simulators.truth.records import FalseSource, Fault, Fire, FireReach, SlopeFailure, Spot
from simulators.truth.writer import TruthWriter
from tests.simulators.truth.test_files import START, crash, header

STEP_S = 10.0


def at(time_s: float) -> datetime:
    return START + timedelta(seconds=time_s)


def queue(name: str, cause: str | None, tail_m: float) -> QueueNow:
    head = Spot(lon_deg=128.0, lat_deg=37.0, link="L", offset_m=1_000.0)
    tail = msgspec.structs.replace(head, offset_m=tail_m)
    return QueueNow(name, cause, "E1", "up", head, tail, 1_000.0 - tail_m, 12.0)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_each_thing_lasts_from_its_first_snapshot_to_the_first_without_it(there: list[tuple[bool, ...]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "run"
        begin_run(folder, header())
        with TruthWriter(folder) as writer:
            recorder = TruthRecorder(writer, START)
            for number, (crashed, queued, deceived, burning) in enumerate(there):
                snapshot = Snapshot(
                    incidents=(crash(),) if crashed else (),
                    queues=(queue("q", "crash-1", 500.0),) if queued else (),
                    false_sources=(
                        (FalseSource(id="d", tower="T", cause="dust", azimuth_deg=10.0, start=START),)
                        if deceived
                        else ()
                    ),
                    fires=(
                        (FireNow(Fire(id="f", lon_deg=128.0, lat_deg=37.0, ignition=START), 1.0),) if burning else ()
                    ),
                    faults=(Fault(device="V", fault="stuck", start=START),) if crashed else (),
                )
                recorder.observe(snapshot, number * STEP_S)
            recorder.close(len(there) * STEP_S)
        truth = read_run(folder).truth
    found = (truth.incidents, truth.queues, truth.false_sources, truth.fires)
    for place, entities in enumerate(found):
        seen = [number for number, row in enumerate(there) if row[place]]
        assert len(entities) == bool(seen)
        for entity in entities:
            last = seen[-1]
            end = entity.out if isinstance(entity, Fire) else entity.end
            if isinstance(entity, Fire):
                gone = [number for number, row in enumerate(there) if not row[place] and number > seen[0]]
                assert end == (at(gone[0] * STEP_S) if gone else None)
            else:
                assert end == (None if last == len(there) - 1 else at((last + 1) * STEP_S))
    assert len(truth.faults) == len(truth.incidents)
    for one in truth.queues:
        assert one.start == at(STEP_S * next(number for number, row in enumerate(there) if row[1]))
        times = [sample.time for sample in truth.queue_samples["q"]]
        assert times[0] == one.start
        assert all((b - a).total_seconds() >= SAMPLE_EVERY_S for a, b in pairwise(times))


def test_what_stays_the_same_is_written_once(tmp_path: Path) -> None:
    begin_run(tmp_path / "run", header())
    slope = SlopeFailure(id="SLP-1", lon_deg=128.0, lat_deg=37.0, creep_onset=START)
    fire = Fire(id="f", lon_deg=128.0, lat_deg=37.0, ignition=START)
    reach = FireReach(fire="f", target_kind="link", target="L", time=START)
    with TruthWriter(tmp_path / "run") as writer:
        recorder = TruthRecorder(writer, START)
        same = Snapshot(incidents=(crash(),), slopes=(slope,), fires=(FireNow(fire, 0.0, (), (reach,)),))
        recorder.observe(same, 0.0)
        first = writer.count
        recorder.observe(same, STEP_S)
        assert writer.count == first == 5
        failed = msgspec.structs.replace(slope, failure=at(20.0))
        recorder.observe(Snapshot(incidents=(crash(),), slopes=(failed,), fires=same.fires), 20.0)
        assert writer.count == first + 1
    assert read_run(tmp_path / "run").truth.slopes == (failed,)


def test_a_changed_cause_of_a_queue_is_kept_with_its_first_start(tmp_path: Path) -> None:
    begin_run(tmp_path / "run", header())
    with TruthWriter(tmp_path / "run") as writer:
        recorder = TruthRecorder(writer, datetime(2026, 4, 8, tzinfo=UTC))
        recorder.observe(Snapshot(queues=(queue("q", None, 300.0),)), 10.0)
        recorder.observe(Snapshot(queues=(queue("q", "crash-1", 300.0),)), 20.0)
    (found,) = read_run(tmp_path / "run").truth.queues
    assert (found.cause, found.start, found.end) == ("crash-1", at(10.0), None)
    assert (tmp_path / "run" / TRUTH_FILE).read_bytes().count(b'"kind":"queue"') == 2
