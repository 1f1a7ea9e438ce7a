"""The command line: scoring a folder, as tables and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.incidents.__main__ import main
from tests.benchmarks.incidents.builders import corridor, incident, labels


def test_score_as_json_and_as_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corridor(tmp_path, labels(incidents=(incident(),)))
    assert main(["score", str(tmp_path), "--detector", "california7", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["spacing"] == "1km"
    assert report["california7"]["groups"]["asked"] == {"incidents": 1.0, "found": 0.0, "rate": 0.0}
    assert [one["id"] for one in report["california7"]["missed"]] == ["a"]
    assert main(["score", str(tmp_path), "--detector", "california7", "--spacing", "500m"]) == 0
    assert "오경보" in capsys.readouterr().out


def test_an_empty_folder_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(tmp_path)]) == 1
    assert "expected test_*.npz with labels" in capsys.readouterr().err


def test_an_array_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corridor(tmp_path, labels())
    assert main(["field", str(tmp_path / "test_one.npz"), "--direction", "rising"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    total = {line["detector"]: line for line in lines if "alarms" in line}
    assert total["california7"]["alarms"] == 0
    assert total["california7"]["per_day_100_km"] == 0.0


def test_seeds_are_a_range(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["make", "--out", str(tmp_path), "--seeds", "one-two"])
