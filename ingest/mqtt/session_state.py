"""What a session tells about itself, and how long it waits between attempts to connect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SessionCounters:
    """What a session has done since it was made; each only grows."""

    received: int = 0
    acknowledged: int = 0
    published: int = 0
    reconnects: int = 0
    oversize: int = 0
    paused: int = 0


@dataclass(frozen=True)
class SessionState:
    """Whether the session is connected and subscribed, and why not."""

    connected: bool
    reason: str
    connection: int
    renewing: bool = False
    """Whether the session ended the connection itself, to have a new one at once."""


@dataclass(frozen=True)
class Backoff:
    """Delays between attempts: doubled from ``first_s`` up to ``cap_s``, then scaled by a random 0.5 to 1."""

    first_s: float = 0.5
    cap_s: float = 30.0

    def delay_s(self, attempt: int, jitter: float) -> float:
        """Return the delay before attempt ``attempt`` (0 for the first one repeated); ``jitter`` in [0, 1), in s."""
        return float(min(self.cap_s, self.first_s * 2.0 ** min(attempt, 60)) * (0.5 + 0.5 * jitter))
