"""The roads of a region at one instant, moved on by `RoadModel.step`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Catalogue
from simulators.causes.scenario import Scenario
from simulators.errors import SimulatorError
from simulators.world.happenings import Closure, DemandSurge
from simulators.world.roads.advice import DetourAdvice
from simulators.world.roads.closures import Blockage, block
from simulators.world.roads.conditions import RoadConditions
from simulators.world.roads.drivers import Drivers
from simulators.world.roads.facts import heavy_factor
from simulators.world.roads.flow import WAVE_MPS, Diagram, Mover
from simulators.world.roads.grid import CELL_LENGTH_M, Grid
from simulators.world.roads.plan import Plan, build_plan
from simulators.world.roads.profiles import heavy_fraction
from simulators.world.roads.queues import QueueExtent, QueueTracker
from simulators.world.roads.state import RoadState
from simulators.world.seeds import stream

Floats = NDArray[np.float64]

SLOT_S = 60.0
"""Demand's deviation and the share of heavy vehicles change once in this time [s]."""
TRUTH_S = 15.0
"""Queues are measured once in this time [s]."""
NOISE_SIGMA = 0.04
"""Standard deviation of each zone's demand around its profile; own construction [-]."""
NOISE_MEMORY_S = 300.0
"""Time over which that deviation is forgotten; own construction [s]."""
WARM_UP_S = 1_800.0
"""Time that the model runs before time 0, so that ramps, mixes of destinations and queues are there [s]."""
FULLEST_START = 0.9
"""Share of capacity up to which roads are filled before the warm-up [-]."""
LONGEST_STEP_S = 5.0


