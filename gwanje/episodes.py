"""Findings as episodes, and two sets of them side by side: what was, and what would have been."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from engine.findings import Finding, HazardLevel

_NS = 1_000_000_000


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One finding from its first wording to its last, within the time looked at."""

    rule: str
    subject: str
    detail: str
    begin_ns: int
    """Engine time of the first wording. [ns since 1970 UTC]"""
    end_ns: int
    """Of the last. [ns since 1970 UTC]"""
    level: HazardLevel
    """The highest."""
    confidence: float
    """The highest, 0 to 1."""
    ended: bool


class Pair(NamedTuple):
    """One episode as it was and as it would have been; None for what was not, or would not have been."""

    was: Episode | None
    would: Episode | None

    @property
    def is_same(self) -> bool:
        """Whether both say the same."""
        return self.was == self.would


def episodes_of(findings: Iterable[Finding]) -> list[Episode]:
    """Return the episodes of some findings, in the order of their beginning."""
    by_id: dict[str, list[Finding]] = {}
    for finding in findings:
        by_id.setdefault(finding.id, []).append(finding)
    episodes = [
        Episode(
            rule=said[0].rule.value,
            subject=said[0].subject,
            detail=said[0].detail,
            begin_ns=said[0].updated_ns,
            end_ns=said[-1].updated_ns,
            level=max(one.level for one in said),
            confidence=max(one.confidence for one in said),
            ended=not said[-1].active,
        )
        for said in by_id.values()
    ]
    return sorted(episodes, key=lambda one: (one.begin_ns, one.rule, one.subject))


def side_by_side(was: Sequence[Episode], would: Sequence[Episode]) -> list[Pair]:
    """Match episodes of one rule and subject that overlap in time, the earliest first; each belongs to one pair."""
    left = list(would)
    pairs = []
    for one in was:
        match = next(
            (
                other
                for other in left
                if (other.rule, other.subject) == (one.rule, one.subject)
                and other.begin_ns <= one.end_ns
                and one.begin_ns <= other.end_ns
            ),
            None,
        )
        if match is not None:
            left.remove(match)
        pairs.append(Pair(one, match))
    pairs += [Pair(None, other) for other in left]
    return sorted(pairs, key=_first_ns)


def _first_ns(pair: Pair) -> tuple[int, str]:
    known = [one for one in pair if one is not None]
    return min(one.begin_ns for one in known), known[0].subject
