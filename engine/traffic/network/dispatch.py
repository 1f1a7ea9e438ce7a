"""How much traffic a detour can take, and when it has to be refused."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.findings import ReceiptLine
from engine.thresholds import Sourced
from engine.traffic.network.graph import NONE, Network
from engine.traffic.network.thresholds import NetworkThresholds
from engine.traffic.network.times import Losses

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SHARES = 20
"""Shares that are tried between the largest and the smallest."""


class Refusal(enum.StrEnum):
    """Why a detour is not advised."""

    NO_ALTERNATIVE = "no_alternative"
    """There is no other way."""
    SAVES_TOO_LITTLE = "saves_too_little"
    """Staying is as good, or nearly."""
    ALTERNATIVE_FULL = "alternative_full"
    """The other way is at its limit without anybody diverted to it."""
    WOULD_JAM = "would_jam"
    """The smallest share that can be steered would take the other way over its limit."""
    FLOW_UNKNOWN = "flow_unknown"
    """Nobody knows how full the other way is, or how many would come: not known is not free."""
    ENOUGH_DIVERTED = "enough_diverted"
    """Signs before this one send away all that is too much."""


@dataclass(frozen=True)
class Detour:
    """What is advised, or refused, to the traffic at one sign for one destination.

    Attributes
    ----------
    sign, destination : int
        Places in the origins and destinations given.
    leaves : int
        Link after which the detour leaves the usual way; -1 without one.
    links : ndarray, int64
        The way advised, from the sign's link to the destination; empty when there is none.
    roads : tuple of str
        Those it goes along.
    stay_min, detour_min : float
        Travel time by the usual way as things stand, queue and all, and by the detour with the diverted flow on it.
        ``inf`` = no way, or none in time. [min]
    saved_min : float
        Their difference; NaN when there is no other way, ``inf`` when there is no usual one left. [min]
    share : float
        Of the traffic to this destination that should be diverted here; 0 when refused.
    added_flow_veh_h : float
        [veh/h]
    worst_link : int
        Fullest link that the detour adds traffic to; -1 when there is none or its flow is not known.
    worst_vc : float
        Its flow over capacity with the diverted flow; refused: with the flow that was too much. NaN = not known.
    refused : Refusal or None
    receipt : tuple of ReceiptLine
    """

    sign: int
    destination: int
    leaves: int
    links: Ints
    roads: tuple[str, ...]
    stay_min: float
    detour_min: float
    saved_min: float
    share: float
    added_flow_veh_h: float
    worst_link: int
    worst_vc: float
    refused: Refusal | None
    receipt: tuple[ReceiptLine, ...]


@dataclass(frozen=True)
class Pair:
    """One sign and destination whose usual way meets a loss."""

    sign: int
    destination: int
    usual: Ints
    way: Ints
    """Empty when there is no other."""
    usual_s: float
    """Travel time of the usual way without the losses."""
    stay_s: float
    way_s: float
    leaves: int
    """Last link before the ways part; ``NONE`` without another way."""
    before_s: float
    """Free-flow time from where it leaves to the nearest loss."""


class Dispatcher:
    """Hands out what alternatives can take, group by group, and remembers it.

    Parameters
    ----------
    network, losses, flow_veh_h, thresholds
        As for `engine.traffic.network.detours.advise`.
    split : ndarray, shape (n_origin, n_destination), float64
    split_assumed : bool
        Whether the split is a guess.
    """

    def __init__(
        self,
        network: Network,
        losses: Losses,
        flow_veh_h: Floats,
        thresholds: NetworkThresholds,
        split: Floats,
        *,
        split_assumed: bool,
    ) -> None:
        self._network = network
        self._flow = np.where(flow_veh_h >= 0, flow_veh_h, np.nan)
        self._flow_after = self._flow.copy()
        self._thresholds = thresholds
        self._split = split
        self._split_assumed = split_assumed
        # Each loss on its own: a vehicle sent away before one is not sent away before the next as well.
        left = losses.capacity_left * network.capacity_veh_h[losses.link]
        self._surplus: dict[int, float] = {}
        for link, rest in zip(losses.link.tolist(), left.tolist(), strict=True):
            over = float(self._flow[link]) - rest
            self._surplus[link] = max(self._surplus.get(link, -np.inf), np.inf if np.isnan(over) else over)
        self._sent: list[tuple[Pair, float]] = []

    def serve(self, group: list[Pair]) -> list[Detour]:
        """Decide for the signs that speak to the same drivers: one exit, one destination."""
        pair = group[0]
        if not len(pair.way):
            return [self._refused(one, Refusal.NO_ALTERNATIVE) for one in group]
        least_s = self._thresholds.min_saving_min.value * 60.0
        if not min(one.stay_s - one.way_s for one in group) >= least_s:
            kept = [one for one in group if one.stay_s - one.way_s >= least_s]
            gone = [self._refused(one, Refusal.SAVES_TOO_LITTLE) for one in group if one not in kept]
            return gone + (self.serve(kept) if kept else [])
        extra = pair.way[~np.isin(pair.way, pair.usual)]
        signs = [one.sign for one in group]
        share_here = float(np.mean(self._split[signs, pair.destination]))
        # Those whom signs farther upstream have sent away do not come by here any more.
        gone_before = sum(
            sent for other, sent in self._sent if other.destination == pair.destination and pair.leaves in other.usual
        )
        coming = max(float(self._flow[pair.leaves]) * share_here - gone_before, 0.0)
        if np.isnan(coming) or np.isnan(self._flow[pair.leaves]) or np.isnan(self._flow_after[extra]).any():
            return [self._refused(one, Refusal.FLOW_UNKNOWN) for one in group]
        met = [link for link in pair.usual.tolist() if link in self._surplus]
        too_many = max(self._surplus[link] for link in met)
        largest = min(self._thresholds.compliance.value, too_many / coming if coming > 0 else 0.0)
        smallest = self._thresholds.min_share.value
        if largest < smallest:
            return [self._refused(one, Refusal.ENOUGH_DIVERTED) for one in group]
        shares = np.linspace(largest, smallest, _SHARES)
        worst, fullest, slower_s = self._loaded(extra, shares * coming)
        fits = worst <= self._thresholds.max_vc.value
        saves = min(one.stay_s - one.way_s for one in group) - slower_s >= least_s
        good = np.flatnonzero(fits & saves)
        if not len(good):
            return [self._too_full(one, extra, coming, bool(fits[-1])) for one in group]
        choice = int(good[0])
        added = float(shares[choice] * coming)
        self._flow_after[extra] += added
        self._sent.append((pair, added))
        for link in met:
            self._surplus[link] -= added
        return [
            self._advice(
                one, float(shares[choice]), added, int(fullest[choice]), float(worst[choice]), float(slower_s[choice])
            )
            for one in group
        ]

    def _loaded(self, links: Ints, added_veh_h: Floats) -> tuple[Floats, Ints, Floats]:
        """Return flow over capacity of the fullest link, which it is, and the time lost, for several additions."""
        network, thresholds = self._network, self._thresholds
        if not len(links):
            return np.zeros(len(added_veh_h)), np.full(len(added_veh_h), NONE), np.zeros(len(added_veh_h))
        capacity = network.capacity_veh_h[links]
        before = self._flow[links] / capacity
        after = (self._flow_after[links] + added_veh_h[:, None]) / capacity
        beta = thresholds.bpr_beta.value
        lost = thresholds.bpr_alpha.value * (after**beta - before**beta) * network.free_s[links]
        worst = after.argmax(axis=1)
        return after[np.arange(len(after)), worst], links[worst], lost.sum(axis=1)

    def _too_full(self, pair: Pair, extra: Ints, coming: float, fits: bool) -> Detour:
        """Refuse because of the flow: what was there already, what would come, or the time that it would cost."""
        bare, _, _ = self._loaded(extra, np.zeros(1))
        added = self._thresholds.min_share.value * coming
        worst, fullest, _ = self._loaded(extra, np.array([added]))
        if bare[0] > self._thresholds.max_vc.value:
            reason = Refusal.ALTERNATIVE_FULL
        else:
            reason = Refusal.SAVES_TOO_LITTLE if fits else Refusal.WOULD_JAM
        return self._refused(pair, reason, int(fullest[0]), float(worst[0]))

    def _refused(self, pair: Pair, reason: Refusal, link: int = NONE, vc: float = np.nan) -> Detour:
        return self._result(pair, 0.0, 0.0, link, vc, 0.0, reason)

    def _advice(self, pair: Pair, share: float, added: float, link: int, vc: float, slower_s: float) -> Detour:
        return self._result(pair, share, added, link, vc, slower_s, None)

    def _result(
        self,
        pair: Pair,
        share: float,
        added_veh_h: float,
        link: int,
        vc: float,
        slower_s: float,
        refused: Refusal | None,
    ) -> Detour:
        way_s = pair.way_s + slower_s
        saved = (pair.stay_s - way_s) / 60.0 if len(pair.way) else np.nan
        numbers = self._thresholds
        lines = [
            _line("stay_time", pair.stay_s / 60.0, "min"),
            _line("detour_time", way_s / 60.0, "min"),
            _line("time_saved", saved, "min", numbers.min_saving_min),
            _line("queue_delay", (pair.stay_s - pair.usual_s) / 60.0, "min"),
            _line("volume_capacity", vc, "", numbers.max_vc),
            _line("diverted_share", share, "", numbers.compliance),
            _line("diverted_flow", added_veh_h, "veh/h"),
        ]
        if self._split_assumed:
            source = "own construction: the same share to every destination, as no split was given"
            split = float(self._split[pair.sign, pair.destination])
            lines.append(ReceiptLine(quantity="destination_share", value=round(split, 4), unit="", source=source))
        return Detour(
            sign=pair.sign,
            destination=pair.destination,
            leaves=pair.leaves,
            links=pair.way,
            roads=self._network.roads_along(pair.way),
            stay_min=pair.stay_s / 60.0,
            detour_min=way_s / 60.0,
            saved_min=saved,
            share=share,
            added_flow_veh_h=added_veh_h,
            worst_link=link,
            worst_vc=vc,
            refused=refused,
            receipt=tuple(line for line in lines if np.isfinite(line.value)),
        )


def _line(quantity: str, value: float, unit: str, limit: Sourced | None = None) -> ReceiptLine:
    return ReceiptLine(
        quantity=quantity,
        value=round(value, 3),
        unit=unit,
        threshold=None if limit is None else limit.value,
        source="" if limit is None else limit.source,
    )
