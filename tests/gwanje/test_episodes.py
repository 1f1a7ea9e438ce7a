"""Findings joined to episodes, and held side by side."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.findings import Finding, HazardLevel, Rule
from gwanje.episodes import Episode, episodes_of, side_by_side


def finding(name: str, at: int, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "id": name, "rule": Rule.SLOPE_LEVEL, "level": HazardLevel.CAUTION, "active": True, "onset_ns": 0,
        "updated_ns": at, "confidence": 0.5, "lon_deg": 128.0, "lat_deg": 37.0, "subject": "SLP-1", "devices": (),
        "observations": (), "receipt": (),
    }  # fmt: skip
    return Finding(**values | changes)


def test_an_episode_goes_from_the_first_wording_to_the_last_at_its_highest() -> None:
    said = [
        finding("a", 10),
        finding("b", 15, subject="SLP-2"),
        finding("a", 20, level=HazardLevel.SERIOUS, confidence=0.9),
        finding("a", 30, active=False),
    ]
    first, second = episodes_of(said)
    assert (first.begin_ns, first.end_ns, first.level, first.confidence, first.ended) == (
        10,
        30,
        HazardLevel.SERIOUS,
        0.9,
        True,
    )
    assert (second.subject, second.ended) == ("SLP-2", False)


def test_what_was_and_what_would_have_been_are_matched_by_subject_and_time() -> None:
    was = episodes_of([finding("a", 10), finding("a", 30, active=False), finding("c", 100), finding("c", 110)])
    would = episodes_of([finding("b", 20), finding("b", 60, active=False), finding("d", 10, subject="SLP-3")])
    pairs = side_by_side(was, would)
    assert [(pair.was is not None, pair.would is not None, pair.is_same) for pair in pairs] == [
        (True, True, False),
        (False, True, False),
        (True, False, False),
    ]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 9)), max_size=8),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 9)), max_size=8),
)
def test_every_episode_is_in_one_pair_and_a_pair_overlaps(
    one: list[tuple[str, int, int]], other: list[tuple[str, int, int]]
) -> None:
    was, would = (
        [
            Episode(rule="r", subject=subject, detail="", begin_ns=begin, end_ns=begin + length,
                    level=HazardLevel.ALERT, confidence=number / 10, ended=True)
            for number, (subject, begin, length) in enumerate(rows)
        ]
        for rows in (one, other)
    )  # fmt: skip
    pairs = side_by_side(was, would)
    assert sorted(id(pair.was) for pair in pairs if pair.was) == sorted(map(id, was))
    assert sorted(id(pair.would) for pair in pairs if pair.would) == sorted(map(id, would))
    for pair in pairs:
        if pair.was and pair.would:
            assert pair.was.subject == pair.would.subject
            assert pair.was.begin_ns <= pair.would.end_ns
            assert pair.would.begin_ns <= pair.was.end_ns
    assert all(pair.is_same for pair in side_by_side(was, was)) or len(set(one)) != len(one) or len(was) > 1
