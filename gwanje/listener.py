"""Listening sockets: bound before anything else is started, and handed down to the process that serves on them.

``gwanje up`` keeps them while the system behind them starts anew: a connection made meanwhile waits, and nobody else
can take the port.
"""

from __future__ import annotations

import os
import socket

from gwanje.errors import CommandError

PAGE_VARIABLE = "GWANJE_PAGE_FD"
MQTT_VARIABLE = "GWANJE_MQTT_FD"
"""Descriptors of sockets that the parent process listens on, for the page and for the embedded broker."""

_BACKLOG = 1024
_UNREAD_MS = 30_000
"""How long a client may read nothing of what waits for it before the kernel drops the connection. [ms]"""


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Bind a socket and listen, so that nobody else can have it; connections wait to be accepted.

    Parameters
    ----------
    host, port
        Where; port 0 takes a free one.
    option
        What a person can change when the port is not to be had.

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
            f"stop what uses the port, or choose another with {option}"
        ) from None
    return listener


def inherited(variable: str) -> socket.socket | None:
    """Return the listening socket that the parent process handed down under a variable, or None.

    Raises
    ------
    CommandError
        If the variable does not name a listening socket.
    """
    text = os.environ.pop(variable, None)  # a child of ours would have another descriptor under this number
    if text is None:
        return None
    try:
        listener = socket.socket(fileno=int(text))
    except (ValueError, OSError):
        raise CommandError(f"{variable}: expected the descriptor of a listening socket, was {text!r}") from None
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.detach()
        raise CommandError(f"{variable}: expected the descriptor of a listening socket, was {text!r}")
    listener.set_inheritable(False)
    return listener
