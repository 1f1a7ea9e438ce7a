"""A scenario in a region: every cause at its place, or every reason why it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from config.catalogue.model import Catalogue
from simulators.causes.base import Cause
from simulators.causes.device import Fault
from simulators.causes.events import event_id
from simulators.causes.land import FalseDetection, Fire, SlopeCreep, WeakSlopes
from simulators.causes.overlap import blocked_lanes, length_m
from simulators.causes.problems import Report, ScenarioProblemsError
from simulators.causes.regional import check_against
from simulators.causes.road import Crash, Debris, Surge, TunnelFire, WorkZone
from simulators.causes.road import SecondaryCrash as SecondaryCause
from simulators.causes.scenario import Scenario
from simulators.causes.sky import Fog, Wind
from simulators.causes.sky import Storm as StormCause
from simulators.placement.false_smoke import place_false
from simulators.placement.fires import place_fire_cause
from simulators.placement.lying import place_fault
from simulators.placement.setting import NowhereError, Setting, Taken
from simulators.placement.skies import find_fog, middle_of, place_storm
from simulators.placement.slopes import place_creep, place_weak
from simulators.placement.spots import RANKS, Circle, find_blockage, find_section
from simulators.placement.tunnels import place_tunnel_fire
from simulators.world.happenings import (
    Closure,
    DemandSurge,
    DeviceFault,
    FalseSource,
    FogBank,
    Happenings,
    Ignition,
    SecondaryCrash,
    Storm,
    WeakSlope,
    WindChange,
)

CauseT = TypeVar("CauseT", bound=Cause)
ResultT = TypeVar("ResultT")
Span = tuple[float, float]
"""When something begins and ends, from the start of the run [s]."""
Closing = Crash | Debris | WorkZone | TunnelFire

NEAR_SHARE = 0.5
"""Part of a fog's or storm's radius within which something is in its middle; own construction [-]."""
SPOT_M = 1_000.0
"""How far from an event at one place something still is near to it; own construction [m]."""


class _ElsewhereError(Exception):
    """The event refers to one that has no place."""


def place_scenario(
    scenario: Scenario,
    catalogue: Catalogue,
    *,
    flow_at: Callable[[str, float], float] | None = None,
    seed: int | None = None,
) -> Happenings:
    """Find the places of a scenario's causes in a region.

    Named places come first, then storms and fog, then rules in the order of the file; what a rule blocks keeps its
    distance from what is there already.

    Parameters
    ----------
    scenario
        Read without problems.
    catalogue
        Region.
    flow_at
        Expected flow on a link at a local time of day in seconds [veh/s], to tell the busier direction; None for a
        guess by time of day.
    seed
        For draws; None for the scenario's own.

    Returns
    -------
    Happenings
        Identifiers are the names of the events, or kind and number. Each kind stands in the order of the file.

    Raises
    ------
    ScenarioProblemsError
        With every event that names what the region does not have or that has no place, each with its line.
    """
    problems = check_against(scenario, catalogue)
    if problems:
        raise ScenarioProblemsError(problems)
    setting = Setting(
        catalogue=catalogue,
        seed=scenario.seed if seed is None else seed,
        time_of_day_s=scenario.time_of_day_s,
        day_of_year=scenario.day_of_year,
        flow_at=flow_at,
    )
    return _Placing(scenario, setting).place()


class _Placing:
    """Places the events of one scenario; every event without a place becomes a problem of the report."""

    def __init__(self, scenario: Scenario, setting: Setting) -> None:
        self.scenario = scenario
        self.setting = setting
        self.timeline = scenario.timeline
        self.report = Report(scenario.source, scenario.lines)
        self.circles: dict[str, Circle] = {}
        self.storms: dict[str, Storm] = {}
        self.closures: dict[int, tuple[Closure, ...]] = {}
        self.ignitions: list[Ignition] = []
        self.weak: set[int] = set()
        self.faults: list[DeviceFault] = []

    def place(self) -> Happenings:
        """Place everything.

        Raises
        ------
        ScenarioProblemsError
            With every event that has no place.
        """
        fogs = self._each(Fog, self._fog)
        storms = self._each(StormCause, self._storm)
        self._close_all()
        self._each(Fire, self._fire)
        weak = self._each(WeakSlopes, self._weak_slopes)
        self._each(Fault, self._fault)
        happenings = Happenings(
            closures=tuple(closure for index in sorted(self.closures) for closure in self.closures[index]),
            secondary=self._each(SecondaryCause, self._secondary),
            surges=self._each(Surge, self._surge),
            storms=storms,
            fogs=fogs,
            winds=tuple(sorted(self._each(Wind, self._wind), key=lambda wind: wind.from_s)),
            weak_slopes=tuple(sorted((one for group in weak for one in group), key=lambda one: one.node)),
            creeps=self._each(SlopeCreep, lambda event, name, span_s: place_creep(event, name, span_s, self.setting)),
            ignitions=tuple(self.ignitions),
            false_sources=self._each(FalseDetection, self._false),
            faults=tuple(self.faults),
        )
        self.report.raise_any()
        return happenings

    def _each(self, kind: type[CauseT], place: Callable[[CauseT, str, Span], ResultT]) -> tuple[ResultT, ...]:
        placed: list[ResultT] = []
        for index, event in enumerate(self.scenario.event):
            if isinstance(event, kind):
                try:
                    placed.append(place(event, event_id(index, event), self.timeline.span_s(event)))
                except NowhereError as exc:
                    self.report.add(("event", index, exc.field), exc.text)
                except _ElsewhereError:
                    # What it refers to has no place itself: that is told already.
                    continue
        return tuple(placed)

    def _circle(self, name: str) -> Circle:
        circle = self.circles.get(name)
        if circle is None:
            raise _ElsewhereError
        return circle

    def _fog(self, event: Fog, name: str, span_s: Span) -> FogBank:
        centre, radius_m = find_fog(event, self.setting), event.radius_km * 1000.0
        self.circles[name] = Circle(centre, NEAR_SHARE * radius_m)
        return FogBank(name, centre, radius_m, event.visibility_m, *span_s)

    def _storm(self, event: StormCause, name: str, span_s: Span) -> Storm:
        storm = place_storm(event, name, span_s, self.setting)
        self.storms[name] = storm
        self.circles[name] = Circle(middle_of(storm, self.setting), NEAR_SHARE * storm.radius_m)
        return storm

    def _close_all(self) -> None:
        """Named places before rules, so that rules keep away from them."""
        events = [(index, event) for index, event in enumerate(self.scenario.event) if isinstance(event, Closing)]
        for index, event in sorted(events, key=lambda pair: pair[1].link is None):
            name, span_s = event_id(index, event), self.timeline.span_s(event)
            try:
                closures = self._closures(event, name, span_s)
                self._keep_apart(closures, event)
            except NowhereError as exc:
                self.report.add(("event", index, exc.field), exc.text)
                continue
            except _ElsewhereError:
                continue
            self.closures[index] = closures
            first = closures[0]
            self.circles[name] = Circle(self.setting.position(first.link, first.offset_m), SPOT_M)
            self.setting.taken.extend(self._taken(closure) for closure in closures)

    def _closures(self, event: Crash | Debris | WorkZone | TunnelFire, name: str, span_s: Span) -> tuple[Closure, ...]:
        if isinstance(event, TunnelFire):
            return place_tunnel_fire(event, name, span_s, self.setting)
        if event.link is not None and event.offset_m is not None:
            link, offset_m = self.setting.links[event.link], event.offset_m
        elif isinstance(event, WorkZone):
            link, offset_m = find_section(event, self.setting, span_s)
        else:
            near = None if event.near is None else self._circle(event.near)
            link, offset_m = find_blockage(event, self.setting, span_s, near)
        return (
            Closure(
                id=name,
                cause="work_zone" if isinstance(event, WorkZone) else "crash" if isinstance(event, Crash) else "debris",
                link=link.id,
                offset_m=round(offset_m, 1),
                length_m=length_m(event),
                lanes=blocked_lanes(link.lanes, event.lanes_blocked, event.side),
                from_s=span_s[0],
                until_s=span_s[1],
                speed_limit_kmh=event.speed_limit_kmh if isinstance(event, WorkZone) else None,
            ),
        )

    def _keep_apart(self, closures: tuple[Closure, ...], event: Crash | Debris | WorkZone | TunnelFire) -> None:
        for index, others in self.closures.items():
            for closure in closures:
                if any(_meet(closure, other) for other in others):
                    line = self.scenario.lines.of(("event", index))
                    raise NowhereError(
                        "link" if event.link is not None else "place",
                        f"expected lanes that no other event blocks at the time, was link {closure.link}, which the "
                        f"event of line {line} blocks",
                    )

    def _taken(self, closure: Closure) -> Taken:
        route, start_m = self.setting.link_starts[closure.link]
        from_m = start_m + closure.offset_m
        return Taken(route, from_m, from_m + closure.length_m, closure.from_s, closure.until_s)

    def _fire(self, event: Fire, name: str, span_s: Span) -> None:
        wind_deg = self.scenario.weather.wind_deg
        winds = [one for one in self.scenario.event if isinstance(one, Wind) and one.at_s <= span_s[0]]
        if winds:
            wind_deg = max(winds, key=lambda one: one.at_s).wind_deg
        ignition = place_fire_cause(event, name, span_s, wind_deg, tuple(self.ignitions), self.setting)
        self.circles[name] = Circle(ignition.position, SPOT_M)
        self.ignitions.append(ignition)

    def _weak_slopes(self, event: WeakSlopes, name: str, _: Span) -> tuple[WeakSlope, ...]:
        storm = None
        if event.under is not None:
            storm = self.storms.get(event.under)
            if storm is None:
                raise _ElsewhereError
        return place_weak(event, name, storm, self.weak, self.setting)

    def _secondary(self, event: SecondaryCause, name: str, span_s: Span) -> SecondaryCrash:
        self._circle(event.of)
        return SecondaryCrash(name, event.of, event.lanes_blocked, *span_s)

    def _surge(self, event: Surge, _: str, span_s: Span) -> DemandSurge:
        road = event.road
        if event.place is not None:
            roads = self.setting.by_length(RANKS[event.place])
            if not roads:
                wanted = RANKS[event.place]
                raise NowhereError("place", f"expected a road of rank {wanted} in the region, was none")
            road = roads[0]
        return DemandSurge(event.factor, *span_s, road)

    def _wind(self, event: Wind, _: str, span_s: Span) -> WindChange:
        return WindChange(span_s[0], event.over_s, event.wind_kmh, event.wind_deg % 360.0, event.rh_pct, event.temp_c)

    def _false(self, event: FalseDetection, name: str, span_s: Span) -> FalseSource:
        near = None if event.near is None else self._circle(event.near).centre
        return place_false(event, name, span_s, tuple(self.ignitions), near, self.setting)

    def _fault(self, event: Fault, name: str, span_s: Span) -> None:
        near = None if event.near is None else self._circle(event.near).centre
        self.faults += place_fault(event, name, span_s, self.faults, near, self.setting)


def _meet(one: Closure, other: Closure) -> bool:
    return (
        one.link == other.link
        and one.offset_m < other.offset_m + other.length_m
        and other.offset_m < one.offset_m + one.length_m
        and one.from_s < other.until_s
        and other.from_s < one.until_s
        and bool(one.lanes & other.lanes)
    )
