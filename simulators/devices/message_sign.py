"""A variable message sign: takes commands, shows or refuses, says what its face shows, and can be faulty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from config.catalogue.model import Sign
from sensors.codec import decode
from sensors.errors import DecodeError
from sensors.observations import DeviceStatus, SignAck, SignCommand
from sensors.topics import Topic, format_topic
from simulators.devices.advice import DriversEyes
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, event, status
from simulators.devices.faults import FaultTable
from simulators.devices.multi import why_not_shown
from simulators.devices.schedule import GOLDEN, Schedule
from simulators.world.happenings import FaultKind
from simulators.world.roads.advice import DetourAdvice

STATUS_PERIOD_S = 60.0
REFUSES = "controller fault: expected a sound controller, was locked"


@dataclass
class MessageSign(Quiet):
    """One sign with its own connection.

    It does what it is told last; which of several wishes wins is decided in the control room, so a command's priority
    is not weighed here. A message whose time is over is taken off the face, and said so in an acknowledgement.

    Faults: one that `refuse`s leaves the face as it is and says why. One with `dead_pixels` shows all the same and
    counts them. A `silent` one hangs: it takes nothing, says nothing, and its face stays, even past its message's
    time. In a `dropout` the connection is lost: the broker tells the last will, commands do not arrive, the face goes
    blank when its time is over, and what there was to say is said afterwards. A `clock_offset` moves all its times,
    the one at which a message expires too.
    """

    sign: Sign
    index: int
    """Place of the sign in the catalogue's order."""
    time: Timebase
    faults: FaultTable
    eyes: DriversEyes

    def __post_init__(self) -> None:
        self._seq = Sequencer.starting(self.time.start)
        self._shift_s = (self.index * GOLDEN % 1.0 - 1.0) * STATUS_PERIOD_S
        self._status = Schedule([STATUS_PERIOD_S], early=False)
        self._misread: str | None = None
        self._shown: SignCommand | None = None
        self._own = self.faults.of([self.sign.id])
        self._sound = not self._own
        breaks = self._own.spans("dropout", 0)
        self._breaks = sorted([(from_s, False) for from_s, _ in breaks] + [(until_s, True) for _, until_s in breaks])
        self._unsaid: list[Outbound] = []

    @property
    def client_id(self) -> str:
        """MQTT client identifier: the sign's own."""
        return self.sign.id

    @property
    def filters(self) -> tuple[str, ...]:
        """The sign's own command topic."""
        return (format_topic(Topic(self.sign.district, "sign", self.sign.id, "command")),)

    @property
    def face(self) -> str:
        """MULTI string that the face shows, empty when blank."""
        return self._shown.multi if self._shown else ""

    @property
    def advice(self) -> DetourAdvice | None:
        """What the face asks of drivers, None when it asks for no detour."""
        return self.eyes.advice(self.face, self.sign) if self._shown else None

    def will(self, now: datetime) -> Outbound | None:
        """Return the state that the broker tells when the sign falls silent."""
        return self._say_status(now, online=False, fault="connection lost")

    def hello(self, now: datetime) -> list[Outbound]:
        """Say that the sign is there, unless it cannot."""
        at_s = self._at_s(now)
        return [] if self._is("silent", at_s) or self._is("dropout", at_s) else [self._state(at_s)]

    def due(self, time_s: float) -> list[Outbound]:
        """Take an expired message off the face, and say the status when it is due."""
        # There are thousands of signs, and as a rule none of them has anything to do.
        if self._sound and self._shown is None and time_s - self._shift_s < self._status.soonest_s:
            return []
        messages = self._connection(time_s)
        hung, away = self._is("silent", time_s), self._is("dropout", time_s)
        if not hung:
            self._unsaid += self._expire(time_s)
        if not hung and not away:
            messages += self._unsaid
            self._unsaid = []
        for at_s in (self._status.due(time_s - self._shift_s).at_s + self._shift_s).tolist():
            if not self._is("silent", at_s) and not self._is("dropout", at_s):
                messages.append(self._state(at_s))
        return messages

    def receive(self, topic: str, payload: bytes, now: datetime) -> list[Outbound]:
        """Take a command in: show it or refuse it, and acknowledge.

        A command that cannot be read is refused by its message identifier if that can be read, else by a fault in
        the status, which the next readable command clears.
        """
        at_s = self._at_s(now)
        if self._is("silent", at_s) or self._is("dropout", at_s):
            return []
        expired = self._expire(at_s)
        try:
            (command,) = decode(topic, payload).messages
        except DecodeError as exc:
            return expired + self._not_understood(payload, str(exc), at_s)
        if not isinstance(command, SignCommand):
            return expired + self._not_understood(payload, f"topic: expected a command, was {topic!r}", at_s)
        cleared = []
        if self._misread is not None:
            self._misread = None
            cleared.append(self._state(at_s))
        reason = self._refusal(command, at_s)
        if reason is None:
            self._shown = command if command.multi else None
        return [*expired, *cleared, self._ack(command.message, at_s, shown=reason is None, reason=reason)]

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Say that the sign goes offline, unless it cannot."""
        at_s = self._at_s(now)
        if self._is("silent", at_s) or self._is("dropout", at_s):
            return []
        return [self._say_status(self._clock(at_s), online=False)]

    def _is(self, kind: FaultKind, at_s: float) -> bool:
        return bool(self._own) and bool(self._own.active(kind, 0, at_s)[0])

    def _at_s(self, now: datetime) -> float:
        return (now - self.time.start).total_seconds()

    def _clock(self, at_s: float) -> datetime:
        """Return what the sign takes for the time."""
        ahead_s = float(self._own.clock_offset_s(0, at_s)[0]) if self._own else 0.0
        return self.time.at(at_s) + timedelta(seconds=ahead_s)

    def _pixel_errors(self, at_s: float) -> int:
        if not self._is("dead_pixels", at_s):
            return 0
        share = float(self._own.value("dead_pixels", 0, at_s)[0])
        return round(share * self.sign.width_px * self.sign.height_px)

    def _connection(self, time_s: float) -> list[Outbound]:
        """Lose the connection and find it again at the instants of the script."""
        messages: list[Outbound] = []
        while self._breaks and self._breaks[0][0] <= time_s:
            at_s, back = self._breaks.pop(0)
            if not back:
                messages.append(self._say_status(self.time.at(at_s), online=False, fault="connection lost"))
            elif not self._is("silent", at_s) and not self._is("dropout", at_s):
                messages.append(self._state(at_s))
        return messages

    def _refusal(self, command: SignCommand, at_s: float) -> str | None:
        now = self._clock(at_s)
        if self._is("refuse", at_s):
            return REFUSES
        if command.expires <= now:
            return f"expires: expected a time after {now.isoformat()}, was {command.expires.isoformat()}"
        return why_not_shown(command.multi, self.sign.height_px)

    def _expire(self, at_s: float) -> list[Outbound]:
        if self._shown is None or self._shown.expires > self._clock(at_s):
            return []
        message, self._shown = self._shown.message, None
        return [self._ack(message, at_s, shown=False, reason="expired: the face is blank")]

    def _not_understood(self, payload: bytes, problem: str, at_s: float) -> list[Outbound]:
        message = _message_id(payload)
        if message is not None:
            return [self._ack(message, at_s, shown=False, reason=problem[:500])]
        self._misread = f"command not understood: {problem}"[:500]
        return [self._state(at_s)]

    def _ack(self, message: str, at_s: float, *, shown: bool, reason: str | None) -> Outbound:
        answer = SignAck(
            device=self.sign.id,
            time=self._clock(at_s),
            seq=self._seq.take(),
            message=message,
            shown=shown,
            multi=self.face,
            pixel_errors=self._pixel_errors(at_s),
            reason=reason,
        )
        return event(Topic(self.sign.district, "sign", self.sign.id, "ack"), answer)

    def _state(self, at_s: float) -> Outbound:
        """Say the status with the gravest fault that the sign knows of itself."""
        fault = self._misread
        dead = self._pixel_errors(at_s)
        if self._is("refuse", at_s):
            fault = REFUSES
        elif fault is None and dead:
            fault = f"{dead} pixels do not obey"
        return self._say_status(self._clock(at_s), fault=fault)

    def _say_status(self, now: datetime, *, online: bool = True, fault: str | None = None) -> Outbound:
        message = DeviceStatus(device=self.sign.id, time=now, seq=self._seq.take(), online=online, fault=fault)
        return status(Topic(self.sign.district, "sign", self.sign.id, "status"), message)


class _OnlyMessage(msgspec.Struct):
    """The one field of a command that an acknowledgement needs."""

    message: str


def _message_id(payload: bytes) -> str | None:
    """Read the identifier out of a command that is wrong otherwise."""
    for library in (msgspec.json, msgspec.msgpack):
        try:
            message = library.decode(payload, type=_OnlyMessage).message
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        return message if 1 <= len(message) <= 64 else None
    return None
