"""The MQTT side: which sessions there are, what each subscribes to, and how they are held back and acknowledged."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from config.catalogue.model import DEVICE_KINDS
from ingest.intake import HAZARDS, TELEMETRY, Intake
from ingest.mqtt.backlog import Backlog, BacklogLimits
from ingest.mqtt.session import Incoming, MqttSession, OversizePublish
from ingest.timekeeping import Timekeeper
from sensors.topics import GATEWAY_LEVEL, PREFIX

Filters = tuple[tuple[str, int], ...]
HAZARD_FILTERS: Filters = (
    *((f"{PREFIX}/+/+/+/{stream}", 1) for stream in ("event", "status", "ack")),
    (f"{PREFIX}/+/slope/+/obs", 1),
    (f"{PREFIX}/+/slope/{GATEWAY_LEVEL}/+/obs", 1),
)
TELEMETRY_FILTERS: Filters = tuple(
    (f"{PREFIX}/+/{kind}/{device}/obs", 1)
    for kind in DEVICE_KINDS
    if kind != "slope"
    for device in ("+", f"{GATEWAY_LEVEL}/+")
)


class Inlets:
    """The sessions of the control room.

    Two in operation, one for hazards and one for telemetry, so that detectors can be held back at the socket while
    slopes, towers and signs are read on. One in a replay, for there the order of all messages counts.

    Parameters
    ----------
    backlog
        When an outside broker's backlog of telemetry is let go; None for never, which is right for the embedded broker:
        that one bounds what it holds by itself. Hazards and replays never let anything go.

    Attributes
    ----------
    sessions
        By lane.
    named
        All sessions by what they are for, that of commands included.
    """

    def __init__(
        self,
        url: str,
        intake: Intake,
        timekeeper: Timekeeper,
        *,
        by_device_time: bool,
        backlog: BacklogLimits | None = None,
    ) -> None:
        self._intake = intake
        self._timekeeper = timekeeper
        plan = keepers(by_device_time=by_device_time)
        self.sessions = [
            MqttSession(
                url,
                client_id=client_id,
                filters=filters,
                on_messages=self._take_hazards if lane == HAZARDS else self._take_telemetry,
                on_oversize=lambda report, lane=lane: self._take_oversize(report, lane),  # type: ignore[misc]
                backlog=Backlog(backlog) if backlog is not None and lane == TELEMETRY else None,
            )
            for lane, (client_id, filters) in enumerate(plan.items())
        ]
        # A session that is held back does not hear its own acknowledgements either: commands have one to themselves.
        self.commands = MqttSession(url, client_id="gwanje-commands", on_messages=lambda _: None)
        names = [client_id.removeprefix("gwanje-") for client_id in plan]
        self.named = {**dict(zip(names, self.sessions, strict=True)), "commands": self.commands}

    def acknowledge(self, lane: int, messages: Sequence[Incoming | OversizePublish]) -> None:
        """Acknowledge messages on the session that brought them."""
        self.sessions[lane].acknowledge(messages)

    def let_read(self, behind: bool) -> None:
        """Let sessions read again that were held back and have room now; hold all back when the disk is behind."""
        for session, full in zip(self.sessions, self._full(), strict=False):
            if behind:
                session.pause()
            elif session.paused and not full:
                session.resume()

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Publish; return when the broker has it.

        Raises
        ------
        MqttUnavailable, PublishTimeoutError
            As `MqttSession.publish`.
        """
        await self.commands.publish(topic, payload, qos=qos, retain=retain)

    def take_skipped(self, _client: str, report: OversizePublish) -> None:
        """Take note of a message that the embedded broker skipped for its size, and answered itself."""
        self._take_oversize(msgspec.structs.replace(report, qos=0), HAZARDS)

    def _full(self) -> tuple[bool, bool]:
        return self._intake.hazard.is_full, self._intake.telemetry.is_full

    def _take_hazards(self, messages: list[Incoming]) -> None:
        self._intake.take_hazards(messages)
        self._timekeeper.arrived(hazard=True)
        self._hold_back(HAZARDS)

    def _take_telemetry(self, messages: list[Incoming]) -> None:
        self._intake.take_telemetry(messages)
        self._timekeeper.arrived(hazard=False)
        self._hold_back(TELEMETRY)

    def _take_oversize(self, report: OversizePublish, lane: int) -> None:
        self._intake.take_oversize(report, lane)
        self._timekeeper.arrived(hazard=True)

    def _hold_back(self, lane: int) -> None:
        if self._full()[lane]:
            self.sessions[lane].pause()


def keepers(*, by_device_time: bool) -> dict[str, Filters]:
    """Return client identifiers and filters by lane; the embedded broker keeps messages for exactly these."""
    if by_device_time:
        return {"gwanje-replay": (*HAZARD_FILTERS, *TELEMETRY_FILTERS)}
    return {"gwanje-hazard": HAZARD_FILTERS, "gwanje-telemetry": TELEMETRY_FILTERS}
