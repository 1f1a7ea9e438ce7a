"""The follower of queues under test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.incidents.tails import Extent, Follower
from gwanje.calc.arrays import Corridor


def follower() -> Follower | None:
    """Return the follower, None where it has not been built."""
    if find_spec("gwanje.calc.queues") is None:
        return None
    follow: Any = import_module("gwanje.calc.queues").follow

    def followed(corridor: Corridor) -> Iterator[tuple[float, Sequence[Extent]]]:
        for now in follow(corridor):
            extents = now.extents
            columns = (extents.head_m.tolist(), extents.tail_m.tolist(), extents.predicted_tail_m.tolist())
            yield (
                now.time_s,
                [
                    Extent(head, tail, (ahead[0], ahead[1], ahead[2]))
                    for head, tail, ahead in zip(*columns, strict=True)
                ],
            )

    return followed
