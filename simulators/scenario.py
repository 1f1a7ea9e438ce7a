"""What happens in a simulated region and when, read from TOML; places are rules, not coordinates."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from config.catalogue.model import Name
from simulators.errors import ScenarioError
from simulators.world.weather import Climate

AtSeconds = Annotated[float, Meta(ge=0, le=604_800)]
Duration = Annotated[float, Meta(gt=0, le=604_800)]
Probability = Annotated[float, Meta(ge=0, le=1)]


class Crash(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="crash", tag_field="kind"):
    """A crash that blocks lanes; at least one lane stays open."""

    at_s: AtSeconds
    duration_s: Duration
    lanes_blocked: Annotated[int, Meta(ge=1, le=8)]
    place: Literal["longest_expressway"] = "longest_expressway"


class Fire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fire", tag_field="kind"):
    """A forest fire beside a road and near a village."""

    at_s: AtSeconds
    duration_s: Duration
    towers: Annotated[int, Meta(ge=1, le=20)] = 3
    """How many towers must have it in sight."""
    road_within_m: Annotated[float, Meta(ge=500, le=5_000)] = 1_500.0
    village_within_m: Annotated[float, Meta(ge=500, le=20_000)] = 4_000.0


class FalseDetection(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="false_detection", tag_field="kind"
):
    """Something that a tower's camera takes for smoke."""

    at_s: AtSeconds
    confidence: Probability
    bearings: Annotated[int, Meta(ge=1, le=100)] = 2
    """How many times it is reported, 30 s apart."""


class SlopeCreep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="slope_creep", tag_field="kind"):
    """A named slope node that begins to tilt."""

    at_s: AtSeconds
    duration_s: Duration
    node: str
    rate_deg_h: Annotated[float, Meta(gt=0, le=100)]


Event = Crash | Fire | FalseDetection | SlopeCreep


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One simulated day's beginning and what goes wrong in it; event times count from the start of the run."""

    title: Name
    about: Name
    time_of_day: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    """Local time of day at the start, for demand and sun."""
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    weather: Climate = Climate()
    event: tuple[Event, ...] = ()

    @property
    def time_of_day_s(self) -> float:
        """Local time of day at the start [s]."""
        hour, minute = self.time_of_day.split(":")
        return int(hour) * 3600.0 + int(minute) * 60.0


def _folder() -> Path:
    return Path(str(files("simulators"))) / "scenarios"


def scenario_names() -> tuple[str, ...]:
    """Return the names of the scenarios that come with the program, in alphabetical order."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_scenario(name: str) -> Scenario:
    """Return a scenario that comes with the program, by name, or one from a path that ends in ``.toml``.

    Raises
    ------
    ScenarioError
        If there is none, or its file does not hold a scenario; the text names the field.
    """
    path = Path(name) if name.endswith(".toml") else _folder() / f"{name}.toml"
    if path.stem not in scenario_names() and not name.endswith(".toml"):
        raise ScenarioError(f"scenario: expected one of {', '.join(scenario_names())}, was {name!r}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ScenarioError(f"{path}: expected a readable UTF-8 file: {exc}") from None
    return parse_scenario(text, path.name)


def parse_scenario(text: str, source: str) -> Scenario:
    """Read a scenario from TOML.

    Raises
    ------
    ScenarioError
        If the text is not TOML or not a scenario; it names ``source`` and the field.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Scenario)
    except tomllib.TOMLDecodeError as exc:
        raise ScenarioError(f"{source}: expected TOML: {exc}") from None
    except msgspec.ValidationError as exc:
        problem, _, path = str(exc).partition(" - at `$")
        place = path.rstrip("`").lstrip(".") or "scenario"
        wanted = problem.replace(", got ", ", was ")
        raise ScenarioError(f"{source}: {place}: {wanted[:1].lower() + wanted[1:]}") from None
