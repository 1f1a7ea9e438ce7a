"""``gwanje bench``: which benchmarks there are, and what becomes of their figures."""

from __future__ import annotations

import json
import os
import signal
import types
from collections.abc import Iterator
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest

from gwanje.cli import main
from gwanje.commands import bench


@pytest.mark.parametrize("name", bench.BENCHMARKS)
def test_every_benchmark_runs_without_arguments_and_takes_its_brief_ones(name: str) -> None:
    parameters = signature(import_module(f"benchmarks.{name}").run).parameters
    assert all(one.default is not Parameter.empty for one in parameters.values())
    assert set(bench.BENCHMARKS[name].brief or {}) <= set(parameters)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    called: list[tuple[str, dict[str, Any]]] = []
    before = signal.getsignal(signal.SIGTERM)

    def module(name: str) -> types.SimpleNamespace:
        def run(**arguments: Any) -> dict[str, Any]:
            called.append((name, arguments))
            if name == "benchmarks.bad":
                raise RuntimeError("no broker")
            if name == "benchmarks.long":
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()
            return {"rate": 5}

        return types.SimpleNamespace(run=run)

    known = {"good": bench.Benchmark("a", {"watch_s": 1}), "bad": bench.Benchmark("b"), "long": bench.Benchmark("c")}
    monkeypatch.setattr(bench, "BENCHMARKS", known)
    monkeypatch.setattr(bench, "import_module", module)
    yield called
    signal.signal(signal.SIGTERM, before)


def test_without_names_the_brief_ones_run(two: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    assert two == [("benchmarks.good", {"watch_s": 1})]
    out, err = capsys.readouterr()
    assert json.loads(out) == {"good": {"rate": 5, "took_s": 0.0}}
    assert err == "good: a …\n"


def test_one_that_fails_says_so_and_the_others_go_on(two: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main(["bench", "bad", "good", "--out", str(file)]) == 1
    assert two == [("benchmarks.bad", {}), ("benchmarks.good", {})]
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures["bad"]["failed"] == "RuntimeError: no broker"
    assert figures["good"]["rate"] == 5


def test_a_run_that_is_ended_keeps_what_it_has_measured(two: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main(["bench", "good", "long", "bad", "--out", str(file)]) == 130
    assert [name for name, _ in two] == ["benchmarks.good", "benchmarks.long"]
    assert list(json.loads(file.read_text(encoding="utf-8"))) == ["good"]


def test_what_is_wrong_is_told_in_one_line(two: list[Any], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["bench", "better"]) == 1
    assert capsys.readouterr().err == "gwanje bench: NAME: expected some of good, bad, long, was 'better'\n"
    assert main(["bench", "good", "--out", str(tmp_path / "no" / "f.json")]) == 1
    assert "expected a file that can be written" in capsys.readouterr().err
