"""Sans-I/O parser of a stream of MQTT 3.1.1 packets: whole socket buffers in, lists of packets out."""

from __future__ import annotations

from ingest.mqtt.decode import check_first_byte, decode_body
from ingest.mqtt.errors import ProtocolError
from ingest.mqtt.packets import DEFAULT_MAX_PACKET_BYTES, OversizePublish, Packet, Puback, Publish
from ingest.mqtt.topics import TopicTable


class Parser:
    """Incremental parser of one direction of one connection.

    Parameters
    ----------
    max_packet_bytes
        Largest packet taken, fixed header included. A larger PUBLISH is skipped without being buffered and
        reported as `OversizePublish`; a larger packet of any other type is a `ProtocolError`.
    connection
        Number stamped on every message.
    topics
        Table of known topic names, shared between parsers or this one's own.

    Notes
    -----
    Holds at most one incomplete packet. Bytes are joined only once the packet is complete, so that a peer who sends
    one byte at a time costs no more than one who sends it at once.
    """

    def __init__(
        self,
        max_packet_bytes: int = DEFAULT_MAX_PACKET_BYTES,
        *,
        connection: int = 0,
        topics: TopicTable | None = None,
    ) -> None:
        self._max = max_packet_bytes
        self._connection = connection
        self._topics = TopicTable() if topics is None else topics
        self._buffer = bytearray()
        self._need = 0
        self._skip = 0
        self._oversize: OversizePublish | None = None
        self._failed: str | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> list[Packet]:
        """Take bytes from the peer and return the packets that they complete, in order.

        Raises
        ------
        ProtocolError
            If the bytes are not MQTT 3.1.1. Its ``packets`` are those before the error; every later call fails.
        """
        if self._failed is not None:
            raise ProtocolError(self._failed)
        packets: list[Packet] = []
        if self._skip:
            if len(data) < self._skip:
                self._skip -= len(data)
                return packets
            data = data[self._skip :]
            self._skip = 0
            self._report_oversize(packets)
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return packets
            data = bytes(self._buffer)
            self._buffer.clear()
        elif type(data) is not bytes:
            data = bytes(data)
        try:
            position = self._parse(data, packets)
        except ProtocolError as error:
            self._failed = str(error)
            error.packets = packets
            raise
        if position < len(data):
            self._buffer += data[position:]
        return packets

    def _parse(self, data: bytes, packets: list[Packet]) -> int:
        """Append the complete packets of ``data`` and return where the first incomplete one begins."""
        known = self._topics.known
        connection = self._connection
        limit = self._max
        append = packets.append
        position = 0
        end = len(data)
        while end - position >= 2:
            first = data[position]
            length = data[position + 1]
            body = position + 2
            if length > 127:
                if end - position >= 3 and data[body] < 128:
                    length = length & 127 | data[body] << 7
                    body += 1
                else:
                    length, body = _long_length(data, position + 1)
                    if length < 0:
                        self._need = end - position + 1
                        return position
            stop = body + length
            if stop - position > limit:
                start = position
                position = self._pass_over(data, start, body, stop, packets)
                if position == start:
                    return position
                continue
            if stop > end:
                check_first_byte(first)
                self._need = stop - position
                return position
            if first & 0xF0 == 0x30:
                if length < 2:
                    raise ProtocolError(f"PUBLISH: expected at least 2 bytes, was {length}")
                topic_end = body + 2 + (data[body] << 8 | data[body + 1])
                qos = first >> 1 & 3
                payload_start = topic_end + 2 if qos else topic_end
                if payload_start > stop:
                    raise ProtocolError("PUBLISH: expected topic and packet identifier inside the packet")
                raw = data[body + 2 : topic_end]
                topic = known.get(raw) or self._topics.learn(raw)
                if qos:
                    packet_id = data[topic_end] << 8 | data[topic_end + 1]
                    if not packet_id or qos == 3:
                        raise ProtocolError(f"PUBLISH: expected an identifier above 0 and a QoS below 3, was {qos}")
                    append(
                        Publish(
                            topic, data[payload_start:stop], qos, first & 1 == 1, first & 8 == 8, packet_id, connection
                        )
                    )
                else:
                    if first & 8:
                        raise ProtocolError("PUBLISH: expected no DUP at QoS 0")
                    append(Publish(topic, data[payload_start:stop], 0, first & 1 == 1, False, 0, connection))
            elif first == 0x40 and length == 2 and (packet_id := data[body] << 8 | data[body + 1]):
                append(Puback(packet_id))
            else:
                append(decode_body(first, data[body:stop]))
            position = stop
        self._need = 2
        return position

    def _pass_over(self, data: bytes, start: int, body: int, stop: int, packets: list[Packet]) -> int:
        """Begin to skip an oversize PUBLISH; return where to go on, or ``start`` when its topic is incomplete."""
        size = stop - start
        if data[start] & 0xF0 != 0x30:
            raise ProtocolError(f"packet: expected at most {self._max} bytes, was {size}")
        end = len(data)
        if end < body + 2:
            self._need = body + 2 - start
            return start
        topic_end = body + 2 + (data[body] << 8 | data[body + 1])
        qos = data[start] >> 1 & 3
        head_end = topic_end + 2 if qos else topic_end
        if head_end > stop or qos == 3:
            raise ProtocolError("PUBLISH: expected topic, identifier and a QoS below 3 in an oversize packet")
        if end < head_end:
            self._need = head_end - start
            return start
        raw = data[body + 2 : topic_end]
        topic = self._topics.known.get(raw) or self._topics.learn(raw)
        packet_id = data[topic_end] << 8 | data[topic_end + 1] if qos else 0
        if qos and not packet_id:
            raise ProtocolError("PUBLISH: expected a packet identifier above 0, was 0")
        self._oversize = OversizePublish(topic, size, qos, packet_id, self._connection)
        if end < stop:
            self._skip = stop - end
            return end
        self._report_oversize(packets)
        return stop

    def _report_oversize(self, packets: list[Packet]) -> None:
        if self._oversize is not None:
            packets.append(self._oversize)
            self._oversize = None


def _long_length(data: bytes, position: int) -> tuple[int, int]:
    """Decode a remaining length of up to four bytes: (length, where the body begins), or -1 when incomplete."""
    length = 0
    for index in range(4):
        if position + index >= len(data):
            return -1, position
        byte = data[position + index]
        length |= (byte & 127) << 7 * index
        if byte < 128:
            return length, position + index + 1
    raise ProtocolError("packet: expected a remaining length of at most four bytes")
