"""What the web application works with; handed in by whoever composes the system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alerts.desk import Desk
from config.catalogue.model import Catalogue
from config.settings import Mode
from dashboard.citizens import CitizenHub
from storage.database import Database
from storage.live import LiveView
from storage.views import PartView

Figures = Callable[[], Iterable[tuple[str, str, str, float]]]
"""Name, help text, type (counter or gauge) and value of every figure for monitoring."""

Histograms = Callable[[], Iterable[tuple[str, str, Sequence[float], Sequence[int], float]]]
"""Name, help text, upper bounds of the classes, counts by class (one more) and sum of every distribution."""


@dataclass(frozen=True)
class Services:
    """Everything behind the routes."""

    catalogue: Catalogue
    mode: Mode
    live: LiveView
    desk: Desk
    database: Database
    """For the pages alone: one that asks for much keeps no alert waiting."""
    citizens: CitizenHub
    clock: Callable[[], datetime]
    figures: Figures
    histograms: Histograms
    parts: Callable[[], Sequence[PartView]]
    approved: Callable[[], None]
    """Called after an approval, to wake the courier."""
    web: Path
    """The built page; without it only the interface for programs is served."""
    allowed_hosts: Sequence[str]
    clock_speed: float = 1.0
    """How many times faster than the wall's the clock runs."""
