"""The folder of a run: written as things happen, read back whole, and clear about what is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from config.catalogue.model import Name
from simulators.truth.errors import RunError
from simulators.truth.folder import HEADER_FILE, SAID_FILE, TRUTH_FILE, RunHeader, begin_run, header_of, read_header
from simulators.truth.reader import assemble, read_run
from simulators.truth.records import Fault, Fire, FireReach, FireSample, Incident, Phones, QueueSample, Reception, Spot
from simulators.truth.writer import TruthWriter
from tests.simulators.region import small_region

START = datetime(2026, 4, 8, tzinfo=UTC)


def header() -> RunHeader:
    return header_of(
        small_region(),
        scenario="crash",
        title=Name("사고", "crash"),
        seed=3,
        start=START,
        duration_s=600.0,
        mode="test",
        program="0.1.0",
    )


def crash(**changes: object) -> Incident:
    incident = Incident(
        id="crash-1", cause="crash", link="E1up03", offset_m=10.0, lon_deg=128.0, lat_deg=37.0, lanes=(1,),
        all_lanes=False, road="E1", direction="up", district="99110", start=START,
    )  # fmt: skip
    return msgspec.structs.replace(incident, **changes)


def written(folder: Path, *lines: object) -> Path:
    begin_run(folder, header())
    with TruthWriter(folder) as writer:
        writer.add(lines)  # type: ignore[arg-type]
    return folder


def test_a_header_comes_back_as_it_was(tmp_path: Path) -> None:
    begin_run(tmp_path / "run", header())
    assert read_header(tmp_path / "run") == header()
    assert header().devices["vds"] == len(small_region().vds)


def test_the_last_line_of_an_entity_counts_and_samples_add_up(tmp_path: Path) -> None:
    fire = Fire(id="f", lon_deg=128.0, lat_deg=37.0, ignition=START)
    minute = timedelta(minutes=1)
    folder = written(
        tmp_path / "run",
        crash(),
        fire,
        FireSample(fire="f", time=START + 2 * minute, area_ha=3.0),
        FireSample(fire="f", time=START + minute, area_ha=1.0),
        FireReach(fire="f", target_kind="village", target="V1", time=START + minute),
        Phones(area="V1", area_kind="village", time=START, inside=3, cells={"c": 3}),
        Reception(message="m1", time=START, phones={"c": 2}, repeated=0),
        Reception(message="m1", time=START + minute, phones={"c": 1}, repeated=2),
        Fault(device="VDS-1", fault="stuck", start=START),
        crash(end=START + 5 * minute),
        Fault(device="VDS-1", fault="stuck", start=START, end=START + minute),
    )
    run = read_run(folder)
    assert [one.end for one in run.truth.incidents] == [START + 5 * minute]
    assert [one.area_ha for one in run.truth.fire_samples["f"]] == [1.0, 3.0]
    assert [one.end for one in run.truth.faults] == [START + minute]
    assert [one.repeated for one in run.truth.receptions] == [0, 2]
    assert len(run.truth.phones) == len(run.truth.reaches) == 1
    assert (run.complete, run.duration_s) == (False, 300.0)


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path, cut: int) -> None:
    folder = written(tmp_path / "run", crash(), crash(id="crash-2"))
    path = folder / TRUTH_FILE
    path.write_bytes(path.read_bytes()[:-cut])
    assert [one.id for one in read_run(folder).truth.incidents] == ["crash-1"]


def test_a_run_without_any_line_is_a_run(tmp_path: Path) -> None:
    begin_run(tmp_path / "run", header())
    run = read_run(tmp_path / "run")
    assert (run.truth.incidents, run.duration_s, run.complete) == ((), 0.0, False)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"offset_m":10.0', b'"offset_m":"ten"', "line 1: offset_m: expected `float`, was `str`"),
        (b'"cause":"crash"', b'"cause":"rain"', "line 1: cause: invalid enum value 'rain'"),
        (b'"all_lanes"', b'"every_lane"', "line 1: object contains unknown field `every_lane`"),
        (b'"kind":"incident"', b'"kind":"accident"', "line 1: kind: invalid value 'accident'"),
        (b'00:00:00Z"', b'00:00:00"', "line 1: start: expected a time with its offset, was 2026-04-08T00:00:00"),
        (b'"lon_deg":128.0', b'"lon_deg":999.0', "line 1: lon_deg: expected `float` <= 180.0"),
        (b"{", b"", "line 1: "),
    ],
)
def test_a_broken_line_is_named_by_file_line_and_field(tmp_path: Path, old: bytes, new: bytes, said: str) -> None:
    folder = written(tmp_path / "run", crash(), crash(id="crash-2"))
    path = folder / TRUTH_FILE
    text = path.read_bytes()
    assert old in text
    path.write_bytes(text.replace(old, new, 1))
    with pytest.raises(RunError) as caught:
        read_run(folder)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_a_sample_of_nothing_is_refused() -> None:
    spot = Spot(lon_deg=128.0, lat_deg=37.0, link="L", offset_m=0.0)
    sample = QueueSample(queue="q9", time=START, head=spot, tail=spot, length_m=0.0, speed_kmh=5.0)
    with pytest.raises(RunError, match=r"queue_sample: queue: expected one that began, was 'q9'"):
        assemble([sample])
    with pytest.raises(RunError, match=r"fire_reach: fire: expected a fire that began, was 'f9'"):
        assemble([FireReach(fire="f9", target_kind="link", target="L", time=START)])


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(RunError, match=r"expected a new or empty folder, was one that holds photo\.jpg"):
        begin_run(tmp_path, header(), again=True)
    assert (tmp_path / "photo.jpg").read_bytes() == b"x"


def test_an_earlier_run_is_only_given_up_when_asked(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", crash())
    with pytest.raises(RunError, match="was one that holds a run"):
        begin_run(folder, header())
    begin_run(folder, header(), again=True)
    assert not (folder / TRUTH_FILE).exists()


def test_what_the_control_room_said_before_the_run_began_stays(tmp_path: Path) -> None:
    (tmp_path / SAID_FILE).write_bytes(b"{}\n")
    begin_run(tmp_path, header())
    assert (tmp_path / SAID_FILE).read_bytes() == b"{}\n"


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected the header of a run, was not readable"):
        read_run(tmp_path)
    (tmp_path / HEADER_FILE).write_text('{"format": "gwanje-run", "version": 2}')
    with pytest.raises(RunError, match=r"run\.json: version: invalid enum value 2"):
        read_run(tmp_path)
