"""Queues that formed by themselves: what they are called, from when to when, and where."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from benchmarks.incidents.draws import Patch
from benchmarks.incidents.labels import M_PER_MILE, Queue, Slowing
from benchmarks.incidents.road import Course

NEAR_M = 800.0
"""A head within this distance of a merge or lane drop stands at it."""


def gather(
    queues: list[Queue], course: Course, patches: list[Patch], start: float
) -> tuple[list[Slowing], list[Queue]]:
    """Name the causes of queues that no closure explains.

    Returns
    -------
    recurrent : list of Slowing
        One per queue.
    queues : list of Queue
        All of them, with a cause.
    """
    by_id: dict[str, list[Queue]] = defaultdict(list)
    for one in queues:
        if not one.cause:
            by_id[one.id].append(one)
    recurrent, cause_of = [], {}
    for name, each in by_id.items():
        first = each[0]
        head_m = _chainage_m(course, first.head_mile)
        cause_of[name] = _cause(course, patches, first.time_s - start, head_m)
        tails = [one.tail_mile for one in each]
        heads = [one.head_mile for one in each]
        recurrent.append(
            Slowing(
                cause=cause_of[name],
                onset_s=first.time_s,
                end_s=each[-1].time_s,
                head_mile=max(heads) if course.rising else min(heads),
                tail_mile=min(tails) if course.rising else max(tails),
            )
        )
    return recurrent, [one if one.cause else msgspec.structs.replace(one, cause=cause_of[one.id]) for one in queues]


def _chainage_m(course: Course, mile: float) -> float:
    return (mile - course.first_mile) * M_PER_MILE * (1.0 if course.rising else -1.0)


def _cause(course: Course, patches: list[Patch], time_s: float, head_m: float) -> str:
    if any(abs(head_m - place) < NEAR_M for place in course.bottlenecks_m):
        return "bottleneck"
    for patch in patches:
        moved = patch.pace_mps * (time_s - patch.from_s)
        if (
            patch.from_s <= time_s < patch.until_s + 600.0
            and patch.from_m + moved - NEAR_M <= head_m <= patch.to_m + moved + NEAR_M
        ):
            return patch.cause
    return "demand"
