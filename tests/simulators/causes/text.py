"""Scenario texts for tests."""

from __future__ import annotations

from simulators.causes.files import parse_scenario
from simulators.causes.problems import ScenarioProblemsError
from simulators.causes.scenario import Scenario

HEAD = """\
time_of_day = "08:00"
seed = 7
duration_s = 7200
title = { ko = "가", en = "a" }
about = { ko = "나", en = "b" }
"""
"""Five lines; the first event block of `scenario_text` begins on line 6."""


def scenario_text(*events: str, head: str = HEAD) -> str:
    """Blocks of lines, each under its own [[event]]."""
    return head + "".join(f"[[event]]\n{event.strip()}\n" for event in events)


def parse(*events: str, head: str = HEAD) -> Scenario:
    return parse_scenario(scenario_text(*events, head=head), "mine.toml")


def problems(*events: str, head: str = HEAD) -> list[str]:
    """Texts of the problems, none when the scenario is right."""
    try:
        parse(*events, head=head)
    except ScenarioProblemsError as error:
        return [str(problem) for problem in error.problems]
    return []
