"""``gwanje sumo``: the region, a rehearsal, sending to a broker, and one line for what is wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.catalogue.load import load_region
from gwanje.commands import sumo
from gwanje.errors import CommandError
from ingest.mqtt.broker import Broker
from simulators.truth.reader import read_run
from tests.simulators.sumo.making import needs_sumo

pytestmark = [pytest.mark.integration, needs_sumo]
INCIDENT = '[[incident]]\nedge = "bc"\nlanes = [1]\npos_m = 600.0\nat_s = 60\nduration_s = 30\n'


def command(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    sumo.configure(parser)
    return sumo.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWANJE_MQTT_URL", raising=False)


@pytest.fixture
def broker_port() -> Iterator[int]:
    """A broker in a thread of its own: the command has its own event loop."""
    loop = asyncio.new_event_loop()
    broker = Broker()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(broker.start(), loop).result(10)
    yield broker.port
    asyncio.run_coroutine_threadsafe(broker.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_a_rehearsal_writes_region_and_truth_the_same_again(folder: Path, tmp_path: Path) -> None:
    incidents, run = tmp_path / "i.toml", tmp_path / "run"
    incidents.write_text(INCIDENT)
    options = ("--incidents", incidents, "--run", run, "--region-out", tmp_path / "region", "--seconds", "150")
    assert command(folder / "small.sumocfg", *options, "--seed", "7") == 0
    assert len(load_region(tmp_path / "region").vds) == 4
    truth = read_run(run)
    assert [one.id for one in truth.truth.incidents] == ["incident-1"]
    assert truth.truth.incidents[0].end is not None
    assert truth.header.duration_s == 150.0
    first = (run / "truth.jsonl").read_bytes()
    with pytest.raises(CommandError, match="expected a new or empty folder"):
        command(folder / "small.sumocfg", *options)
    assert command(folder / "small.sumocfg", *options, "--seed", "7", "--again") == 0
    assert (run / "truth.jsonl").read_bytes() == first


def test_a_run_against_a_broker_writes_the_truth(folder: Path, tmp_path: Path, broker_port: int) -> None:
    incidents, run = tmp_path / "i.toml", tmp_path / "run"
    incidents.write_text(INCIDENT)
    url = f"mqtt://127.0.0.1:{broker_port}"
    options = ("--mqtt-url", url, "--speed", "max", "--seconds", "150", "--incidents", incidents, "--run", run)
    assert command(folder / "small.sumocfg", *options) == 0
    lines = [json.loads(line) for line in (run / "truth.jsonl").read_text().splitlines()]
    assert lines[0]["kind"] == "incident"
    assert lines[-1]["kind"] == "run_end"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "there is nothing to do"),
        (("--region-out", "x", "--speed", "fast"), "--speed: expected a number above 0, or max, was 'fast'"),
        (("--region-out", "x", "--seed", "-1"), "--seed: expected a whole number from 0"),
        (("--region-out", "x", "--seconds", "0"), "--seconds: expected a time above 0"),
        (("--run", "x", "--start", "tomorrow"), "--start: expected an RFC 3339 time with its offset, was 'tomorrow'"),
        (("--run", "x", "--incidents", "none.toml"), "none.toml: expected a file of incidents"),
    ],
)
def test_wrong_options_are_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=problem) as caught:
        command(folder / "small.sumocfg", *options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_what_is_no_configuration_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"b\.sumocfg: expected a SUMO configuration, was no file"):
        command(tmp_path / "b.sumocfg", "--region-out", tmp_path / "region")
