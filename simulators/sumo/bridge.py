"""A SUMO simulation as a stream of messages: its loops are the detection stations of a region.

SUMO runs in a child process through ``libsumo`` rather than behind a TraCI socket: no port is open to others, a crash
of SUMO ends no process but its own, only one answer a period crosses the pipe, and the child ends when the pipe does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from config.catalogue.model import Catalogue, Name
from sensors.codec import MAX_BATCH
from sensors.observations import LaneSample, Message, VdsObservation
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, telemetry
from simulators.sumo.child import SumoChild
from simulators.sumo.configuration import SumoConfiguration, read_configuration
from simulators.sumo.errors import SumoError
from simulators.sumo.incidents import Incident, read_incidents, upstream_edges
from simulators.sumo.loops import Loop, place_loops, read_loops, write_loops
from simulators.sumo.network import read_network
from simulators.sumo.region import PERIOD_S, SumoRegion, SumoStation, build_region
from simulators.sumo.roads import SumoRoad, find_roads
from simulators.sumo.tally import LanePeriod
from simulators.sumo.truth import SumoTruth
from simulators.sumo.wire import Begin, IncidentSpec, LoopSpec
from simulators.truth.recorder import Snapshot

FASTER_THAN_KMH = 60.0
"""Loops are placed on edges with a higher limit, unless another is given [km/h]."""
_EPS_S = 1e-6


@dataclass(frozen=True)
class Prepared:
    """A simulation that was read and checked, but not started."""

    configuration: SumoConfiguration
    region: SumoRegion
    roads: tuple[SumoRoad, ...]
    incidents: tuple[Incident, ...]

    @property
    def catalogue(self) -> Catalogue:
        """The region for the control room."""
        return self.region.catalogue

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Every loop that is read, station after station."""
        return tuple(loop for one in self.region.stations for _, loop in one.loops)


def prepare(
    configuration: Path,
    *,
    incidents: Path | None = None,
    loops_every_m: float | None = None,
    loops_faster_than_kmh: float = FASTER_THAN_KMH,
    name: Name | None = None,
    timezone: str = "Asia/Seoul",
) -> Prepared:
    """Read a configuration, its network and loops, and a file of incidents.

    Parameters
    ----------
    configuration
        A ``.sumocfg``; the region is named after it.
    incidents
        See `simulators.sumo.incidents`.
    loops_every_m
        Use loops placed this far apart instead of the network's own. [m]
    loops_faster_than_kmh
        Place them on edges with a higher limit. [km/h]
    name, timezone
        Of the region.

    Raises
    ------
    SumoMissingError
        If the extra is not installed.
    SumoError
        If something in the files is wrong, or there is no loop.
    """
    read = read_configuration(configuration)
    steps = PERIOD_S / read.step_s
    if abs(steps - round(steps)) > _EPS_S:
        raise SumoError(
            f"{configuration}: step-length: expected a step that divides the {PERIOD_S:g} s of the stations, "
            f"was {read.step_s:g}"
        )
    network = read_network(read.net)
    roads = find_roads(network)
    if loops_every_m is None:
        loops, left_out = read_loops(read.additional, network)
    else:
        loops, left_out = place_loops(roads, loops_every_m, loops_faster_than_kmh), 0
    # Lanes are sampled by our own loops at the places of theirs, so that theirs keep writing what they are told to.
    region = build_region(network, roads, loops, id=configuration.stem, name=name, timezone=timezone, left_out=left_out)
    happening = () if incidents is None else read_incidents(incidents, network, read.duration_s)
    return Prepared(read, region, roads, happening)


