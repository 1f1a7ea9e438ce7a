"""From messages as they came to columns: decoding, the registry, the clock; dead letters for all that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import DeviceKind
from config.numbers import Number
from ingest.believing import Believer, LookedAt
from ingest.inbox import Arrived
from ingest.letters import LetterBox
from ingest.mqtt.packets import DEFAULT_MAX_PACKET_BYTES
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.topicbook import FAST_KINDS, Gateway, TopicBook
from sensors.codec import MAX_BATCH, MAX_PAYLOAD_BYTES, Decoded, decode, decode_members
from sensors.columns import Ints, Received, to_ns
from sensors.errors import DecodeError
from sensors.explain import PAYLOAD_ERRORS
from sensors.observations import Message
from sensors.registry import Registry
from storage.writer_batches import DeadLetter

_BRACE, _BRACKET = b"{["
_device_of = attrgetter("device")
ALONE = -1
"""Member number of a message that is no batch."""


class Origin(NamedTuple):
    """Where observations came from; arrays of shape (n,), int64."""

    place: Ints
    """Place of the MQTT message among those of the tick."""
    member: Ints
    """Place in a gateway's batch, or `ALONE`."""


@dataclass(frozen=True)
class Observed:
    """Observations of one fast kind that are believed, one entry for each; arrays of shape (n,), int64."""

    device: Ints
    """Dense index."""
    messages: list[Any]
    received_ns: Ints
    origin: Origin
    looked_at: LookedAt
    """What checking them has brought to light."""

    def __len__(self) -> int:
        return len(self.messages)


@dataclass
class Read:
    """What the messages of a tick brought."""

    fast: dict[DeviceKind, Observed] = field(default_factory=dict)
    """Observations by kind, all of `FAST_KINDS`."""
    rare: list[Received[Message]] = field(default_factory=list)
    """Everything else that devices say, in the order of arrival."""
    rare_place: list[int] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    n_message: int = 0


_Row = tuple[int, Message, int, int, int]
"""Device, message, arrival, place and member."""
_Whole = tuple[Ints, Sequence[Message], int, int]
"""Devices, messages, arrival and place of a batch."""


