"""The command line: what cannot start says so in one line that names what is wrong, and gives an exit status."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import structlog

from config.numbers import THRESHOLDS
from config.settings import Settings, load_settings
from gwanje.cli import COMMANDS, main
from gwanje.commands.protocol import documents
from gwanje.commands.up import scenarios
from gwanje.stack import Stack, child_environment, only_one, with_port
from simulators.causes.files import scenario_names
from tests.fix_system import free_port
from tests.simulators.causes.text import scenario_text

CLOSED = "postgresql://gwanje:secret@127.0.0.1:1/gwanje"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing of this machine's settings, and logs as they were afterwards."""
    for name in list(os.environ):
        if name.startswith("GWANJE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GWANJE_DATA_DIR", str(tmp_path / "data"))
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    interrupt, terminate = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, terminate)


def failure(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> str:
    """Run a command that must fail; return its one line without the command's name."""
    assert main(arguments) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("gwanje ")]
    assert len(lines) == 1, lines
    name = f"gwanje {arguments[0]}: "
    assert lines[0].startswith(name)
    return lines[0].removeprefix(name)


def test_a_database_that_is_not_there_is_named_without_its_password(
    capsys: pytest.CaptureFixture[str], region_folder: Path
) -> None:
    said = failure(capsys, ["serve", "--region", str(region_folder), "--database-url", CLOSED, "--port", "0"])
    assert said.startswith("cannot reach the database gwanje at 127.0.0.1:1 (")
    assert "GWANJE_DATABASE_URL" in said
    assert "secret" not in said


def test_without_a_database_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert failure(capsys, ["serve"]).startswith("GWANJE_DATABASE_URL: expected postgresql://")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mqtt://127.0.0.1:1", "cannot reach the MQTT broker at 127.0.0.1:1 (connection refused)"),
        ("http://127.0.0.1:1883", "GWANJE_MQTT_URL: MQTT URL: expected mqtt://"),
        ("mqtt://user:secret@", "GWANJE_MQTT_URL: MQTT URL: expected mqtt://"),
    ],
)
def test_a_broker_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    region_folder: Path,
    url: str,
    text: str,
) -> None:
    monkeypatch.setenv("GWANJE_MQTT_URL", url)
    said = failure(capsys, ["serve", "--region", str(region_folder), "--database-url", CLOSED])
    assert said.startswith(text)
    assert "secret" not in said


@pytest.mark.integration
def test_a_port_that_is_taken_is_named(
    capsys: pytest.CaptureFixture[str], region_folder: Path, database_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--region", str(region_folder), "--port", str(port)]
        said = failure(capsys, ["serve", "--database-url", database_url, *arguments])
        assert said == (
            f"cannot listen on 127.0.0.1:{port} (address already in use): "
            "stop what uses the port, or choose another with --port"
        )
        assert failure(capsys, ["up", "--no-devices", *arguments]) == said


def test_a_broken_region_is_named_with_file_row_and_field(
    capsys: pytest.CaptureFixture[str], region_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(region_folder, tmp_path / "broken"))
    tables = json.loads((folder / "cctv.geojson").read_text())
    tables["features"][3]["properties"]["link"] = "9999999999"
    (folder / "cctv.geojson").write_text(json.dumps(tables))
    for arguments in (["serve", "--database-url", CLOSED], ["up", "--no-devices", "--port", "0"]):
        said = failure(capsys, [*arguments, "--region", str(folder)])
        assert "cctv.geojson: " in said
        assert "CAM-3: field link: expected" in said
        assert "9999999999" in said


def test_a_damaged_file_is_named_and_every_problem_can_be_listed(
    capsys: pytest.CaptureFixture[str], region_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(region_folder, tmp_path / "broken"))
    path = folder / "sign.geojson"
    path.write_text(path.read_text()[:100])
    (folder / "tower.geojson").unlink()
    said = failure(capsys, ["serve", "--database-url", CLOSED, "--region", str(folder)])
    assert ".geojson: " in said
    assert "`gwanje region" in said
    assert main(["region", str(folder)]) == 1
    listed = capsys.readouterr().err
    assert "sign.geojson" in listed
    assert "tower.geojson" in listed


def test_an_unknown_region_is_named_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["serve", "--database-url", CLOSED], ["up", "--port", "0"], ["region"]):
        given = ["atlantis"] if arguments == ["region"] else ["--region", "atlantis"]
        said = failure(capsys, [*arguments, *given])
        assert said.startswith("region: expected one of default")
        assert "'atlantis'" in said


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("GWANJE_PORT", "abc", "GWANJE_PORT: expected a whole number from 0 to 65535, was 'abc'"),
        ("GWANJE_MODE", "drill", "GWANJE_MODE: expected one of live, exercise, test, was 'drill'"),
        ("GWANJE_CONFIG", "/nonexistent.toml", "GWANJE_CONFIG: expected a file that can be read"),
    ],
)
@pytest.mark.parametrize("command", ["up", "serve", "simulate", "region"])
def test_a_wrong_setting_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str, text: str
) -> None:
    monkeypatch.setenv(name, value)
    assert failure(capsys, [command]).startswith(text)


