"""What people do with alerts, and what citizens can read of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import BaseModel, Field

from alerts.desk import UnknownAlertError
from alerts.desk_store import StoreUnavailableError
from alerts.lifecycle import NotAllowedError, OutdatedError
from alerts.model import Alert
from dashboard.replies import json_reply, require_own_page
from dashboard.services import Services
from storage.views import alert_view


class Decision(BaseModel):
    """Who decides, on which version of the alert."""

    operator: Annotated[str, Field(min_length=1, max_length=100)]
    version: Annotated[int, Field(ge=1, strict=True)]


class Rejection(Decision):
    """A decision against, with its reason."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


def alert_routes(services: Services) -> APIRouter:
    """Return the routes of alerts."""
    router = APIRouter(prefix="/api/v1", tags=["alerts"])
    desk = services.desk

    @router.post("/alerts/{alert}/approve", dependencies=[Depends(require_own_page)])
    async def approve(alert: str, decision: Decision) -> Response:
        """Approve a draft; it goes to its channels at once."""
        try:
            approved = await desk.approve(alert, decision.operator, decision.version, services.clock())
        except (UnknownAlertError, NotAllowedError, OutdatedError, StoreUnavailableError) as exc:
            raise _problem(exc) from exc
        services.approved()
        return json_reply(alert_view(approved))

    @router.post("/alerts/{alert}/reject", dependencies=[Depends(require_own_page)])
    async def reject(alert: str, decision: Rejection) -> Response:
        """Turn a draft down."""
        try:
            rejected = await desk.reject(alert, decision.operator, decision.version, decision.reason, services.clock())
        except (UnknownAlertError, NotAllowedError, OutdatedError, StoreUnavailableError) as exc:
            raise _problem(exc) from exc
        return json_reply(alert_view(rejected))

    @router.get("/public/alerts")
    async def public_alerts(district: Annotated[str, Query(max_length=48)]) -> Response:
        """Return the approved alerts of a district, newest first."""
        approved = [one for one in desk.alerts.values() if one.state == "approved" and district in one.districts]
        newest_first = sorted(approved, key=lambda one: (one.updated, one.id), reverse=True)
        return json_reply([_public(one) for one in newest_first[:100]])

    return router


def _public(alert: Alert) -> dict[str, object]:
    """Leave out who decided: that is for the control room."""
    return {
        "id": alert.id,
        "mode": alert.mode,
        "level": alert.level.name.lower(),
        "districts": alert.districts,
        "text": alert.text,
        "time": alert.decided,
    }


def _problem(exc: Exception) -> HTTPException:
    match exc:
        case UnknownAlertError():
            return HTTPException(404, f"alert: expected one that is known, was {exc.args[0]!r}")
        case NotAllowedError():
            return HTTPException(403, str(exc))
        case OutdatedError():
            return HTTPException(409, str(exc))
        case _:
            return HTTPException(503, f"the database is away; whether it was decided shows when it is back ({exc})")
