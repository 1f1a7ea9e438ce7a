"""The web application: routes, websockets, the page, and the headers that guard it."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.gazetteer import Gazetteer
from dashboard.routes.alerts import alert_routes
from dashboard.routes.devices import device_routes
from dashboard.routes.health import health_routes
from dashboard.routes.region import region_routes
from dashboard.services import Services
from dashboard.sockets import socket_routes

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Puts the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and mark its answer."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, marked)


def create_app(services: Services, gazetteer: Gazetteer) -> FastAPI:
    """Build the application over its services."""
    app = FastAPI(
        title="Gwanje",
        version=version("gwanje"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(services.allowed_hosts), www_redirect=False)
    app.include_router(health_routes(services))
    app.include_router(region_routes(services.catalogue))
    app.include_router(alert_routes(services))
    app.include_router(device_routes(services))
    app.include_router(socket_routes(services, gazetteer))
    if (services.web / "index.html").is_file():
        app.mount("/", StaticFiles(directory=services.web, html=True), name="web")
    return app
