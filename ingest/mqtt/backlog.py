"""How far a broker is behind with what it sends to us, told by what a ping waits behind; when to make it forget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.mqtt.packets import Publish

LOOK_S = 0.25
"""Time between two looks at an open ping [s]."""
_MOST_A_LOOK_S = 2.0 * LOOK_S


@dataclass(frozen=True)
class BacklogLimits:
    """When to let a broker's backlog go; see ``config/thresholds/backlog.toml``.

    Attributes
    ----------
    ping_every_s
        Time between two pings.
    behind_s
        How long we read what stood before a ping until it is too long.
    not_again_s
        Time between two times of letting go.
    kept_frac_max
        Share of messages at QoS 1 among what is read meanwhile, above which there is nothing to gain: the broker would
        send them all again.
    """

    ping_every_s: float
    behind_s: float
    not_again_s: float
    kept_frac_max: float


class Backlog:
    """What one session knows of the broker's backlog.

    A broker answers a ping behind everything that it has put out for the connection before, so that the answer's delay
    is the time it takes us to read the backlog: no clock of a device is in it. Of that delay only the time counts in
    which we read. A process that was stopped, a machine that slept and a session that is held back did not, and read up
    afterwards.

    Parameters
    ----------
    limits
    monotonic
        Seconds that only grow.

    Attributes
    ----------
    let_go
        How often the backlog was let go; only grows.

    Source
    ------
    Own construction. MQTT 3.1.1 orders messages of a topic, not PINGRESP among them; mosquitto keeps one queue of
    outgoing packets for each connection, which `tests/ingest/mqtt/test_backlog.py` holds it to. Of a broker that
    answers pings past its queue nothing is ever let go.
    """

    def __init__(self, limits: BacklogLimits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.let_go = 0
        self._limits = limits
        self._monotonic = monotonic
        self._last_s: float | None = None
        self._took_s = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin to measure on a new connection."""
        self._looked_s = self._monotonic()
        self._pinged_s = float("-inf")
        self._open: int | None = None
        self._spent_s = 0.0
        self._kept = self._plain = 0
        self._heard = False

    def note(self, messages: Sequence[Publish]) -> None:
        """Note the messages of one read; the last stands for all of them."""
        self._heard = True
        if messages[-1].qos:
            self._kept += len(messages)
        else:
            self._plain += len(messages)

    def look(self, answered: int, ping: Callable[[], int], *, reading: bool) -> bool:
        """Look at the open ping, or send one; tell whether the backlog has to go now.

        Parameters
        ----------
        answered
            Pings of the connection that were answered.
        ping
            Sends one and returns which of the connection's it is, from 1.
        reading
            Whether the session reads.
        """
        now_s = self._monotonic()
        # A stop of the whole process shows as one long step, in which nothing was read.
        step_s, self._looked_s = min(now_s - self._looked_s, _MOST_A_LOOK_S), now_s
        heard, self._heard = self._heard, False
        if self._open is not None:
            self._spent_s += step_s if reading else 0.0
            if answered < self._open:
                return reading and heard and self._is_too_much(now_s)
            self._took_s, self._open = self._spent_s, None
        if now_s - self._pinged_s >= self._limits.ping_every_s:
            self._pinged_s, self._spent_s = now_s, 0.0
            self._kept = self._plain = 0
            self._open = ping()
        return False

    def _is_too_much(self, now_s: float) -> bool:
        limits = self._limits
        if self._spent_s < limits.behind_s or self._kept > limits.kept_frac_max * (self._kept + self._plain):
            return False
        if self._last_s is not None and now_s - self._last_s < limits.not_again_s:
            return False
        self._last_s = now_s
        self.let_go += 1
        return True

    @property
    def delay_s(self) -> float:
        """How far the broker is behind: what the last answer took to read up to, or the open one has taken by now."""
        return max(self._took_s, self._spent_s) if self._open is not None else self._took_s

    def went_within(self, seconds: float) -> bool:
        """Whether the backlog was let go in the last so many seconds."""
        return self._last_s is not None and self._monotonic() - self._last_s < seconds
