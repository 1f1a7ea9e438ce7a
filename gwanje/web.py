"""Serving the web application on a socket that is bound before anything else is started."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

_LARGEST_CLIENT_FRAME = 65_536
_GOODBYE_S = 2


class _Server(uvicorn.Server):
    """A server that leaves signals to the process that it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """The application on a bound socket."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http="h11",
                ws="websockets-sansio",
                ws_per_message_deflate=False,
                ws_max_size=_LARGEST_CLIENT_FRAME,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GOODBYE_S,
            )
        )

    async def run(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Ask the server to say goodbye to everybody and end."""
        self._server.should_exit = True
