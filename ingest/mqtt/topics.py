"""Topic names and topic filters (MQTT 3.1.1, section 4.7): validation, matching, and a table of known names."""

from __future__ import annotations

from ingest.mqtt.errors import ProtocolError

MAX_STRING_BYTES = 65_535
_KNOWN_NAMES = 16_384
_KNOWN_NAME_BYTES = 256


def check_topic(topic: str) -> None:
    """Check a topic name, to which one publishes.

    Raises
    ------
    ValueError
        If it is empty, longer than 65,535 bytes in UTF-8, or holds a wildcard, U+0000 or a lone surrogate.
    """
    _check_text("topic", topic)
    if "+" in topic or "#" in topic:
        raise ValueError(f"topic: expected no wildcard, was {topic[:100]!r}")


def check_filter(topic_filter: str) -> None:
    """Check a topic filter, to which one subscribes.

    Raises
    ------
    ValueError
        If it is empty, too long, holds U+0000 or a lone surrogate, if ``+`` does not fill its level, or if ``#``
        does not fill the last one.
    """
    _check_text("filter", topic_filter)
    levels = topic_filter.split("/")
    for index, level in enumerate(levels):
        if "#" in level and (level != "#" or index != len(levels) - 1):
            raise ValueError(f"filter: expected # alone in the last level, was {topic_filter[:100]!r}")
        if "+" in level and level != "+":
            raise ValueError(f"filter: expected + alone in its level, was {topic_filter[:100]!r}")


def matches(topic_filter: str, topic: str) -> bool:
    """Tell whether a (valid) filter selects a (valid) topic.

    ``a/#`` selects ``a`` as well as everything below it. A leading wildcard selects no topic that begins with ``$``.
    """
    if topic[:1] == "$" and topic_filter[:1] in {"+", "#"}:
        return False
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if wanted[-1] == "#":
        del wanted[-1]
        if len(levels) < len(wanted):
            return False
    elif len(levels) != len(wanted):
        return False
    return all(want in {"+", level} for want, level in zip(wanted, levels, strict=False))


class TopicTable:
    """Topic names already decoded and checked, so that a device's next message costs one look-up.

    Holds at most 16,384 names of at most 256 bytes; when full it starts anew. Connections of one broker share one.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, str] = {}

    def learn(self, raw: bytes) -> str:
        """Decode and check a topic name from the wire, and remember it.

        Raises
        ------
        ProtocolError
            If it is not a topic name.
        """
        try:
            topic = raw.decode()
            check_topic(topic)
        except ValueError as error:
            raise ProtocolError(f"PUBLISH: {error}") from error
        if len(raw) <= _KNOWN_NAME_BYTES:
            if len(self.known) >= _KNOWN_NAMES:
                self.known.clear()
            self.known[raw] = topic
        return topic


def _check_text(what: str, text: str) -> None:
    if not text:
        raise ValueError(f"{what}: expected at least one character, was empty")
    if "\0" in text:
        raise ValueError(f"{what}: expected no U+0000, was {text[:100]!r}")
    # A string of n characters has at least n bytes and at most 4 n: only the middle needs an encoding to be sure.
    if len(text) > MAX_STRING_BYTES // 4 or not text.isascii():
        size = len(text.encode())
        if size > MAX_STRING_BYTES:
            raise ValueError(f"{what}: expected at most {MAX_STRING_BYTES} bytes, was {size}")
