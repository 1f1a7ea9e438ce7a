"""The channel of variable message signs, over MQTT."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from alerts.courier import UndeliverableError, Waiting
from alerts.model import Alert
from alerts.spoken import spoken
from config.catalogue.model import Catalogue
from config.settings import Mode
from sensors.codec import encode
from sensors.observations import SignCommand
from sensors.topics import Topic, format_topic

Publish = Callable[[str, bytes, int, bool], Awaitable[None]]
"""Topic, payload, quality of service, retain; returns when the broker has it."""


class SignChannel:
    """Commands to signs.

    Parameters
    ----------
    catalogue
        Has the signs.
    mode
        Whose words are taken; those of others are refused.
    publish
        Brings a message to the broker.
    priority
        Of every command, 0 to 255.
    shown_for
        How long after its approval a message stays on a sign.
    """

    def __init__(self, catalogue: Catalogue, mode: Mode, publish: Publish, priority: int, shown_for: timedelta) -> None:
        self._districts = {sign.id: sign.district for sign in catalogue.sign}
        self._mode: Mode = mode
        self._publish = publish
        self._priority = priority
        self._shown_for = shown_for

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        """Publish the sign's command; its number is that of the outbox, so that a repetition is known as one.

        Raises
        ------
        UndeliverableError
            If the alert or the region does not have the sign, or it is too late.
        WrongModeError
            If the alert is of another mode.
        OSError, TimeoutError
            From ``publish``.
        """
        multi = next((one.multi for one in spoken(alert, self._mode).signs if one.sign == posting.target), None)
        district = self._districts.get(posting.target)
        if multi is None or district is None:
            where = "the alert" if multi is None else "the region"
            raise UndeliverableError(f"sign {posting.target}: expected a sign of {where}, was none")
        expires = (alert.decided or now) + self._shown_for
        if now >= expires:
            until = expires.isoformat(timespec="seconds")
            raise UndeliverableError(f"sign {posting.target}: expected to send before {until}, was too late")
        command = SignCommand(
            device=posting.target,
            time=now,
            seq=posting.number,
            message=message_id(posting.number),
            multi=multi,
            priority=self._priority,
            expires=expires,
        )
        topic = format_topic(Topic(district, "sign", posting.target, "command"))
        await self._publish(topic, encode(command), 1, False)


def message_id(number: int) -> str:
    """Name the message of a posting, as a sign acknowledges it."""
    return f"m{number}"


def posting_of(message: str) -> int | None:
    """Return the number of the posting that a message belongs to, or None when it is not one of ours."""
    digits = message.removeprefix("m")
    ours = message.startswith("m") and digits.isascii() and digits.isdecimal() and len(digits) < 19
    return int(digits) if ours else None
