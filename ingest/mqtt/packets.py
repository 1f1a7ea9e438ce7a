"""The control packets of MQTT 3.1.1 (OASIS Standard, 29 October 2014), one frozen struct each.

Structs carry what the wire carries and nothing more, except ``connection``: a number that the receiver stamps on a
message so that an acknowledgement never reaches a later connection on which the same packet identifier means
something else.
"""

from __future__ import annotations

from msgspec import Struct

MAX_REMAINING_LENGTH = 268_435_455
"""Largest remaining length that the four length bytes can say. [bytes]"""

DEFAULT_MAX_PACKET_BYTES = 1 << 20
SUBSCRIPTION_REFUSED = 0x80


class Will(Struct, frozen=True):
    """What the broker publishes for a client that goes without saying goodbye."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Connect(Struct, frozen=True):
    """CONNECT: first packet of a client. ``keep_alive_s`` 0 means none."""

    client_id: str
    clean_session: bool = True
    keep_alive_s: int = 0
    will: Will | None = None
    username: str | None = None
    password: bytes | None = None


class Connack(Struct, frozen=True):
    """CONNACK: ``code`` 0 accepts; 1 version, 2 identifier, 3 unavailable, 4 credentials, 5 not authorised."""

    session_present: bool
    code: int


class Publish(Struct, frozen=True, gc=False):
    """PUBLISH: an application message. ``packet_id`` is 0 at QoS 0; ``connection`` is the receiver's own number."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    connection: int = 0


class OversizePublish(Struct, frozen=True, gc=False):
    """A PUBLISH above the receiver's limit, reported after its last byte was skipped; ``size`` is the whole packet."""

    topic: str
    size: int
    qos: int = 0
    packet_id: int = 0
    connection: int = 0

    @property
    def payload(self) -> bytes:
        """What stands for the payload that was skipped: its size, as text."""
        return b"%d" % self.size

    @property
    def retain(self) -> bool:
        """Never known."""
        return False


class Puback(Struct, frozen=True, gc=False):
    """PUBACK: the receiver has taken responsibility for a QoS 1 message."""

    packet_id: int


class Pubrec(Struct, frozen=True, gc=False):
    """PUBREC: first answer to a QoS 2 message."""

    packet_id: int


class Pubrel(Struct, frozen=True, gc=False):
    """PUBREL: the sender's answer to PUBREC."""

    packet_id: int


class Pubcomp(Struct, frozen=True, gc=False):
    """PUBCOMP: the end of a QoS 2 exchange."""

    packet_id: int


class Subscribe(Struct, frozen=True):
    """SUBSCRIBE: filters with the highest QoS wanted for each."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


class Suback(Struct, frozen=True):
    """SUBACK: for each filter the QoS granted, or 0x80 for refused."""

    packet_id: int
    codes: tuple[int, ...]


class Unsubscribe(Struct, frozen=True):
    """UNSUBSCRIBE: filters to forget."""

    packet_id: int
    filters: tuple[str, ...]


class Unsuback(Struct, frozen=True):
    """UNSUBACK: the filters are forgotten."""

    packet_id: int


class Pingreq(Struct, frozen=True):
    """PINGREQ: the client is alive."""


class Pingresp(Struct, frozen=True):
    """PINGRESP: so is the broker."""


class Disconnect(Struct, frozen=True):
    """DISCONNECT: the client leaves on purpose; its last will is forgotten."""


Packet = (
    Connect
    | Connack
    | Publish
    | OversizePublish
    | Puback
    | Pubrec
    | Pubrel
    | Pubcomp
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
)
"""What a parser can report."""
