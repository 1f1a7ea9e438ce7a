"""An operator who approves every draft after a while, so that signs and drivers can be rehearsed without people."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.desk import Desk

OPERATOR = "autopilot"


class Autopilot:
    """Approves drafts that are old enough.

    The author of a draft is the system, so one approval by somebody else is what the desk asks for.

    Parameters
    ----------
    after_s
        How long a draft lies before it is approved, as it then reads. [s]
    """

    def __init__(self, after_s: float) -> None:
        self._after = timedelta(seconds=after_s)

    async def look(self, desk: Desk, now: datetime) -> int:
        """Approve what is due, oldest first, and return how many were.

        Raises
        ------
        LifecycleError, StoreUnavailableError
            From the desk; neither can happen with its own drafts and a store in memory.
        """
        due = [one for one in desk.alerts.values() if one.state == "draft" and now - one.created >= self._after]
        for draft in sorted(due, key=lambda one: (one.created, one.id)):
            await desk.approve(draft.id, OPERATOR, draft.version, now)
        return len(due)