@dataclass
class SumoGateway(Quiet):
    """The concentrator of a district's stations: sends each period's samples, at most 1,000 a message."""

    client_id: str
    district: str
    stations: Sequence[SumoStation]
    time: Timebase
    qos: Literal[0, 1] = 0
    _waiting: list[Outbound] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._seq = [Sequencer.starting(self.time.start) for _ in self.stations]

    def take(self, end_s: float, lanes: Sequence[LanePeriod]) -> None:
        """Take in a period that ended at an instant of simulation time, one entry a loop, station after station."""
        messages: list[Message] = []
        at = 0
        for station, seq in zip(self.stations, self._seq, strict=True):
            samples = tuple(
                LaneSample(
                    lane=number,
                    volume=one.volume,
                    speed_kmh=one.speed_kmh,
                    occupancy_pct=one.occupancy_pct,
                    heavy=one.heavy,
                )
                for (number, _), one in zip(station.loops, lanes[at : at + len(station.loops)], strict=True)
            )
            at += len(station.loops)
            messages.append(
                VdsObservation(
                    device=station.station.id,
                    time=self.time.at(end_s),
                    seq=seq.take(),
                    period_s=PERIOD_S,
                    lanes=samples,
                )
            )
        topic = Topic(self.district, "vds", self.client_id, "obs", gateway=True)
        self._waiting += [
            telemetry(topic, messages[start : start + MAX_BATCH], self.qos)
            for start in range(0, len(messages), MAX_BATCH)
        ]

    def due(self, time_s: float) -> list[Outbound]:  # noqa: ARG002 - what waits was due already
        """Return what was taken in since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting


class SumoSimulation:
    """A running SUMO simulation, moved on by simulation time, which counts from its begin; a context manager.

    Parameters
    ----------
    prepared
        From `prepare`.
    start
        Device time at simulation time 0; aware.
    seed
        SUMO's random seed; the configuration's own when None.
    log
        File for what SUMO prints.
    qos
        Of the messages: 0 as concentrators send them, 1 where none may be lost.

    Attributes
    ----------
    teleports : int
        Vehicles that SUMO has moved out of jams and collisions so far; each makes a queue shorter than it should be.

    Raises
    ------
    SumoError
        If ``start`` is not aware, or SUMO cannot load the simulation.

    Notes
    -----
    With incidents and no ``time-to-teleport`` in the configuration, teleporting out of jams is switched off: SUMO's
    300 s would empty the queue behind a vehicle that stands longer. The same files, seed and start give the same
    messages, byte for byte, whatever the calls.
    """

    def __init__(
        self,
        prepared: Prepared,
        start: datetime,
        *,
        seed: int | None = None,
        log: Path | None = None,
        qos: Literal[0, 1] = 0,
    ) -> None:
        if start.utcoffset() is None:
            raise SumoError(f"start: expected an aware time, was {start.isoformat()}")
        region = prepared.region
        self.prepared = prepared
        self.time_s = 0.0
        self.ended = False
        self.teleports = 0
        time = Timebase(start.astimezone(UTC))
        self._gateways = [
            SumoGateway(f"gw-vds-{district.id}", district.id, region.stations, time, qos)
            for district in prepared.catalogue.districts
        ]
        self.truth = SumoTruth(region, prepared.roads, prepared.incidents, time)
        self._folder = tempfile.TemporaryDirectory(prefix="gwanje-sumo-")
        try:
            self._child = SumoChild(self._begin(prepared, seed), log)
        except BaseException:
            self._folder.cleanup()
            raise

    @property
    def endpoints(self) -> list[SumoGateway]:
        """The connections: one concentrator a district."""
        return self._gateways

    @property
    def pid(self) -> int:
        """Number of SUMO's process."""
        return self._child.pid

    def advance(self, time_s: float) -> list[tuple[int, Outbound]]:
        """Move on to an instant of simulation time; an earlier one than before does nothing.

        Returns
        -------
        list of tuple
            Index of the endpoint and message, in the order of sending; after the end of the simulation none.

        Raises
        ------
        SumoError
            If SUMO fails.
        """
        messages: list[tuple[int, Outbound]] = []
        step_s = self.prepared.configuration.step_s
        while not self.ended and self.time_s + step_s <= time_s + _EPS_S:
            done = self._child.advance(time_s)
            self.time_s, self.ended = done.time_s, done.ended
            self.teleports += done.teleports
            self.truth.note(done.notes)
            if done.period is not None:
                self.truth.measure(done.period)
                for index, gateway in enumerate(self._gateways):
                    gateway.take(self.time_s, done.period)
                    messages += [(index, message) for message in gateway.due(self.time_s)]
        return messages

    def snapshot(self, time_s: float) -> Snapshot:
        """Return what is so at an instant of simulation time, not before that of the last step [s]."""
        return self.truth.snapshot(time_s, self._child.look())

    def close(self) -> None:
        """End SUMO's process and wait for its end."""
        self._child.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, prepared: Prepared, seed: int | None) -> Begin:
        configuration = prepared.configuration
        loops = [
            Loop(loop.edge, loop.pos_m, loop.lane, f"gwanje-{number}", loop.length_m)
            for number, loop in enumerate(prepared.loops)
        ]
        own = Path(self._folder.name) / "loops.add.xml"
        write_loops(loops, own, PERIOD_S)
        arguments = ["-c", str(configuration.path.resolve()), "--no-step-log", "--duration-log.disable"]
        arguments += ["--additional-files", ",".join(map(str, (*configuration.additional, own)))]
        if seed is not None:
            arguments += ["--seed", str(seed)]
        if prepared.incidents and not configuration.sets_teleport:
            arguments += ["--time-to-teleport", "-1"]
        return Begin(
            arguments=tuple(arguments),
            begin_s=configuration.begin_s,
            step_s=configuration.step_s,
            period_s=PERIOD_S,
            loops=tuple(LoopSpec(loop.id, loop.length_m) for loop in loops),
            incidents=tuple(
                IncidentSpec(
                    id=one.id,
                    edge=one.edge,
                    lanes=one.lanes,
                    pos_m=one.pos_m,
                    at_s=one.at_s,
                    duration_s=one.duration_s,
                    upstream=upstream_edges(prepared.region.network, one.edge),
                )
                for one in prepared.incidents
            ),
            watched=self.truth.watched,
        )
