"""What the receipt of a queue says of its tail."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.findings import ReceiptLine
from engine.traffic.fronts.extent import QueueExtents
from engine.traffic.layout import Layout

_SOURCE = "Lighthill and Whitham (1955): speed of the shock between both streams"


class Tails(NamedTuple):
    """Queues by their ends, and the layout that these are places in."""

    extents: QueueExtents
    layout: Layout

    def receipt(self, row: int) -> tuple[ReceiptLine, ...]:
        """Return growth, error and length in 15 minutes of the queue over a station.

        Parameters
        ----------
        row : int
            Of the station, in the table that the layout was made from.

        Returns
        -------
        tuple of ReceiptLine
            Empty where no queue is known there or its tail is not seen.
        """
        place = int(self.layout.place[row])
        over = np.flatnonzero((self.extents.first <= place) & (self.extents.last >= place))
        if not len(over) or np.isnan(self.extents.growth_kmh[over[0]]):
            return ()
        queue = int(over[0])
        lines = [
            ReceiptLine(
                quantity="tail_growth",
                value=round(float(self.extents.growth_kmh[queue]), 1),
                unit="km/h",
                source=_SOURCE,
            ),
            ReceiptLine(quantity="tail_sigma", value=round(float(self.extents.tail_sigma_m[queue])), unit="m"),
        ]
        ahead_m = float(self.extents.predicted_tail_m[queue, -1])
        if not np.isnan(ahead_m):
            length_m = float(self.extents.head_m[queue]) - ahead_m
            lines.append(ReceiptLine(quantity="length_in_15_min", value=round(length_m), unit="m"))
        return tuple(lines)
