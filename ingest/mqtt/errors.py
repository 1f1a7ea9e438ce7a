"""What can go wrong between MQTT peers.

``ProtocolError``
    The peer sent bytes that are not MQTT 3.1.1; that one connection must be closed.
``UnsupportedVersionError``
    A CONNECT of another protocol version.
``MqttUnavailable``
    A broker cannot be reached, refuses the client, or is not connected now; its text is fit for an operator.
``PublishTimeoutError``
    A publish was not accepted or not acknowledged in the time given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.mqtt.packets import Packet


class ProtocolError(ValueError):
    """Bytes that are not MQTT 3.1.1.

    Attributes
    ----------
    packets
        What was well formed before the error in the same buffer, in order.
    """

    def __init__(self, problem: str, packets: Sequence[Packet] = ()) -> None:
        super().__init__(problem)
        self.packets: Sequence[Packet] = packets


class UnsupportedVersionError(ProtocolError):
    """A CONNECT of another protocol version, with its ``level`` (5 is MQTT 5.0, 3 is MQTT 3.1)."""

    def __init__(self, level: int) -> None:
        super().__init__(f"CONNECT: expected protocol level 4 (MQTT 3.1.1), was {level}")
        self.level = level


class MqttUnavailable(ConnectionError):  # noqa: N818 - the state of the broker, reads well in `except`
    """A broker that cannot be used now; the text says which, why and what to do."""


class PublishTimeoutError(TimeoutError):
    """A publish that was not written, or at QoS 1 not acknowledged, in the time given."""
