"""Retained messages: the last one of each topic, bounded in number and bytes."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.mqtt.packets import Publish
from ingest.mqtt.topics import matches


class RetainedStore:
    """Holds at most ``max_messages`` and ``max_bytes`` of topics and payloads; kept in memory only."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._messages: dict[str, Publish] = {}
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def keep(self, message: Publish) -> bool:
        """Keep a message, or forget its topic when the payload is empty; false when there is no room for it.

        A message without room leaves its topic without a retained one: an old state must not pass for the new one.
        """
        old = self._messages.pop(message.topic, None)
        if old is not None:
            self._bytes -= _size(old)
        if not message.payload:
            return True
        size = _size(message)
        if len(self._messages) >= self._max_messages or self._bytes + size > self._max_bytes:
            return False
        self._messages[message.topic] = message
        self._bytes += size
        return True

    def select(self, topic_filter: str) -> Iterator[Publish]:
        """Yield the messages that a filter selects."""
        if "+" not in topic_filter and "#" not in topic_filter:
            if topic_filter in self._messages:
                yield self._messages[topic_filter]
            return
        # Everything selected begins with what stands before the first wildcard, less the slash ("a/#" selects "a").
        start = topic_filter[: min(i for i in (topic_filter.find("+"), topic_filter.find("#")) if i >= 0)].rstrip("/")
        for topic, message in self._messages.items():
            if topic.startswith(start) and matches(topic_filter, topic):
                yield message


def _size(message: Publish) -> int:
    return len(message.topic) * 4 + len(message.payload)
