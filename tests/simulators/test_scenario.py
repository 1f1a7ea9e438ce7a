from __future__ import annotations

from pathlib import Path

import pytest

from simulators.errors import ScenarioError
from simulators.scenario import Crash, Fire, load_scenario, parse_scenario, scenario_names

CALM = """
time_of_day = "10:00"
seed = 1
title = { ko = "가", en = "a" }
about = { ko = "가", en = "a" }
"""


def test_every_scenario_that_comes_along_loads_and_has_titles() -> None:
    assert set(scenario_names()) >= {"calm", "crash", "fire"}
    for name in scenario_names():
        scenario = load_scenario(name)
        assert scenario.title.ko and scenario.title.en  # noqa: PT018
    assert isinstance(load_scenario("crash").event[0], Crash)
    assert isinstance(load_scenario("fire").event[0], Fire)
    assert load_scenario("calm").event == ()


def test_time_of_day_in_seconds() -> None:
    assert parse_scenario(CALM.replace("10:00", "07:30"), "x").time_of_day_s == 27_000.0


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(CALM, encoding="utf-8")
    assert load_scenario(str(path)).seed == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("seed = 1", "seed = -1"), "seed: expected `int` >= 0"),
        (("seed = 1", ""), "required field `seed`"),
        (('"10:00"', '"25:00"'), "time_of_day: expected `str` matching"),
        (('"10:00"', "10"), "time_of_day: expected `str`, was `int`"),
        (("seed = 1", "seed = 1\ncolour = 2"), "unknown field `colour`"),
        (("seed = 1", "seed ="), "expected TOML"),
        (("seed = 1", 'seed = 1\nevent = [{ kind = "flood" }]'), "event[0].kind: invalid value 'flood'"),
        (
            ("seed = 1", 'seed = 1\nevent = [{ kind = "crash", at_s = 1, duration_s = 0, lanes_blocked = 1 }]'),
            "event[0].duration_s: expected `float` > 0",
        ),
        (("seed = 1", "seed = 1\nweather = { rain_mm_h = -1 }"), "weather.rain_mm_h: expected `float` >= 0"),
    ],
)
def test_errors_name_the_field(change: tuple[str, str], expected: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(CALM.replace(*change), "mine.toml")
    assert str(raised.value).startswith("mine.toml: ")
    assert expected in str(raised.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"expected one of calm, crash, fire.*was 'flod'"):
        load_scenario("flod")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: expected a readable"):
        load_scenario("nowhere.toml")
