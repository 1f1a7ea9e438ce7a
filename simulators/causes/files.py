"""Scenarios from files: those that come along by name, others by path."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from simulators.causes.combine import check_combination
from simulators.causes.decode import decode_scenario
from simulators.causes.lines import Lines, find_lines, syntax_line
from simulators.causes.overlap import check_overlaps
from simulators.causes.problems import Problem, Report, ScenarioProblemsError
from simulators.causes.scenario import Scenario
from simulators.causes.timeline import check_timeline
from simulators.errors import ScenarioError

FOLDER = "scenarios"
"""Folder of the scenarios that come along, beside the modules."""
LONGEST_FILE = 1_000_000
"""A scenario's file holds a megabyte at most."""


def _folder() -> Path:
    return Path(str(files("simulators"))) / FOLDER


def scenario_names() -> tuple[str, ...]:
    """Return the names of the scenarios that come with the program, in alphabetical order."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Return a scenario that comes with the program, by name, or one from a path that ends in ``.toml``.

    Raises
    ------
    ScenarioError
        If there is none of that name, or its file cannot be read.
    ScenarioProblemsError
        If the file does not hold a scenario; every problem names file, line and field.
    """
    text = str(name_or_path)
    own = text.endswith(".toml")
    if not own and text not in scenario_names():
        raise ScenarioError(f"scenario: expected one of {', '.join(scenario_names())}, was {text!r}")
    path = Path(text) if own else _folder() / f"{text}.toml"
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise ScenarioError(f"{path}: expected at most {LONGEST_FILE} bytes, was {path.stat().st_size}")
        content = path.read_bytes()
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise ScenarioError(f"{path}: expected a file that can be read, was not ({reason})") from None
    try:
        return parse_scenario(content.decode("utf-8"), path.name)
    except UnicodeDecodeError as exc:
        line = content[: exc.start].count(b"\n") + 1
        problem = Problem(path.name, line, "scenario", f"expected text in UTF-8, was byte 0x{content[exc.start]:02x}")
        raise ScenarioProblemsError([problem]) from None


def parse_scenario(text: str, source: str) -> Scenario:
    """Read a scenario from TOML.

    Parameters
    ----------
    text
        Content of a file.
    source
        Name of the file for the texts of problems.

    Raises
    ------
    ScenarioProblemsError
        If the text is not TOML or not a scenario; with every problem that can be told without a region.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        line = syntax_line(exc, text)
        reason = str(exc).partition(" (at ")[0]
        problem = Problem(
            source, line, "scenario", f"expected TOML, was something else ({reason[:1].lower()}{reason[1:]})"
        )
        raise ScenarioProblemsError([problem]) from None
    except RecursionError:
        problem = Problem(source, 1, "scenario", "expected TOML of a few levels, was too deep")
        raise ScenarioProblemsError([problem]) from None
    lines: Lines = find_lines(text)
    report = Report(source, lines)
    read = decode_scenario(content, report)
    for index, event in read.timeline.events.items():
        check_combination(event, ("event", index), report)
    check_timeline(read.timeline, report)
    check_overlaps(read.timeline, report)
    report.raise_any()
    assert read.content is not None
    values = {field: getattr(read.content, field) for field in read.content.__struct_fields__}
    values["event"] = tuple(read.timeline.events.values())
    return Scenario(**values, source=source, lines=lines)