TO_A_BROKER = ["--mqtt-url", "mqtt://127.0.0.1:1"]


@pytest.mark.parametrize(("command", "more"), [("up", ["--port", "0"]), ("simulate", ["calm", *TO_A_BROKER])])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--speed", "0.5"], "--speed: expected a number from 1 to 200, was 0.5"),
        (["--speed", "201"], "--speed: expected a number from 1 to 200, was 201.0"),
        (["--speed", "nan"], "--speed: expected a number from 1 to 200, was nan"),
        (["--scale", "half"], "scale: expected 1, national, or a share of it from 0.02 to below 1, was 'half'"),
        (["--scale", "2"], "scale: expected 1, national, or a share of it from 0.02 to below 1, was 2.0"),
        (["--scale", "0"], "scale: expected 1, national, or a share of it from 0.02 to below 1, was 0.0"),
        (["--seed", "-1"], "--seed: expected a whole number from 0 to 4294967295, was -1"),
        (["--seed", "4294967296"], "--seed: expected a whole number from 0 to 4294967295, was 4294967296"),
    ],
)
def test_a_wrong_option_is_named(
    capsys: pytest.CaptureFixture[str], command: str, more: list[str], options: list[str], text: str
) -> None:
    assert failure(capsys, [command, *more, *options]) == text


def test_a_region_that_is_no_country_has_no_scale(capsys: pytest.CaptureFixture[str], region_folder: Path) -> None:
    for command in (["up", "--port", "0"], ["simulate", "calm", *TO_A_BROKER]):
        said = failure(capsys, [*command, "--region", str(region_folder), "--scale", "0.5"])
        assert said == f"scale: expected 1 for region {region_folder}, which is no plan of a country, was 0.5"


@pytest.mark.parametrize("command", ["simulate", "rehearse"])
def test_every_problem_of_a_scenario_is_named_with_file_line_and_field(
    capsys: pytest.CaptureFixture[str], region_folder: Path, tmp_path: Path, command: str
) -> None:
    options = ["--region", str(region_folder)]
    options += TO_A_BROKER if command == "simulate" else ["--run", str(tmp_path / "run")]
    path = tmp_path / "mine.toml"
    crash = 'kind = "crash"\nat_s = 60\nlanes_blocked = {}'
    path.write_text(scenario_text(crash.format(0), 'kind = "crash"\nat_s = "soon"\nlanes_blocked = 1'))
    given = [command, str(path), *options]
    no_crash = "mine.toml:9: event[0].lanes_blocked: expected a whole number of lanes from 1 to 8, was 0"
    refused(capsys, given, [no_crash, "mine.toml:12: event[1].at_s: expected seconds from the start of the run"])
    path.write_text(scenario_text(crash.format(2), 'kind = "slope_creep"\nat_s = 0\nrate_deg_h = 1\nnode = "SLP-9"'))
    refused(capsys, given, ["mine.toml:14: event[1].node: expected a slope node of region small"])
    path.write_text("seed = [")
    refused(capsys, given, ["mine.toml:1: scenario: expected TOML, was something else"])
    assert not (tmp_path / "run").exists()
    absent = tmp_path / "absent.toml"
    said = failure(capsys, [command, str(absent), *options])
    assert said == f"{absent}: expected a file that can be read, was not (no such file or directory)"


@pytest.mark.integration
def test_up_tells_of_a_scenario_of_ones_own_like_the_others(
    capsys: pytest.CaptureFixture[str], region_folder: Path, tmp_path: Path
) -> None:
    given = ["up", "--port", "0", "--region", str(region_folder), "--scenario"]
    assert failure(capsys, [*given, "doomsday"]).startswith("--scenario: expected one of calm")
    absent = str(tmp_path / "absent.toml")
    assert failure(capsys, [*given, absent]) == f"--scenario: expected a file, was {absent}"
    path = tmp_path / "mine.toml"
    path.write_text(scenario_text('kind = "slope_creep"\nat_s = 0\nrate_deg_h = 1\nnode = "SLP-9"'))
    refused(capsys, [*given, str(path)], ["mine.toml:10: event[0].node: expected a slope node of region small"])


def refused(capsys: pytest.CaptureFixture[str], arguments: Sequence[str], beginnings: Sequence[str]) -> None:
    """Run a command that must fail with a line for each problem."""
    assert main(arguments) == 1
    lines = capsys.readouterr().err.removeprefix(f"gwanje {arguments[0]}: ").splitlines()
    assert len(lines) == len(beginnings)
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning)


def test_a_data_folder_that_cannot_be_written_to_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/gwanje")):
        said = failure(capsys, ["up", "--data-dir", str(folder), "--port", "0"])
        assert said.startswith(f"data folder {folder}: expected a folder that can be written to, was not (")
        assert said.endswith("choose another with --data-dir")