class Reader:
    """Decodes and checks messages.

    Parameters
    ----------
    registry
        Devices of the region.
    plausibility
        Numbers of ``config/thresholds/plausibility.toml``.
    letters
        Makes dead letters.
    by_device_time
        In a replay a message arrives, as far as the engine is told, at the newest device time seen so far.
    on_centre
        Called with every message of a cell broadcast centre and its time of arrival; the engine hears none of them.

    Notes
    -----
    Observations of detectors, slopes and weather stations are decoded in one step and then checked as columns; a
    message in which anything is wrong, and every rare one, takes the long way through `sensors.codec`, which finds the
    words for what is wrong. Both ways accept the same messages.
    """

    def __init__(
        self,
        registry: Registry,
        plausibility: dict[str, Number],
        letters: LetterBox,
        *,
        by_device_time: bool = False,
        on_centre: Callable[[Message, int], None] | None = None,
    ) -> None:
        self.letters = letters
        self._registry = registry
        self._believer = Believer(registry, plausibility)
        self._book = TopicBook(registry)
        self._by_device_time = by_device_time
        self._on_centre = on_centre
        self._newest_ns: int | None = None

    def read(self, arrived: Sequence[Arrived]) -> Read:
        """Read messages in the order in which they were taken."""
        singles, batches = self._book.singles, self._book.gateways
        rows: dict[DeviceKind, list[_Row]] = {kind: [] for kind in FAST_KINDS}
        whole: dict[DeviceKind, list[_Whole]] = {kind: [] for kind in FAST_KINDS}
        found = Read()
        always_long = self._by_device_time
        place = -1
        for messages, received_ns, _ in arrived:
            for message in messages:
                place += 1
                # Anything unusual takes the long way: what raises, what was retained, what a replay must date.
                try:
                    payload = message.payload
                    unusual = always_long or message.retain or len(payload) > MAX_PAYLOAD_BYTES
                    # Learnt before it is read, so that a message is read in the same way whatever came before it.
                    if message.topic not in singles and message.topic not in batches:
                        self._book.learn(message.topic)
                    single = None if unusual else singles.get(message.topic)
                    if single is not None:
                        value = single.read(payload) if payload[0] == _BRACE else single.read_packed(payload)
                        if value.device == single.device:
                            rows[single.kind].append((single.position, value, received_ns, place, ALONE))
                            continue
                    elif not unusual:
                        batch = batches.get(message.topic)
                        if batch is not None:
                            value = batch.read(payload) if payload[0] == _BRACKET else batch.read_packed(payload)
                            device = self._members(batch, value)
                            if device is not None:
                                whole[batch.kind].append((device, value, received_ns, place))
                                continue
                except (IndexError, *PAYLOAD_ERRORS):
                    pass
                self._long_way(message, received_ns, place, rows, found)
        found.n_message = place + 1
        for kind in FAST_KINDS:
            found.fast[kind] = self._believed(kind, _joined(rows[kind], whole[kind]), arrived, found.letters)
        return found

    def newest_ns(self, message: Incoming | OversizePublish) -> int:
        """Return the newest device time in a message, of what is believed; 0 when there is nothing. For replays."""
        if isinstance(message, OversizePublish):
            return 0
        try:
            topic, members = decode(message.topic, message.payload)
        except DecodeError:
            return 0
        newest = 0
        for member in members:
            try:
                device = self._registry.resolve(topic, member.device)
                self._believer.check(member, device, to_ns(self.letters.clock()))
                newest = max(newest, to_ns(member.time))
            except DecodeError:
                continue
        return newest

    def _members(self, batch: Gateway, value: Sequence[Message]) -> Ints | None:
        """Return the indices of a batch's members; None when one is not the gateway's to speak for."""
        if not 1 <= len(value) <= MAX_BATCH:
            return None
        index = map(batch.members.__getitem__, map(_device_of, value))
        try:
            return np.fromiter(index, dtype=np.int64, count=len(value))
        except KeyError:
            return None

    def _believed(
        self,
        kind: DeviceKind,
        said: tuple[Ints, list[Any], Ints, Origin],
        arrived: Sequence[Arrived],
        letters: list[DeadLetter],
    ) -> Observed:
        """Drop what cannot be true, with a letter for each."""
        device, messages, received_ns, origin = said
        good, looked_at = self._believer.look_at(kind, device, messages, received_ns)
        if good.all():
            return Observed(device, messages, received_ns, origin, looked_at)
        sources = [message for group in arrived for message in group.messages]
        for at in np.flatnonzero(~good).tolist():
            try:
                self._believer.check(messages[at], int(device[at]), int(received_ns[at]))
            except DecodeError as exc:
                letters += self.letter(sources[int(origin.place[at])], messages[at].device, exc)
        kept = np.flatnonzero(good)
        rest = [messages[at] for at in kept.tolist()]
        left = Origin(origin.place[kept], origin.member[kept])
        _, looked_at = self._believer.look_at(kind, device[kept], rest, received_ns[kept])
        return Observed(device[kept], rest, received_ns[kept], left, looked_at)

    def _long_way(
        self,
        message: Incoming | OversizePublish,
        received_ns: int,
        place: int,
        rows: dict[DeviceKind, list[_Row]],
        found: Read,
    ) -> None:
        if isinstance(message, OversizePublish):
            found.letters += self._oversize(message)
            return
        try:
            (topic, members), numbers = self._decoded(message, found.letters)
        except DecodeError as exc:
            found.letters += self.letter(message, _device_level(message.topic), exc)
            return
        for number, member in zip(numbers, members, strict=True):
            try:
                if topic.kind == "cell":
                    self._registry.check_centre(topic, member.device)
                    self._believer.check_time(member, received_ns)
                    if self._on_centre is not None:
                        self._on_centre(member, self._arrival(member, message, received_ns))
                    continue
                device = self._registry.resolve(topic, member.device)
                self._believer.check(member, device, received_ns)
            except DecodeError as exc:
                found.letters += self.letter(message, member.device, exc)
                continue
            arrival_ns = self._arrival(member, message, received_ns)
            if topic.stream == "obs" and topic.kind in FAST_KINDS:
                rows[topic.kind].append((device, member, arrival_ns, place, number if topic.gateway else ALONE))
            else:
                found.rare.append(Received(device, member, arrival_ns))
                found.rare_place.append(place)

    def _decoded(self, message: Incoming, letters: list[DeadLetter]) -> tuple[Decoded, Sequence[int]]:
        """Decode a message; of a gateway's batch what fits, with the places of its members."""
        try:
            decoded = decode(message.topic, message.payload)
        except DecodeError as error:
            try:
                saved, bad = decode_members(message.topic, message.payload)
            except DecodeError:
                raise error from None
            wrong = {number for number, _ in bad}
            letters += [letter for _, exc in bad for letter in self.letter(message, None, exc)]
            return saved, [n for n in range(len(saved.messages) + len(bad)) if n not in wrong]
        return decoded, range(len(decoded.messages))

    def _arrival(self, member: Message, message: Incoming, received_ns: int) -> int:
        if self._by_device_time:
            time_ns = to_ns(member.time)
            self._newest_ns = time_ns if self._newest_ns is None else max(self._newest_ns, time_ns)
            return self._newest_ns
        # A retained state is as old as it says; its arrival tells only that we connected.
        return min(received_ns, to_ns(member.time)) if message.retain else received_ns

    def letter(
        self, message: Incoming | OversizePublish, device: str | None, error: DecodeError
    ) -> tuple[DeadLetter, ...]:
        """Make the dead letter of a message, within the limits of its sender."""
        payload = b"" if isinstance(message, OversizePublish) else message.payload
        known = device is not None and device in self._registry.index
        sender = device if known and device is not None else message.topic
        return self.letters.letter(message.topic, device, error, payload, len(payload), sender=sender)

    def _oversize(self, report: OversizePublish) -> tuple[DeadLetter, ...]:
        error = DecodeError(
            "payload", f"expected a message of at most {DEFAULT_MAX_PACKET_BYTES} bytes, was {report.size}"
        )
        return self.letters.letter(report.topic, None, error, b"", report.size, sender=report.topic)


