"""``gwanje rerun`` as its user calls it: the same again, other thresholds beside it, and errors in one line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from alerts.gazetteer import Gazetteer
from config.catalogue.model import Catalogue
from config.numbers import THRESHOLDS
from gwanje.cli import main
from gwanje.journaling import region_name
from ingest.core import Core
from ingest.region import engine_region
from ingest.safekeeping import Safekeeper
from ingest.thresholds import load_thresholds
from sensors.columns import to_ns
from storage.journal.log import Journal
from storage.journal.model import JournalLimits
from tests.alerts.making import later
from tests.ingest.making import arrived, batcher, reader, vds


@pytest.fixture
def journal(tmp_path: Path, region: Catalogue) -> Path:
    """Half an hour with a jam."""
    log = Journal(tmp_path / "journal", region=region_name(region), limits=JournalLimits(min_free_bytes=0))
    log.open()
    keeper = Safekeeper(log, lambda _lane, _messages: None)
    core = Core(reader(), batcher(), engine_region(region, Gazetteer(region)), load_thresholds())
    for number in range(30):
        at = later(60.0 * number)
        lanes = [{"lane": 1, "volume": 6, "speed_kmh": 12.0 if number > 5 else 95.0, "occupancy_pct": 50.0}]
        taken = arrived(*(vds(f"VDS-E1up0{one}", seq=number, time=at, lanes=lanes) for one in range(4)), at=at)
        keeper.keep(taken, core.run(taken, to_ns(at)), to_ns(at))
    log.close()
    return log.folder


def given(journal: Path, region_folder: Path, *more: str) -> list[str]:
    return ["rerun", "--journal", str(journal), "--region", str(region_folder), *more]


def test_the_same_again_is_the_same_byte_for_byte(
    journal: Path, region_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = tmp_path / "findings.jsonl"
    assert main(given(journal, region_folder, "--findings", str(findings))) == 0
    said = capsys.readouterr().out
    assert "the same byte for byte" in said
    assert re.search(r"= +traffic\.congestion +E1:up", said)
    assert {json.loads(line)["rule"] for line in findings.read_text().splitlines()} - {"traffic.incident"} == {
        "traffic.congestion"
    }


def test_other_thresholds_stand_beside_what_was(
    journal: Path, region_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = tmp_path / "thresholds"
    shutil.copytree(THRESHOLDS, tables)
    table = tables / "traffic.toml"
    table.write_text(re.sub(r"(\[jammed_below_ratio\]\nvalue = )[0-9.]+", r"\g<1>0.01", table.read_text()))
    assert main(given(journal, region_folder, "--thresholds", str(tables), "--json", "-")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["same"] is False
    queues = [one for one in document["episodes"] if (one["was"] or one["would"])["rule"] == "traffic.congestion"]
    assert [(one["was"] is None, one["would"] is None) for one in queues] == [(False, True)]
    assert document["was_sha256"] != document["found_sha256"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--since", "yesterday"), "--since: expected a time with its offset"),
        (("--since", "2026-07-01T03:00:00"), "--since: expected a time with its offset"),
        (("--since", "2026-07-01T03:20:00Z", "--until", "2026-07-01T03:10:00Z"), "--since: expected a moment before"),
        (("--until", "2020-01-01T00:00:00Z"), "--until: expected a time out of 2026-07-01T03:00:00"),
        (("--thresholds", "nowhere"), "nowhere"),
        (("--findings", "/nonexistent/file"), "--findings: expected a file that can be written"),
    ],
)
def test_what_cannot_be_run_again_is_said_in_one_line(
    journal: Path, region_folder: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], problem: str
) -> None:
    assert main(given(journal, region_folder, *more)) == 1
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("gwanje rerun: ")]
    assert problem in line


def test_an_empty_journal_and_one_of_another_region_are_refused(
    journal: Path, region_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given(tmp_path / "none", region_folder)) == 1
    assert "expected a journal with something in it, was empty" in capsys.readouterr().err
    stations = region_folder.parent / "other"
    shutil.copytree(region_folder, stations, dirs_exist_ok=True)
    path = next(stations.glob("vds*"))
    path.write_text(path.read_text().replace("VDS-E1up05", "VDS-E1up95"))
    assert main(given(journal, stations)) == 1
    assert "it was written in another region" in capsys.readouterr().err
