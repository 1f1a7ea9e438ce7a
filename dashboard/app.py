"""The web application: routes, websockets, the page, and the guard before them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.staticfiles import StaticFiles

from alerts.gazetteer import Gazetteer
from dashboard.guard import Guard
from dashboard.replies import json_reply
from dashboard.routes.alerts import alert_routes
from dashboard.routes.devices import device_routes
from dashboard.routes.health import health_routes
from dashboard.routes.region import region_routes
from dashboard.services import Services
from dashboard.sockets import socket_routes


def create_app(services: Services, gazetteer: Gazetteer) -> FastAPI:
    """Build the application over its services."""
    app = FastAPI(
        title="Gwanje",
        version=version("gwanje"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        exception_handlers={RequestValidationError: _not_understood, Exception: _our_fault},
    )
    app.add_middleware(Guard, allowed_hosts=services.allowed_hosts)
    app.include_router(health_routes(services))
    app.include_router(region_routes(services.catalogue, services.clock_speed))
    app.include_router(alert_routes(services))
    app.include_router(device_routes(services))
    app.include_router(socket_routes(services, gazetteer))
    if (services.web / "index.html").is_file():
        app.mount("/", StaticFiles(directory=services.web, html=True), name="web")
    return app


async def _not_understood(_request: Request, exc: Exception) -> Response:
    """Say in one text what is wrong with a request: each field, what was expected and what was there."""
    problems: Sequence[dict[str, object]] = exc.errors() if isinstance(exc, RequestValidationError) else ()
    said = []
    for problem in problems[:10]:
        place = problem.get("loc")
        names = [str(name) for name in place[1:]] if isinstance(place, tuple) else []
        was = problem.get("input")
        shown = "missing" if problem.get("type") == "missing" else repr(was)[:80]
        said.append(f"{'.'.join(names) or 'body'}: expected otherwise ({problem.get('msg')}), was {shown}")
    return _with_status(422, "; ".join(said) or "the request cannot be read")


async def _our_fault(_request: Request, _exc: Exception) -> Response:
    return _with_status(500, "something went wrong in the server; its log says what")


def _with_status(status: int, detail: str) -> Response:
    reply = json_reply({"detail": detail})
    reply.status_code = status
    return reply
