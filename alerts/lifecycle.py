"""What may happen to an alert, as pure functions: they give the next value or refuse."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.model import Alert, Delivery, DeliveryState


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
    if not reason.strip():
        raise NotAllowedError("reason: expected why the alert is turned down, was empty")
    return msgspec.structs.replace(
        alert,
        version=alert.version + 1,
        state="rejected",
        approved_by=None,
        decided=now,
        updated=now,
        reason=f"{operator}: {reason.strip()}",
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
    alert: Alert, channel: str, target: str, state: DeliveryState, now: datetime, detail: str | None = None
) -> Alert:
    """Note what became of one delivery; a repeated fact changes nothing.

    A sign may answer before its command is noted as sent: ``sent`` only ever follows ``waiting``.
    """
    deliveries = tuple(
        Delivery(channel=one.channel, target=one.target, state=state, time=now, detail=detail)
        if (one.channel, one.target) == (channel, target)
        and (one.state, one.detail) != (state, detail)
        and (state != "sent" or one.state == "waiting")
        else one
        for one in alert.deliveries
    )
    if deliveries == alert.deliveries:
        return alert
    return msgspec.structs.replace(alert, version=alert.version + 1, updated=now, deliveries=deliveries)


def _decider(alert: Alert, operator: str, version: int) -> str:
    operator = operator.strip()
    if not operator:
        raise NotAllowedError("operator: expected a name, was empty")
    if operator.casefold() == alert.author.casefold():
        raise NotAllowedError(f"operator: expected somebody other than the author, was {operator!r}")
    if alert.state != "draft":
        raise OutdatedError(f"alert {alert.id}: expected a draft, was {alert.state}")
    if alert.version != version:
        raise OutdatedError(f"alert {alert.id}: expected version {alert.version}, was {version}; look at it again")
    return operator
