"""Python's cycle collector, told how a control room allocates."""

from __future__ import annotations

import gc

_THRESHOLDS = (50_000, 20, 50)
"""A tick under load makes tens of thousands of small objects that end with it by themselves; looking through them every
700, as Python does by default, took a tenth of the core (own measurement). Cycles are rare and still collected."""


def settle() -> None:
    """Leave everything made so far out of collections, and collect less often; to be called once all is made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
