"""What may happen to an alert, as pure functions: they give the next value or refuse."""

from __future__ import annotations

import unicodedata
from datetime import datetime

import msgspec

from alerts.model import Alert, ChannelName, Delivery, DeliveryState

MAX_REASON = 500
_FOLLOWS: dict[DeliveryState, frozenset[DeliveryState]] = {
    "waiting": frozenset({"waiting"}),
    "sent": frozenset({"waiting"}),
    "failed": frozenset({"waiting", "sent"}),
    "refused": frozenset({"waiting", "sent", "failed", "refused"}),
    "shown": frozenset({"waiting", "sent", "failed", "refused", "shown"}),
}
"""Each state with those that it may follow: the target's own answer outweighs what we know of the way to it."""


class LifecycleError(ValueError):
    """An action that is not allowed; the message says why in plain words.

    ``NotAllowedError``
        This person may not do it.
    ``OutdatedError``
        The alert is no longer what the person saw.
    """


class NotAllowedError(LifecycleError):
    """The person may not do this."""


class OutdatedError(LifecycleError):
    """The alert changed since it was looked at, or was decided already."""


def approve(alert: Alert, operator: str, version: int, now: datetime) -> Alert:
    """Approve a draft: every delivery waits from now on.

    Parameters
    ----------
    alert : Alert
    operator : str
        Name of the person who approves, not the author's.
    version : int
        The version that the person looked at.
    now : datetime

    Returns
    -------
    Alert

    Raises
    ------
    NotAllowedError
        If the person is nameless or wrote the alert.
    OutdatedError
        If the alert is not a draft or has another version.
    """
    operator = _decider(alert, operator, version)
    subscribers = [
        Delivery(channel="subscribers", target=district, state="waiting", time=now) for district in alert.districts
    ]
    signs = [Delivery(channel="sign", target=sign.sign, state="waiting", time=now) for sign in alert.signs]
    return msgspec.structs.replace(
        alert,
        version=alert.version + 1,
        state="approved",
        approved_by=operator,
        decided=now,
        updated=now,
        deliveries=(*subscribers, *signs),
    )


def reject(alert: Alert, operator: str, version: int, reason: str, now: datetime) -> Alert:
    """Turn a draft down, with a reason.

    Raises
    ------
    NotAllowedError
        If the person is nameless or wrote the alert, or gives no reason.
    OutdatedError
        If the alert is not a draft or has another version.
    """
    operator = _decider(alert, operator, version)
    reason = clean(reason)[:MAX_REASON]
    if not reason:
        raise NotAllowedError("reason: expected why the alert is turned down, was empty")
    return msgspec.structs.replace(
        alert,
        version=alert.version + 1,
        state="rejected",
        approved_by=None,
        decided=now,
        updated=now,
        reason=f"{operator}: {reason}",
    )


def withdraw_draft(alert: Alert, now: datetime) -> Alert:
    """Take a draft back whose situation ended before anybody decided.

    Raises
    ------
    OutdatedError
        If the alert is not a draft.
    """
    if alert.state != "draft":
        raise OutdatedError(f"alert {alert.id}: expected a draft, was {alert.state}")
    return msgspec.structs.replace(alert, version=alert.version + 1, state="withdrawn", updated=now)


def record_delivery(
    alert: Alert,
    channel: ChannelName,
    target: str,
    state: DeliveryState,
    now: datetime,
    detail: str | None = None,
) -> Alert:
    """Note what became of one delivery; a repeated fact changes nothing.

    A sign may answer before its command is noted as sent: ``sent`` only ever follows ``waiting``. What was shown stays
    shown; that the sign took it off its face later becomes the detail.
    """
    deliveries = tuple(
        _next(one, state, now, detail) if (one.channel, one.target) == (channel, target) else one
        for one in alert.deliveries
    )
    if deliveries == alert.deliveries:
        return alert
    return msgspec.structs.replace(alert, version=alert.version + 1, updated=now, deliveries=deliveries)


def has_waiting(alert: Alert) -> bool:
    """Tell whether something of an alert has still to be sent."""
    return any(one.state == "waiting" for one in alert.deliveries)


def clean(text: str) -> str:
    """Return a text without what cannot be seen: controls become spaces, formats and spaces at the ends go."""
    seen = "".join(" " if unicodedata.category(one) in {"Cc", "Zl", "Zp"} else one for one in text)
    return "".join(one for one in seen if unicodedata.category(one) not in {"Cf", "Cs"}).strip()


def _next(one: Delivery, state: DeliveryState, now: datetime, detail: str | None) -> Delivery:
    if one.state == "shown" and state == "refused":
        state = "shown"
    if one.state not in _FOLLOWS[state] or (one.state, one.detail) == (state, detail):
        return one
    return Delivery(channel=one.channel, target=one.target, state=state, time=now, detail=detail)


def _decider(alert: Alert, operator: str, version: int) -> str:
    operator = clean(operator)
    if not operator:
        raise NotAllowedError("operator: expected a name, was empty")
    if _same_person(operator, alert.author):
        raise NotAllowedError(f"operator: expected somebody other than the author, was {operator!r}")
    if alert.state != "draft":
        raise OutdatedError(f"alert {alert.id}: expected a draft, was {alert.state}")
    if alert.version != version:
        raise OutdatedError(f"alert {alert.id}: expected version {alert.version}, was {version}; look at it again")
    return operator


def _same_person(one: str, other: str) -> bool:
    def key(name: str) -> str:
        return "".join(unicodedata.normalize("NFKC", clean(name)).casefold().split())

    return key(one) == key(other)