def _joined(rows: Sequence[_Row], whole: Sequence[_Whole]) -> tuple[Ints, list[Any], Ints, Origin]:
    """Join single observations and batches, in the order in which they came."""
    device, messages, received, place, member = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    counts = np.array([len(one[0]) for one in whole], dtype=np.int64)
    parts: list[list[NDArray[np.int64]]] = [[_ints(device)], [_ints(received)], [_ints(place)], [_ints(member)]]
    joined: list[Any] = list(messages)
    for devices, values, _, _ in whole:
        parts[0].append(devices)
        joined += values
        parts[3].append(np.arange(len(devices), dtype=np.int64))
    parts[1].append(np.repeat(_ints([one[2] for one in whole]), counts))
    parts[2].append(np.repeat(_ints([one[3] for one in whole]), counts))
    devices_, received_, places, members = (np.concatenate(part) for part in parts)
    if rows and whole:  # both together are rare; what came first has to stand first, for of two it is the new one
        order = np.argsort(places, kind="stable")
        joined = [joined[at] for at in order.tolist()]
        devices_, received_, places, members = devices_[order], received_[order], places[order], members[order]
    return devices_, joined, received_, Origin(places, members)


def _ints(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _device_level(topic: str) -> str | None:
    levels = topic.split("/")
    return levels[4][:48] if len(levels) == 6 else None
