"""The address of a broker."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from simulators.errors import TransportError

PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker listens, and who asks."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the context of an encrypted connection with checked certificates, or None."""
        return ssl.create_default_context() if self.tls else None


def parse_broker_url(url: str) -> BrokerAddress:
    """Read ``mqtt://user:password@host:port`` (or ``mqtts``).

    Raises
    ------
    TransportError
        If it is not such an address; the text never shows the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise TransportError(f"mqtt_url: expected mqtt://user:password@host:port: {exc}") from None
    if parts.scheme not in PORTS:
        raise TransportError(f"mqtt_url: expected mqtt:// or mqtts://, was {parts.scheme!r} as scheme")
    if not parts.hostname:
        raise TransportError("mqtt_url: expected a host, was none")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise TransportError("mqtt_url: expected nothing after host and port")
    return BrokerAddress(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        tls=parts.scheme == "mqtts",
    )
