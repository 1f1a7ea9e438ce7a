"""What a person decided on an alert, on its way into the store."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.desk_store import Deed, DeskChange, Posting
from alerts.model import Alert, Situation
from config.catalogue.model import Name


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided, and the words for the timeline."""

    before: Alert
    after: Alert
    postings: tuple[Posting, ...]
    action: str
    what: Name
    operator: str
    now: datetime


def change_of(decision: Decision, lined: tuple[Situation, ...]) -> DeskChange:
    """Return what is saved of a decision, with the situation that got its line."""
    deed = Deed(
        time=decision.now,
        who=decision.operator,
        action=decision.action,
        subject=decision.before.id,
        before=decision.before,
        after=decision.after,
    )
    return DeskChange(situations=lined, alerts=(decision.after,), postings=decision.postings, deeds=(deed,))