def test_a_second_up_on_one_folder_is_told_who_has_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with only_one(tmp_path):
        said = failure(capsys, ["up", "--data-dir", str(tmp_path), "--port", "0"])
    assert said == (
        f"{tmp_path} is in use by another gwanje (process {os.getpid()}): "
        "stop it, or choose another folder with --data-dir"
    )


@pytest.mark.integration
def test_thresholds_of_ones_own_have_to_be_whole(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    region_folder: Path,
    tmp_path: Path,
    database_url: str,
) -> None:
    folder = Path(shutil.copytree(THRESHOLDS, tmp_path / "thresholds"))
    (folder / "alert.toml").write_text((folder / "alert.toml").read_text().replace("[sign_priority]", "[priority]"))
    monkeypatch.setenv("GWANJE_THRESHOLDS", str(folder))
    said = failure(capsys, ["serve", "--database-url", database_url, "--region", str(region_folder), "--port", "0"])
    assert said == f"{folder}/alert.toml: priority: expected no such entry, was there"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["simulate", "calm"], "GWANJE_MQTT_URL: expected mqtt://host:port, was not set"),
        (["simulate", "doomsday", "--mqtt-url", "mqtt://127.0.0.1:1"], "scenario: expected one of calm"),
        (["record", "x.gz"], "GWANJE_MQTT_URL: expected mqtt://host:port, was not set"),
        (["replay", "/nonexistent.gz"], "/nonexistent.gz: expected a recording or a detector array, was no file"),
        (["replay", __file__], f"{__file__}: expected a recording made by `gwanje record`"),
    ],
)
def test_other_commands_say_what_they_need(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    assert failure(capsys, arguments).startswith(text)


def test_a_recording_needs_a_broker_and_a_file(
    capsys: pytest.CaptureFixture[str], region_folder: Path, tmp_path: Path
) -> None:
    given = ["--region", str(region_folder), "--mqtt-url", f"mqtt://127.0.0.1:{free_port()}"]
    assert failure(capsys, ["record", str(tmp_path / "none" / "x.gz"), *given]).startswith(str(tmp_path))
    assert given[-1] in failure(capsys, ["record", str(tmp_path / "x.gz"), *given])
    assert "--minutes: expected a number above 0" in failure(
        capsys, ["record", str(tmp_path / "x.gz"), "--minutes", "0", *given]
    )


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["dance"], ["up", "--port", "x"], ["serve", "--port", "abc"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert command in capsys.readouterr().out


def test_up_knows_the_scenarios_without_the_simulators() -> None:
    assert scenarios() == list(scenario_names())


def test_the_parent_of_up_imports_nothing_that_computes() -> None:
    code = (
        "import sys, psutil, gwanje.commands.up;"
        "heavy = ('numpy', 'scipy', 'shapely', 'pyproj', 'fastapi', 'uvicorn');"
        "print([name for name in heavy if name in sys.modules]);"
        "print(psutil.Process().memory_info().rss >> 20)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")
    assert said[0] == "[]"
    assert int(said[1]) < 60


def test_a_childs_environment_is_every_setting_and_nothing_of_ours_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWANJE_CONFIG", "/somewhere.toml")
    monkeypatch.setenv("GWANJE_LIFELINE_FD", "9")
    monkeypatch.setenv("GWANJE_POSTGRES_BIN", "/opt/pg")
    settings = Settings(port=1234, mode="test", region="x")
    environment = child_environment(settings)
    assert "GWANJE_CONFIG" not in environment
    assert "GWANJE_LIFELINE_FD" not in environment
    assert environment["GWANJE_POSTGRES_BIN"] == "/opt/pg"
    assert environment["PATH"] == os.environ["PATH"]
    again = load_settings(environment)
    assert (again.port, again.mode, again.region, again.log_format) == (1234, "test", "x", "json")


def test_the_address_of_the_page_can_be_opened() -> None:
    for host, url in (("0.0.0.0", "http://127.0.0.1:5"), ("::1", "http://[::1]:5"), ("10.0.0.7", "http://10.0.0.7:5")):
        assert Stack(Settings(host=host, port=5), Path(), None).url == url
    assert with_port(Settings(port=5)).port == 5
    assert with_port(Settings(port=0)).port > 1023


def test_the_published_protocol_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protocol", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.rglob("*.json")} == {Path(name).name for name in documents()}
    assert str(len(documents())) in capsys.readouterr().out


def test_a_region_is_counted_and_saved(capsys: pytest.CaptureFixture[str], region_folder: Path, tmp_path: Path) -> None:
    assert main(["region", str(region_folder), "--save", str(tmp_path / "copy")]) == 0
    assert "vds 40" in capsys.readouterr().out
    assert main(["region", str(tmp_path / "copy")]) == 0
