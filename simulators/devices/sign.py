"""A variable message sign: takes commands, shows or refuses, says what its face shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from config.catalogue.model import Sign
from sensors.codec import decode
from sensors.errors import DecodeError
from sensors.observations import DeviceStatus, SignAck, SignCommand
from sensors.topics import Topic, format_topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, event, status
from simulators.devices.multi import why_not_shown
from simulators.devices.schedule import GOLDEN, Schedule

STATUS_PERIOD_S = 60.0


@dataclass
class MessageSign(Quiet):
    """One sign with its own connection.

    It does what it is told last; which of several wishes wins is decided in the control room, so a command's priority
    is not weighed here. A message whose time is over is taken off the face, and said so in an acknowledgement.
    """

    sign: Sign
    index: int
    """Place of the sign in the catalogue's order."""
    time: Timebase

    def __post_init__(self) -> None:
        self._seq = Sequencer.starting(self.time.start)
        self._shift_s = (self.index * GOLDEN % 1.0 - 1.0) * STATUS_PERIOD_S
        self._status = Schedule([STATUS_PERIOD_S], early=False)
        self._fault: str | None = None
        self._shown: SignCommand | None = None

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

    def will(self, now: datetime) -> Outbound | None:
        """Return the state that the broker tells when the sign falls silent."""
        return self._say_status(now, online=False, fault="connection lost")

    def hello(self, now: datetime) -> list[Outbound]:
        """Say that the sign is there."""
        return [self._say_status(now, fault=self._fault)]

    def due(self, time_s: float) -> list[Outbound]:
        """Take an expired message off the face, and say the status when it is due."""
        messages = self._expire(self.time.at(time_s))
        for at_s in self._status.due(time_s - self._shift_s).at_s.tolist():
            messages.append(self._say_status(self.time.at(at_s + self._shift_s), fault=self._fault))
        return messages

    def receive(self, topic: str, payload: bytes, now: datetime) -> list[Outbound]:
        """Take a command in: show it or refuse it, and acknowledge.

        A command that cannot be read is refused by its message identifier if that can be read, else by a fault in
        the status, which the next readable command clears.
        """
        expired = self._expire(now)
        try:
            (command,) = decode(topic, payload).messages
        except DecodeError as exc:
            return expired + self._not_understood(payload, str(exc), now)
        if not isinstance(command, SignCommand):
            return expired + self._not_understood(payload, f"topic: expected a command, was {topic!r}", now)
        cleared = []
        if self._fault is not None:
            self._fault = None
            cleared.append(self._say_status(now))
        reason = self._refusal(command, now)
        if reason is None:
            self._shown = command if command.multi else None
        return [*expired, *cleared, self._ack(command.message, now, shown=reason is None, reason=reason)]

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Say that the sign goes offline."""
        return [self._say_status(now, online=False)]

    def _refusal(self, command: SignCommand, now: datetime) -> str | None:
        if command.expires <= now:
            return f"expires: expected a time after {now.isoformat()}, was {command.expires.isoformat()}"
        return why_not_shown(command.multi, self.sign.height_px)

    def _expire(self, now: datetime) -> list[Outbound]:
        if self._shown is None or self._shown.expires > now:
            return []
        message, self._shown = self._shown.message, None
        return [self._ack(message, now, shown=False, reason="expired: the face is blank")]

    def _not_understood(self, payload: bytes, problem: str, now: datetime) -> list[Outbound]:
        message = _message_id(payload)
        if message is not None:
            return [self._ack(message, now, shown=False, reason=problem[:500])]
        self._fault = f"command not understood: {problem}"[:500]
        return [self._say_status(now, fault=self._fault)]

    def _ack(self, message: str, now: datetime, *, shown: bool, reason: str | None) -> Outbound:
        answer = SignAck(
            device=self.sign.id,
            time=now,
            seq=self._seq.take(),
            message=message,
            shown=shown,
            multi=self.face,
            reason=reason,
        )
        return event(Topic(self.sign.district, "sign", self.sign.id, "ack"), answer)

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
