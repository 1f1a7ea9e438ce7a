from __future__ import annotations

import pytest

from gwanje.open_files import SPARE, allow_connections

resource = pytest.importorskip("resource")


class Limits:
    """Limits of open files that are nobody's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
        self.now = (soft, hard)
        monkeypatch.setattr(resource, "getrlimit", lambda _kind: self.now)
        monkeypatch.setattr(resource, "setrlimit", self.set)

    def set(self, _kind: int, limits: tuple[int, int]) -> None:
        self.now = limits


@pytest.mark.parametrize(
    ("soft", "hard", "room", "then"),
    [
        (1_024, 1_048_576, 4_000, 4_000 + SPARE),
        (1_024, 3_000, 3_000 - SPARE, 3_000),
        (8_192, 8_192, 4_000, 8_192),
        (1_024, -1, 4_000, 4_000 + SPARE),
        (-1, -1, 4_000, -1),
        (100, 100, 1, 100),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, room: int, then: int
) -> None:
    assert resource.RLIM_INFINITY == -1
    limits = Limits(monkeypatch, soft, hard)
    assert allow_connections(4_000) == room
    assert limits.now == (then, hard)
