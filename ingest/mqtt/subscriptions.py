"""Who wants a topic: a tree of filters with a bounded cache of answers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Target = TypeVar("Target", bound=Hashable)

_CACHED_TOPICS = 16_384
_CACHED_TOPIC_CHARACTERS = 256


class _Node(Generic[Target]):
    __slots__ = ("children", "targets")

    def __init__(self) -> None:
        self.children: dict[str, _Node[Target]] = {}
        self.targets: dict[Target, int] = {}


class SubscriptionTree(Generic[Target]):
    """Filters of all subscribers, one tree level for each topic level. Filters and topics must be valid."""

    def __init__(self) -> None:
        self._root: _Node[Target] = _Node()
        self._cache: dict[str, tuple[tuple[Target, int], ...]] = {}

    def add(self, topic_filter: str, target: Target, qos: int) -> None:
        """Subscribe, or change the QoS of a subscription."""
        node = self._root
        for level in topic_filter.split("/"):
            node = node.children.setdefault(level, _Node())
        node.targets[target] = qos
        self._cache.clear()

    def remove(self, topic_filter: str, target: Target) -> None:
        """Unsubscribe; nothing happens when there is no such subscription."""
        path = [self._root]
        levels = topic_filter.split("/")
        for level in levels:
            child = path[-1].children.get(level)
            if child is None:
                return
            path.append(child)
        path[-1].targets.pop(target, None)
        for level in reversed(levels):
            node = path.pop()
            if node.children or node.targets:
                break
            del path[-1].children[level]
        self._cache.clear()

    def match(self, topic: str) -> tuple[tuple[Target, int], ...]:
        """Return each subscriber once, with the highest QoS of its filters that select the topic."""
        found = self._cache.get(topic)
        if found is None:
            found = tuple(self._search(topic).items())
            if len(topic) <= _CACHED_TOPIC_CHARACTERS:
                if len(self._cache) >= _CACHED_TOPICS:
                    self._cache.clear()
                self._cache[topic] = found
        return found

    def _search(self, topic: str) -> dict[Target, int]:
        best: dict[Target, int] = {}
        frontier = [self._root]
        wildcards = not topic.startswith("$")
        for level in topic.split("/"):
            below = []
            for node in frontier:
                children = node.children
                if level in children:
                    below.append(children[level])
                if wildcards:
                    if "#" in children:
                        _merge(best, children["#"])
                    if "+" in children:
                        below.append(children["+"])
            frontier = below
            wildcards = True
            if not frontier:
                break
        for node in frontier:
            _merge(best, node)
            if "#" in node.children:
                _merge(best, node.children["#"])
        return best


def _merge(best: dict[Target, int], node: _Node[Target]) -> None:
    for target, qos in node.targets.items():
        best[target] = max(qos, best.get(target, 0))
