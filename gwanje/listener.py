"""The page's socket, bound before anything else is started."""

from __future__ import annotations

import socket

from gwanje.errors import CommandError

_BACKLOG = 1024
_UNREAD_MS = 30_000
"""How long a client may read nothing of what waits for it before the kernel drops the connection. [ms]"""


def bind(host: str, port: int) -> socket.socket:
    """Bind the page's socket and listen, so that nobody else can have it; connections wait to be accepted.

    Raises
    ------
    CommandError
        If the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Inherited by what is accepted: a reader that takes nothing would otherwise keep its buffers for ever.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        raise CommandError(
            f"cannot listen on {host}:{port} ({(exc.strerror or str(exc)).lower()}): "
            "stop what uses the port, or choose another with --port"
        ) from None
    return listener
