"""The child process that holds SUMO: ``python -m simulators.sumo.worker``, requests on stdin, answers on stdout.

It ends when its stdin does, however its parent ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Any, BinaryIO

from simulators.sumo.extra import package
from simulators.sumo.stopping import StoppedVehicles
from simulators.sumo.tally import LanePeriod, LoopTally, Passage
from simulators.sumo.wire import REQUESTS, Advanced, Answer, Begin, Failed, Look, Note, Ready, Request, Seen, put, take

HEAVY_CLASSES = frozenset({"truck", "trailer", "bus", "coach"})
"""SUMO's classes of heavy vehicles: more than four tyres, as the Highway Capacity Manual counts them."""
HEAVY_LENGTH_M = 7.0
"""A vehicle of another class this long is heavy too: SUMO's own lorry has 7.1 m; own construction. [m]"""
_EPS_S = 1e-6
_MOST_KINDS = 10_000


class Simulation:
    """A loaded simulation.

    Parameters
    ----------
    sumo
        The module ``libsumo``.
    begin
        What to load.
    """

    def __init__(self, sumo: Any, begin: Begin) -> None:
        self._sumo = sumo
        self._begin = begin
        sumo.start(["sumo", *begin.arguments])
        self._end_s = float(sumo.simulation.getEndTime())
        self._tallies = [LoopTally(begin.begin_s, loop.length_m) for loop in begin.loops]
        self._stopping = StoppedVehicles(sumo, begin.incidents, begin.begin_s)
        self._period_end_s = begin.begin_s + begin.period_s
        self._heavy: dict[str, bool] = {}
        self._teleports = 0

    def advance(self, until_s: float) -> Advanced:
        """Go on to an instant, to the end of the period, or to the end of the simulation."""
        sumo, begin = self._sumo, self._begin
        notes: list[Note] = []
        period: tuple[LanePeriod, ...] | None = None
        now_s = float(sumo.simulation.getTime())
        self._teleports = 0
        while period is None and not self._ended(now_s) and now_s + begin.step_s <= begin.begin_s + until_s + _EPS_S:
            sumo.simulation.step()
            now_s = float(sumo.simulation.getTime())
            self._teleports += int(sumo.simulation.getStartingTeleportNumber())
            self._read_loops(now_s)
            notes += self._stopping.step(now_s - begin.begin_s)
            if now_s >= self._period_end_s - _EPS_S:
                period = tuple(tally.close(now_s) for tally in self._tallies)
                self._period_end_s += begin.period_s
        return Advanced(
            time_s=round(now_s - begin.begin_s, 6),
            ended=self._ended(now_s),
            period=period,
            notes=tuple(notes),
            running=int(sumo.vehicle.getIDCount()),
            teleports=self._teleports,
        )

    def look(self) -> Seen:
        """Return the vehicles on the watched edges."""
        sumo = self._sumo
        found = [
            (place, vehicle)
            for place, edge in enumerate(self._begin.watched)
            for vehicle in sumo.edge.getLastStepVehicleIDs(edge)
        ]
        return Seen(
            edge=tuple(place for place, _ in found),
            pos_m=tuple(float(sumo.vehicle.getLanePosition(vehicle)) for _, vehicle in found),
            speed_mps=tuple(float(sumo.vehicle.getSpeed(vehicle)) for _, vehicle in found),
        )

    def _ended(self, now_s: float) -> bool:
        if self._end_s >= 0:
            return now_s >= self._end_s - _EPS_S
        return int(self._sumo.simulation.getMinExpectedNumber()) == 0

    def _read_loops(self, now_s: float) -> None:
        data = self._sumo.inductionloop.getVehicleData
        for loop, tally in zip(self._begin.loops, self._tallies, strict=True):
            passages = [Passage(*row) for row in data(loop.id)]
            tally.step(passages, now_s, [self._is_heavy(passage) for passage in passages])

    def _is_heavy(self, passage: Passage) -> bool:
        known = self._heavy.get(passage.kind)
        if known is None:
            try:
                kind = str(self._sumo.vehicletype.getVehicleClass(passage.kind))
            except self._sumo.TraCIException:
                kind = ""
            known = kind in HEAVY_CLASSES or passage.length_m >= HEAVY_LENGTH_M
            if len(self._heavy) >= _MOST_KINDS:
                self._heavy.clear()
            self._heavy[passage.kind] = known
        return known


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are none."""
    simulation: Simulation | None = None
    while (request := take(requests, REQUESTS)) is not None:
        try:
            answer, simulation = _answer(request, simulation)
        except Exception as exc:
            # libsumo raises what it likes; the parent says it and stops.
            answer = Failed(str(exc).strip() or type(exc).__name__)
        put(answers, answer)


def _answer(request: Request, simulation: Simulation | None) -> tuple[Answer, Simulation | None]:
    if isinstance(request, Begin):
        return Ready(), Simulation(package("libsumo"), request)
    if simulation is None:
        return Failed("expected a simulation to be loaded first, was none"), None
    if isinstance(request, Look):
        return simulation.look(), simulation
    return simulation.advance(request.until_s), simulation


def main() -> None:
    """Serve the parent; what SUMO prints goes to stderr, so that stdout carries answers only."""
    # Ctrl-C reaches the whole terminal's group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, answers)
    # Without SUMO's orderly close, which writes its outputs, they would end early.
    if "libsumo" in sys.modules:
        package("libsumo").close()


if __name__ == "__main__":
    main()
