"""Why a lane is not believed, and the numbers that this is decided by."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from engine.thresholds import Sourced


class Reason(enum.IntFlag):
    """What is wrong with a lane; several at once."""

    NONE = 0
    NO_DATA = 1
    """Says nothing, while other devices speak."""
    ABSURD = 2
    """Numbers that no traffic makes, more than once."""
    CHATTER = 4
    """Counts more than a lane can carry."""
    LOCKED_ON = 8
    """Occupied all the time, without a jam."""
    SPIKES = 16
    """Occupancy jumps up and down, without a jam."""
    NO_HITS = 32
    """The published four hours without a vehicle, while others counted."""
    SILENT = 64
    """Far fewer vehicles than its usual share of what others counted: none."""
    STUCK = 128
    """The same volume, occupancy and speed again and again."""
    CONSTANT_OCCUPANCY = 256
    NO_CHANGE = 512
    LOW_SAMPLES = 1024
    ZERO_OCCUPANCY = 2048
    HIGH_OCCUPANCY = 4096
    OCCUPANCY_WITHOUT_FLOW = 8192
    FLOW_WITHOUT_OCCUPANCY = 16384
    SWAPPED = 32768
    """Shows what another lane of the station should show: sums over lanes hold, lane by lane it misleads."""


LIVE = (
    Reason.NO_DATA,
    Reason.ABSURD,
    Reason.CHATTER,
    Reason.LOCKED_ON,
    Reason.SPIKES,
    Reason.NO_HITS,
    Reason.SILENT,
    Reason.STUCK,
    Reason.CONSTANT_OCCUPANCY,
    Reason.NO_CHANGE,
    Reason.SWAPPED,
)
"""Judged sample by sample, in the order of the first axis of what `live.judge` returns."""
DAILY = (
    Reason.LOW_SAMPLES,
    Reason.ZERO_OCCUPANCY,
    Reason.HIGH_OCCUPANCY,
    Reason.OCCUPANCY_WITHOUT_FLOW,
    Reason.FLOW_WITHOUT_OCCUPANCY,
)
"""Judged by the shares of a day, in the order of the first axis of ``DayTally.counts``."""
USABLE = Reason.SWAPPED
"""A lane with no other reason than these stays in the sums of its station."""


@dataclass(frozen=True)
class HealthThresholds:
    """Of the live and the daily rules; times in seconds, occupancies in per cent."""

    chatter_veh_30s: Sourced
    chatter_for_s: Sourced
    locked_occupancy_pct: Sourced
    locked_for_s: Sourced
    no_hits_for_s: Sourced
    no_hits_expected_veh: Sourced
    """The four hours count only when the lane's usual share of what others counted came to so many vehicles."""
    silent_for_s: Sourced
    silent_expected_veh: Sourced
    unknown_share: Sourced
    """A lane that was never seen counting is taken to carry this much of what a lane beside it carries."""
    share_memory_veh: Sourced
    no_change_for_s: Sourced
    stuck_for_s: Sourced
    spike_jump_pct: Sourced
    spike_for_s: Sourced
    spike_over_for_s: Sourced
    """One jump alone, such as that of a detector that locks on, is over the limit for one period."""
    no_data_for_s: Sourced
    max_speed_kmh: Sourced
    max_speed_one_kmh: Sourced
    """A period in which one vehicle or less was counted: its speed, no mean."""
    clear_after_s: Sourced
    """Chatter, locked on, spikes and swapped lanes: so long without them."""
    clear_soon_after_s: Sourced
    """All other live rules."""
    company_m: Sourced
    """A station farther away says nothing about this one."""
    jam_memory_s: Sourced
    """So long after the last sign of a jam, a standing or jumping occupancy is still put down to it."""
    swapped_margin_kmh: Sourced
    swapped_memory_s: Sourced
    swapped_for_s: Sourced
    day_from_h: Sourced
    day_until_h: Sourced
    day_enough_s: Sourced
    """So much of the present day must have been seen before it is judged; until then the day before speaks."""
    low_sample_share: Sourced
    zero_share_urban: Sourced
    zero_share_rural: Sourced
    high_occupancy_pct: Sourced
    high_share: Sourced
    occupancy_without_flow_share: Sourced
    straddle_occupancy_pct_30s: Sourced
    """What one vehicle on the border between two periods leaves in the one that does not count it."""
    flow_without_occupancy_share: Sourced
    constant_for_s: Sourced
