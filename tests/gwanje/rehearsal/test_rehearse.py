"""A rehearsal: the same bytes every time, what the real parts would say, signs that follow, errors in one line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from config.catalogue.model import Catalogue
from gwanje.cli import main
from gwanje.commands.rehearse import simulated
from gwanje.rehearsal.rehearse import Plan, Rehearsed, rehearse
from gwanje.rehearsal.said import read_said
from gwanje.rehearsal.said_records import SaidAlert, SaidFindingLine, SaidSituation
from gwanje.score.score import score_run
from gwanje.score.tolerances import load_tolerances
from simulators.truth.folder import SAID_FILE, TRUTH_FILE, header_of
from simulators.truth.reader import read_run
from tests.simulators.causes.text import parse
from tests.simulators.region import small_region

START = datetime(2026, 4, 7, 22, 40, tzinfo=UTC)
DURATION_S = 420.0
CRASH = parse('kind = "crash"\nname = "crash"\nat_s = 60\nduration_s = 1500\nlanes_blocked = 2')
FILES = ("run.json", TRUTH_FILE, SAID_FILE)


def region_with_signs() -> Catalogue:
    """The small region with a sign on every link of the expressway, so that any crash has one before it."""
    plain = small_region()
    signs = tuple(
        msgspec.structs.replace(
            plain.sign[0], id=f"VMS-{link.id}", district=link.district, link=link.id, position=link.line[0]
        )
        for link in plain.links
        if link.road == "E1"
    )
    return small_region(sign=signs)


def rehearsed(folder: Path, *, approve_after_s: float | None = None, findings: bool = False) -> Rehearsed:
    catalogue = region_with_signs()
    simulation, truth = simulated(catalogue, CRASH, START, 5)
    header = header_of(
        catalogue, scenario="crash", title=CRASH.title, seed=5, start=START, duration_s=DURATION_S, mode="test",
        program="0",
    )  # fmt: skip
    plan = Plan(folder, header, DURATION_S, approve_after_s=approve_after_s, findings=findings)
    return asyncio.run(rehearse(catalogue, simulation, truth, plan))


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rehearsed]:
    folder = tmp_path_factory.mktemp("runs") / "approved"
    return folder, rehearsed(folder, approve_after_s=20.0)


def test_the_same_run_is_the_same_byte_for_byte(approved: tuple[Path, Rehearsed], tmp_path: Path) -> None:
    again = rehearsed(tmp_path / "again", approve_after_s=20.0)
    assert again == approved[1]
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (approved[0] / name).read_bytes()
        assert (approved[0] / name).stat().st_size > 0


def test_every_message_was_understood(approved: tuple[Path, Rehearsed]) -> None:
    assert approved[1].dead_letters == 0
    assert approved[1].ticks == DURATION_S
    assert approved[1].messages > 500


def test_the_crash_is_found_by_its_camera(approved: tuple[Path, Rehearsed]) -> None:
    run = read_run(approved[0])
    said = [line for line in read_said(approved[0]) if isinstance(line, SaidSituation)]
    score = score_run(run, said, load_tolerances())
    (incident,) = score.hazards[0].events
    # The camera looks every ten seconds and finds what is in its picture at about every second look.
    assert incident.detected
    assert 0.0 < incident.time_to_detect_s <= 120.0
    assert run.complete
    assert run.duration_s == DURATION_S


def test_signs_show_what_was_approved_and_say_so(approved: tuple[Path, Rehearsed]) -> None:
    alerts = [line for line in read_said(approved[0]) if isinstance(line, SaidAlert)]
    assert approved[1].approved == len({one.id for one in alerts if one.state == "approved"}) > 0
    final = {one.id: one for one in alerts if one.state == "approved"}
    signs = {sign for one in final.values() for sign in one.signs}
    assert signs
    assert {sign for one in final.values() for sign in one.shown} == signs
    first = min(one.time for one in alerts if one.state == "approved")
    assert (first - min(one.created for one in alerts)).total_seconds() == 20.0


def test_without_the_autopilot_nobody_approves_and_the_world_is_the_same(
    approved: tuple[Path, Rehearsed], tmp_path: Path
) -> None:
    # The roads of this region do not meet, so no driver can do what a sign says.
    alone = rehearsed(tmp_path / "alone", findings=True)
    assert alone.approved == 0
    said = read_said(tmp_path / "alone")
    assert {one.state for one in said if isinstance(one, SaidAlert)} == {"draft"}
    assert any(isinstance(one, SaidFindingLine) for one in said)
    assert (tmp_path / "alone" / TRUTH_FILE).read_bytes() == (approved[0] / TRUTH_FILE).read_bytes()


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWANJE_DATA_DIR", str(tmp_path / "data"))


def test_the_commands_from_scenario_to_score(
    region_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    given = ["rehearse", "calm", "--run", str(run), "--region", str(region_folder), "--hours", "0.02", "--seed", "5"]
    assert main(given) == 0
    assert "0.02 h in" in capsys.readouterr().out
    assert main(["score", str(run), "--language", "en"]) == 0
    assert "calm, seed 5, 0.02 h" in capsys.readouterr().out
    assert main(["score", str(run), str(run), "--json", str(tmp_path / "score.json")]) == 0
    assert "실행 2건 합계" in capsys.readouterr().out
    assert '"format": "gwanje-score"' in (tmp_path / "score.json").read_text()
    assert main(given) == 1
    assert "expected a new or empty folder, was one that holds a run" in capsys.readouterr().err
    assert main([*given, "--again"]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hours", "0"], "--hours: expected a number above 0 and at most 168, was 0"),
        (["--hours", "nan"], "--hours: expected a number above 0 and at most 168, was nan"),
        (["--speed", "fast"], "--speed: expected a number above 0, or max, was 'fast'"),
        (["--approve", "-1"], "--approve: expected seconds of 0 or more, was -1"),
        (["--seed", "-1"], "--seed: expected a whole number from 0 to 4294967295, was -1"),
        (["--date", "today"], "--date: expected a day as YYYY-MM-DD, was 'today'"),
    ],
)
def test_wrong_options_are_named(
    region_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    given = ["rehearse", "calm", "--run", str(tmp_path / "run"), "--region", str(region_folder), *options]
    assert main(given) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(tmp_path)]) == 1
    assert f"{tmp_path / 'run.json'}: expected the header of a run" in capsys.readouterr().err
