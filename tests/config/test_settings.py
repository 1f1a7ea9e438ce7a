"""Settings: who comes later wins, and what is wrong is named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings, SettingsError, load_settings


def test_without_anything_it_is_an_exercise_on_this_machine_alone() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.mode, settings.host, settings.mqtt_host) == ("exercise", "127.0.0.1", "127.0.0.1")


def test_file_then_environment_then_arguments(tmp_path: Path) -> None:
    file = tmp_path / "gwanje.toml"
    file.write_text('port = 1\nhost = "h1"\nregion = "r1"\n')
    environment = {"GWANJE_CONFIG": str(file), "GWANJE_HOST": "h2", "GWANJE_REGION": "r2", "PORT": "9"}
    settings = load_settings(environment, region="r3", mode=None)
    assert (settings.port, settings.host, settings.region, settings.mode) == (1, "h2", "r3", "exercise")


def test_numbers_come_out_of_the_environment_as_numbers() -> None:
    settings = load_settings({"GWANJE_PORT": "0", "GWANJE_TICK_MS": "100"})
    assert (settings.port, settings.tick_ms) == (0, 100)


def test_names_that_are_no_settings_are_left_alone() -> None:
    assert load_settings({"GWANJE_SERVICE_HOST": "10.0.0.1", "GWANJE_POSTGRES_BIN": "/x"}) == Settings()


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"GWANJE_PORT": "abc"}, "GWANJE_PORT: expected a whole number from 0 to 65535, was 'abc'"),
        ({"GWANJE_PORT": "70000"}, "GWANJE_PORT: expected a whole number from 0 to 65535, was '70000'"),
        ({"GWANJE_PORT": ""}, "GWANJE_PORT: expected a whole number from 0 to 65535, was ''"),
        ({"GWANJE_PORT": "8.5"}, "GWANJE_PORT: expected a whole number from 0 to 65535, was '8.5'"),
        ({"GWANJE_TICK_MS": "1"}, "GWANJE_TICK_MS: expected a whole number from 10 to 10000, was '1'"),
        ({"GWANJE_MODE": "LIVE"}, "GWANJE_MODE: expected one of live, exercise, test, was 'LIVE'"),
        ({"GWANJE_CLOCK": "atomic"}, "GWANJE_CLOCK: expected one of wall, device, was 'atomic'"),
        ({"GWANJE_CONFIG": "/none.toml"}, "GWANJE_CONFIG: expected a file that can be read, was /none.toml"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(environment: dict[str, str], text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("port = 70000", "port: expected a whole number from 0 to 65535, was 70000"),
        ('port = "80"', "port: expected a whole number from 0 to 65535, was '80'"),
        ("prot = 1", "prot: expected a setting out of region, scale, run_dir, data_dir, "),
        ("region = 5", "region: expected a text, was 5"),
        ("port = ", "expected TOML ("),
        ("\xff", "expected TOML ("),
    ],
)
def test_a_wrong_file_is_named_with_its_entry(tmp_path: Path, content: str, text: str) -> None:
    file = tmp_path / "gwanje.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        load_settings({"GWANJE_CONFIG": str(file)})
    assert str(caught.value).startswith(f"{file}: {text}")


def test_a_wrong_argument_is_named_as_it_is_given() -> None:
    with pytest.raises(SettingsError, match="--port: expected a whole number from 0 to 65535, was -1"):
        load_settings({}, port=-1)
    with pytest.raises(SettingsError, match="--data-dir: expected a text, was 5"):
        load_settings({}, data_dir=5)


def test_the_data_folder_is_the_users_own_unless_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings(data_dir="~/here").data_path == tmp_path / "here"
    assert Settings().data_path.name == "gwanje"
