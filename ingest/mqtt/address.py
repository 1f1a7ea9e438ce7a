"""Where a broker is: MQTT URLs, and the texts for a broker that cannot be reached."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import DISCONNECT, encode
from ingest.mqtt.errors import MqttUnavailable, ProtocolError
from ingest.mqtt.packets import Connack, Connect

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXPECTED = "MQTT URL: expected mqtt://[user:password@]host[:port] or mqtts://…"
_ADVICE = "start it, or unset GWANJE_MQTT_URL to use the embedded one"
_REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refused the client identifier",
    3: "it is not available now",
    4: "wrong user name or password",
    5: "not authorised",
}


@dataclass(frozen=True)
class BrokerAddress:
    """Host, port and credentials of a broker; ``str()`` shows no credentials."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def unavailable(self, reason: str) -> MqttUnavailable:
        """Return the error that says so to an operator."""
        return MqttUnavailable(f"cannot reach the MQTT broker at {self} ({reason}): {_ADVICE}")

    def connect_packet(self, client_id: str, *, clean_session: bool, keep_alive_s: int) -> Connect:
        """Return a CONNECT with these credentials and no will."""
        password = None if self.password is None else self.password.encode()
        return Connect(client_id, clean_session, keep_alive_s, None, self.username, password)


def parse_url(url: str) -> BrokerAddress:
    """Take an MQTT URL apart; user name and password may be percent-encoded.

    Raises
    ------
    ValueError
        If it is not one. The text shows no credentials.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{_EXPECTED} with a port of 1 to 65535, was not a URL ({error})") from error
    shown = url.rpartition("@")[2][:100]
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{_EXPECTED}, was {shown!r}")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"{_EXPECTED} and nothing behind it, was {shown!r}")
    if port == 0:
        raise ValueError(f"{_EXPECTED} with a port of 1 to 65535, was {shown!r}")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return BrokerAddress(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts", username, password)


def describe(error: BaseException) -> str:
    """Return why a connection failed, in a few plain words."""
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror():
            return "unknown host name"
        case ssl.SSLError():
            return f"TLS: {error.reason or error}"
        case ConnectionResetError() | BrokenPipeError():
            return "it closed the connection"
        case OSError():
            return (error.strerror or str(error) or type(error).__name__).lower()
    return str(error)


def refusal(code: int) -> str:
    """Return what a CONNACK code other than 0 means."""
    return _REFUSALS.get(code, f"CONNACK code {code}")


async def check_reachable(url: str, *, timeout_s: float = 5.0, tls: ssl.SSLContext | None = None) -> None:
    """Connect once as a passing client and leave, so that a command can fail fast.

    Raises
    ------
    MqttUnavailable
        If the broker cannot be reached, does not answer in ``timeout_s``, or refuses the client.
    ValueError
        If ``url`` is not an MQTT URL.
    """
    address = parse_url(url)
    context = tls or ssl.create_default_context() if address.tls else None
    hello = address.connect_packet(f"gwanje-check-{secrets.token_hex(4)}", clean_session=True, keep_alive_s=60)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
            try:
                writer.write(encode(hello))
                answer = await _first_packet(reader)
                writer.write(DISCONNECT)
            finally:
                writer.close()
    except ProtocolError as error:
        raise address.unavailable(refusal(1)) from error
    except OSError as error:
        raise address.unavailable(describe(error)) from error
    if not isinstance(answer, Connack):
        raise address.unavailable("it closed the connection" if answer is None else refusal(1))
    if answer.code:
        raise address.unavailable(refusal(answer.code))


async def _first_packet(reader: asyncio.StreamReader) -> object:
    parser = Parser()
    while data := await reader.read(4096):
        if packets := parser.feed(data):
            return packets[0]
    return None