class RoadModel:
    """Traffic on every road of a region.

    Attributes
    ----------
    plan
        What does not change: graph, choices, demand.
    state
        What moves, for detection stations.
    """

    def __init__(
        self, plan: Plan, demand_factor: float, seed: int, start_s: float, time_of_day_s: float, working_day: bool
    ) -> None:
        grid, network = plan.grid, plan.network
        self.plan = plan
        self._factor, self._working_day = demand_factor, working_day
        self._length_m = np.append(grid.length_m, network.extra_length_m)
        self._mover = Mover(network, plan.ways, self._length_m)
        self._drivers = Drivers(plan)
        self._rng = stream(seed, "roads", "demand")
        self._noise = np.zeros(len(network.zone_nodes))
        self._slot: int | None = None
        self._truth_slot: int | None = None
        self._changed: tuple[object, ...] = ()
        self._arriving_for: tuple[object, ...] = ()
        self._arriving = np.empty(0)
        self._blockage: Blockage = block(grid, ())
        self._queues = QueueTracker(grid, network.chain_last[network.ramp_from], network.chain_first[network.ramp_to])
        self._load = self._first_load(time_of_day_s)
        self.state = RoadState.at_rest(start_s, self._load[:, : network.n_road].sum(axis=0))
        self._heavy = 0.0
        self._diagram = self._make_diagram(time_of_day_s, RoadConditions.fair(len(grid)))

    @classmethod
    def build(
        cls,
        catalogue: Catalogue,
        *,
        time_of_day_s: float,
        seed: int,
        demand_factor: float = 1.0,
        working_day: bool = True,
        cell_length_m: float = CELL_LENGTH_M,
        warm_up_s: float = WARM_UP_S,
    ) -> RoadModel:
        """Return the roads of a region with the traffic of a time of day on them, at simulation time 0.

        Parameters
        ----------
        catalogue
            Region.
        time_of_day_s
            Local time at simulation time 0. [s]
        seed
            Of everything random.
        demand_factor
            Traffic over that of the usual day: 1 keeps every road free, 1.2 to 1.25 makes the usual queues. [-]
        working_day
            False on weekends and holidays.
        cell_length_m
            Aimed length of a cell. [m]
        warm_up_s
            Time that the model runs before. [s]

        Raises
        ------
        SimulatorError
            If a number is not in its range, or the region has no roads.
        """
        for field, value in (("demand_factor", demand_factor), ("warm_up_s", warm_up_s)):
            if not (np.isfinite(value) and value >= 0.0):
                raise SimulatorError(f"{field}: expected a number of at least 0, was {value}")
        plan = build_plan(catalogue, seed, cell_length_m)
        model = cls(plan, demand_factor, seed, 0.0, time_of_day_s - warm_up_s, working_day)
        longest_s = min(LONGEST_STEP_S, model.largest_step_s)
        steps = int(np.ceil(warm_up_s / longest_s))
        model.state.time_s = -warm_up_s
        for number in range(steps):
            model.step(warm_up_s / steps, time_of_day_s - warm_up_s * (1 - number / steps))
        model.state = RoadState.at_rest(0.0, model.state.vehicles)
        return model

    @classmethod
    def of_scenario(cls, catalogue: Catalogue, scenario: Scenario, seed: int) -> RoadModel:
        """Return the roads of a region at the beginning of a scenario's day, see `build`."""
        return cls.build(
            catalogue,
            time_of_day_s=scenario.time_of_day_s,
            seed=seed,
            demand_factor=scenario.demand.factor,
            working_day=not scenario.demand.weekend,
        )

    @property
    def grid(self) -> Grid:
        """The cells."""
        return self.plan.grid

    @property
    def largest_step_s(self) -> float:
        """Longest step in which no vehicle crosses a cell (Courant–Friedrichs–Lewy) [s]."""
        ramps, network = self.plan.network.n_ramp, self.plan.network
        roads_s = float(np.min(self.grid.length_m / self.grid.free_mps))
        ramps_s = float(np.min((network.extra_length_m / network.extra_mps)[:ramps], initial=np.inf))
        return min(roads_s, ramps_s)

    @property
    def heavy_share(self) -> float:
        """Share of heavy vehicles on expressways now [-]."""
        return self._heavy

    @property
    def closed_lanes(self) -> dict[int, frozenset[int]]:
        """Blocked lanes by cell in the last step."""
        return self._blockage.lanes

    @property
    def density_veh_m(self) -> Floats:
        """Vehicles per metre over all lanes, shape (cell,) [veh/m]."""
        return self.state.vehicles / self.grid.length_m

    @property
    def speed_mps(self) -> Floats:
        """Mean speed that the diagram gives at each cell's density, shape (cell,) [m/s]."""
        n_road, now = len(self.grid), self._diagram
        density = np.maximum(self.density_veh_m, 1e-9)
        most = np.minimum(now.capacity_veh_s[:n_road], WAVE_MPS * np.maximum(now.jam_veh_m[:n_road] - density, 0.0))
        return np.asarray(np.minimum(now.free_mps[:n_road], most / density))

    @property
    def capacity_veh_s(self) -> Floats:
        """Capacity of each cell now, with heavy vehicles, weather and closures, shape (cell,) [veh/s]."""
        return self._diagram.capacity_veh_s[: len(self.grid)]

    @property
    def vehicles_total(self) -> float:
        """Vehicles on roads and ramps and those waiting to enter [veh]."""
        return float(self._load.sum())

    @property
    def waiting(self) -> Floats:
        """Vehicles that wait to enter at each zone, shape (zone,) [veh]."""
        network = self.plan.network
        at_entry = self._load[:, network.entry_cell].sum(axis=0)
        return np.bincount(network.entry_zone, at_entry, len(network.zone_nodes)).astype(np.float64)

    def queues(self) -> tuple[QueueExtent, ...]:
        """Return the queues on the roads, as last measured (every `TRUTH_S`)."""
        return self._queues.current

    @property
    def queued(self) -> NDArray[np.bool_]:
        """Whether traffic queues in each cell, as last measured, shape (cell,)."""
        return self._queues.queued

    def tail_of(self, *closures: str) -> tuple[str, float, int] | None:
        """Return link, offset [m] and lanes at the tail of the longest queue behind closures, None without one."""
        behind = [queue for queue in self._queues.current if queue.cause in closures]
        if not behind:
            return None
        longest = max(behind, key=lambda queue: queue.length_m)
        return (*longest.tail, longest.tail_lanes)

    def step(
        self,
        dt_s: float,
        time_of_day_s: float,
        *,
        closures: Sequence[Closure] = (),
        conditions: RoadConditions | None = None,
        surges: Sequence[DemandSurge] = (),
        advice: Sequence[DetourAdvice] = (),
    ) -> None:
        """Move the traffic on by one step.

        Parameters
        ----------
        dt_s
            Length of the step, at most `largest_step_s`. [s]
        time_of_day_s
            Local time at its start. [s]
        closures, surges, advice
            Those in force now.
        conditions
            What weather leaves of the roads; fair weather when None. A new object for new weather: one that is changed
            in place is noticed late.

        Raises
        ------
        SimulatorError
            If the step is not positive or too long, arrays do not fit the grid, or a link or road is unknown.

        Notes
        -----
        Vehicles are conserved: `vehicles_total` changes by what ``state.entered`` grows less what ``state.left`` does.
        """
        limit_s = self.largest_step_s
        if not 0.0 < dt_s <= limit_s * (1 + 1e-9):
            raise SimulatorError(f"dt_s: expected more than 0 and at most {limit_s:.2f} s for these cells, was {dt_s}")
        self._refresh(time_of_day_s, tuple(closures), conditions)
        network, state = self.plan.network, self.state
        n_road = network.n_road
        shut = [int(self._blockage.cells[name][0]) for name in sorted(self._blockage.shut)]
        self._drivers.hear(state.time_s, dict(zip(sorted(self._blockage.shut), shut, strict=True)), tuple(advice))
        arriving = dt_s * self._arrivals(time_of_day_s, tuple(surges))
        self._load[:, n_road + network.n_ramp :] += arriving
        ramp_factor = float(heavy_factor(np.array(self._heavy)))
        moved = self._mover.step(self._load, dt_s, self._diagram, self._drivers.share, ramp_factor)
        vehicles = self._load[:, :n_road].sum(axis=0)
        state.advance(dt_s, vehicles, moved.inflow[:n_road], moved.outflow[:n_road])
        state.entered += float(arriving.sum())
        state.left += dt_s * float(moved.left.sum())
        self._measure(closures)

    def _arrivals(self, time_of_day_s: float, surges: tuple[DemandSurge, ...]) -> Floats:
        """Vehicles that begin at each entry, constant within a slot, shape (commodity, entry) [veh/s]."""
        key = (self._slot, surges, id(self._drivers.entry_share))
        if key != self._arriving_for:
            trips = self.plan.demand.at(time_of_day_s, self._working_day) * self._factor * self._drivers.surge(surges)
            trips *= np.maximum(1.0 + self._noise, 0.0)[:, np.newaxis]
            self._arriving = trips[self.plan.network.entry_zone].T * self._drivers.entry_share
            self._arriving_for = key
        return self._arriving

    def _measure(self, closures: Sequence[Closure]) -> None:
        slot = int(np.floor(self.state.time_s / TRUTH_S + 1e-9))
        if slot == self._truth_slot:
            return
        self._truth_slot = slot
        n_road, now = len(self.grid), self._diagram
        self._queues.update(
            self.density_veh_m,
            now.congested_veh_m[:n_road],
            self.speed_mps,
            now.free_mps[:n_road],
            {closure.id: closure for closure in closures},
            self._blockage.cells,
        )

    def _refresh(self, time_of_day_s: float, closures: tuple[Closure, ...], conditions: RoadConditions | None) -> None:
        """Bring noise and diagram up to date with what has changed since the last step."""
        slot = int(np.floor(self.state.time_s / SLOT_S + 1e-9))
        if slot != self._slot:
            self._slot = slot
            fade = np.exp(-SLOT_S / NOISE_MEMORY_S)
            draw = self._rng.standard_normal(len(self._noise))
            self._noise = fade * self._noise + NOISE_SIGMA * np.sqrt(1 - fade**2) * draw
        key = (slot, closures, id(conditions))
        if key == self._changed:
            return
        if not self._changed or closures != self._changed[1]:
            self._blockage = block(self.grid, closures)
        weather = conditions if conditions is not None else RoadConditions.fair(len(self.grid))
        for field, column in (("speed_factor", weather.speed_factor), ("capacity_factor", weather.capacity_factor)):
            if column.shape != (len(self.grid),):
                raise SimulatorError(f"{field}: expected shape ({len(self.grid)},), was {column.shape}")
        self._diagram = self._make_diagram(time_of_day_s, weather)
        self._changed = key
        self._conditions = conditions

    def _make_diagram(self, time_of_day_s: float, weather: RoadConditions) -> Diagram:
        grid, network, blocked = self.grid, self.plan.network, self._blockage
        self._heavy = heavy_fraction(time_of_day_s)
        lighter = heavy_factor(self._heavy * grid.heavy_of_mean)
        ramps = heavy_factor(np.full(network.n_ramp + network.n_entry, self._heavy))
        bare = grid.capacity_pc_s * lighter * weather.capacity_factor
        extra = network.extra_capacity_pc_s * ramps
        return Diagram(
            free_mps=np.append(np.minimum(grid.free_mps * weather.speed_factor, blocked.limit_mps), network.extra_mps),
            capacity_veh_s=np.append(bare * blocked.capacity_left, extra),
            bare_veh_s=np.append(bare, extra),
            jam_veh_m=np.append(grid.jam_pc_m * lighter, network.extra_jam_pc_m * ramps),
        )

    def _first_load(self, time_of_day_s: float) -> Floats:
        """Vehicles by commodity and cell in the steady state of a time of day, roads filled to below capacity."""
        grid, network = self.grid, self.plan.network
        trips = self.plan.demand.at(time_of_day_s, self._working_day) * self._factor
        # The solver leaves tiny negative flows where there is none, from which the mix of a cell would blow up.
        flow = np.maximum(self.plan.loading.flows(trips[:, :, np.newaxis]).chain[:, :, 0], 0.0)[:, network.chain_of]
        most = FULLEST_START * grid.capacity_pc_s * heavy_factor(heavy_fraction(time_of_day_s) * grid.heavy_of_mean)
        flow *= np.minimum(1.0, most / np.maximum(flow.sum(axis=0), 1e-12))
        load = np.zeros((len(flow), len(self._length_m)))
        load[:, : network.n_road] = flow / grid.free_mps * grid.length_m
        return load
