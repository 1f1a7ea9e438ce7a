"""Duplicates out: each (device, seq) once, whatever the order of arrival."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensors.columns import Ints

WINDOW = 64


class Deduplicator:
    """Remembers the last numbers of every device, 64 places each, in a table of fixed size.

    A number stands in the place seq modulo 64 together with the message's device time. The same number at another
    time is not a duplicate: the device was restarted and counts from the beginning.

    Parameters
    ----------
    n_device
        Devices of all kinds.

    Notes
    -----
    A duplicate that comes after 64 newer messages of its device is not recognised here.

    Source
    ------
    Own construction, on the sliding window of RFC 4303, section 3.4.3.
    """

    def __init__(self, n_device: int) -> None:
        self._seq = np.full((n_device, WINDOW), -1, dtype=np.int64)
        self._time_ns = np.zeros((n_device, WINDOW), dtype=np.int64)
        self.duplicates = 0

    def fresh(self, device: Ints, seq: Ints, time_ns: Ints) -> NDArray[np.bool_]:
        """Tell which messages are new, and remember them.

        Parameters
        ----------
        device, seq, time_ns : ndarray, shape (n,), int64
            In order of arrival; of duplicates within the batch the first is new.

        Returns
        -------
        ndarray, shape (n,), bool
        """
        place = seq % WINDOW
        seen = (self._seq[device, place] == seq) & (self._time_ns[device, place] == time_ns)
        new: NDArray[np.bool_] = ~seen & _first_of_each(device, place, seq, time_ns)
        self._seq[device[new], place[new]] = seq[new]
        self._time_ns[device[new], place[new]] = time_ns[new]
        self.duplicates += int(len(device) - new.sum())
        return new


def _first_of_each(device: Ints, place: Ints, seq: Ints, time_ns: Ints) -> NDArray[np.bool_]:
    """Tell which messages are the first of their device, number and time in the batch."""
    once = np.ones(len(device), dtype=np.bool_)
    slot = np.sort(device * WINDOW + place)
    if (slot[1:] == slot[:-1]).any():  # else no two messages share a place, and the costly comparison is not needed
        _, first = np.unique(np.stack([device, seq, time_ns]), axis=1, return_index=True)
        once[:] = False
        once[first] = True
    return once
