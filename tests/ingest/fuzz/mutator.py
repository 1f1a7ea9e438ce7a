"""What a device, a gateway or somebody else's program may make of a message; always the same from the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import msgspec

_NUMBER = re.compile(rb"(?<=[:,\[])-?\d+(?:\.\d+)?(?=[,\]}])")
_NUMBERS: tuple[bytes, ...] = (
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e308", b"5e-324", b"-0", b"-0.0", b"0", b"-1",
    b"9007199254740991", b"9007199254740992", b"9223372036854775807", b"18446744073709551616", b"1" * 400,
    b"0." + b"0" * 400 + b"1",
    b"01", b"1.", b".5", b"+1", b"0x10", b"1_000", b"\xd9\xa1", b"true", b"null", b'""', b'"1"', b"[]", b"{}",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 17, 2**31, 2**53, 2**63 - 1, 2**64 - 1, -(2**63), 0.0, -0.0, 1e-320, 1e300,
    float("nan"), float("inf"), float("-inf"), "", "x", "가" * 60, "x" * 3_000, "\x00", "a\nb", "\u202e", "😀",
    "NaN", "1",
    b"", b"\xff\x00", [], [[]], [None] * 20, {}, {"a": {"b": {}}}, {"": 0},
    "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1999-12-31T00:00:00Z", "2259-12-31T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-07-01T03:00:00", "2026-07-01T03:00:00+23:59", "2026-07-01T24:00:00Z", "2026-06-30T23:59:60Z",
    "2026-02-30T00:00:00Z",
)  # fmt: skip
_BAD_TEXT: tuple[bytes, ...] = (
    b"\xff", b"\xc3", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe2\x80", b"\x00",
    b"\\ud800", b"\\u0000", b"\\x", b"\xef\xbb\xbf",
)  # fmt: skip
_PACKED: tuple[bytes, ...] = (
    b"\xc1", b"\xc4\x03abc", b"\xc6\xff\xff\xff\xff", b"\xc7\x05\x01abcde", b"\xd4\x00\x00",
    b"\xd6\xff\x00\x00\x00\x00",
    b"\xd7\xff" + b"\xff" * 8, b"\xc7\x0c\xff" + b"\xff" * 12, b"\xca\x7f\xc0\x00\x00", b"\xcb\x7f\xf8" + bytes(6),
    b"\xcb\xff\xf0" + bytes(6), b"\xcf" + b"\xff" * 8, b"\xd3\x80" + bytes(7), b"\xdb\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xa1\xff", b"\xd9\x02\xc3\x28", b"\xc0", b"\xc2",
)  # fmt: skip
_LEVELS: tuple[bytes, ...] = (
    b"", b"vds", b"slope", b"weather", b"tower", b"cctv", b"sign", b"cell", b"obs", b"event", b"status", b"command",
    b"ack", b"_gateway", b"gw-1", b"VDS-E1up03", b"SLP-1", b"x" * 49, b"x" * 3_000, b"+", b"#", b"$SYS", b"..", b" ",
    b"\x00", b"\xff", b"\xed\xa0\x80", "관제".encode(), b"gwanje", b"v1", b"v2", b"VDS-E1up03\n",
    b"\xe2\x80\xae", b"%00", b"'; --",
)  # fmt: skip


class Mutator:
    """Damages messages.

    Parameters
    ----------
    random
        Chooses what is done and where.
    """

    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._before: list[bytes] = [b"{}"]
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._flip, self._cut, self._cut_out, self._repeat, self._splice, self._insert,
            self._lie, self._number, self._number,
            self._text, self._pack, self._key_again, self._nest, self._noise,
        )  # fmt: skip

    def values(self, value: Any) -> Any:
        """Change one place of plain values: another value, one more, one less, another name."""
        places: list[tuple[Any, Any]] = []
        _collect(value, places)
        if not places:
            return self._random.choice(_VALUES)
        holder, key = self._random.choice(places)
        way = self._random.random()
        if way < 0.6:
            holder[key] = self._random.choice(_VALUES)
        elif way < 0.75:
            del holder[key]
        elif isinstance(holder, dict):
            holder[self._random.choice(("extra", "", "seq ", "lane", "x" * 300))] = holder.pop(key)
        else:
            holder.extend([holder[key]] * self._random.choice((1, 20, 1_100)))
        return value

    def payload(self, data: bytes) -> bytes:
        """Damage bytes in one to four ways."""
        for _ in range(self._random.choice((1, 1, 1, 2, 2, 3, 4))):
            data = self._random.choice(self._ways)(data)
        if self._random.random() < 0.02:
            self._before = [*self._before[-63:], data[:4_096]]
        return data

    def topic(self, name: bytes) -> bytes:
        """Damage a topic: levels that are wrong, missing, too many, or bytes of it."""
        way = self._random.random()
        if way < 0.2:
            return self._flip(name)
        levels = name.split(b"/")
        at = self._random.randrange(len(levels))
        if way < 0.65:
            levels[at] = self._random.choice(_LEVELS)
        elif way < 0.8:
            levels.insert(at, self._random.choice(_LEVELS))
        elif way < 0.9:
            del levels[at]
        else:
            self._random.shuffle(levels)
        return b"/".join(levels)

    def _place(self, data: bytes) -> int:
        return self._random.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        changed = bytearray(data or b"\0")
        for _ in range(self._random.choice((1, 1, 2, 8))):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _cut(self, data: bytes) -> bytes:
        return data[: self._place(data)]

    def _cut_out(self, data: bytes) -> bytes:
        first, last = sorted((self._place(data), self._place(data)))
        return data[:first] + data[last:]

    def _repeat(self, data: bytes) -> bytes:
        first, last = sorted((self._place(data), self._place(data)))
        return data[:last] + data[first:last] * self._random.choice((1, 1, 3, 30)) + data[last:]

    def _splice(self, data: bytes) -> bytes:
        other = self._random.choice(self._before)
        return data[: self._place(data)] + other[self._place(other) :]

    def _insert(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self._random.randbytes(self._random.randint(1, 8)) + data[at:]

    def _lie(self, data: bytes) -> bytes:
        """Write a length, a type or a count that is not true over a byte."""
        at = self._random.randrange(len(data) or 1)
        lie = self._random.choice((0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xD9, 0xDC, 0xDE, 0xDF, 0xFF))
        return data[:at] + bytes((lie,)) + data[at + 1 :]

    def _number(self, data: bytes) -> bytes:
        found = list(_NUMBER.finditer(data[:8_192]))
        if not found:
            return self._pack(data)
        one = self._random.choice(found)
        return data[: one.start()] + self._random.choice(_NUMBERS) + data[one.end() :]

    def _text(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self._random.choice(_BAD_TEXT) + data[at:]

    def _pack(self, data: bytes) -> bytes:
        at = self._place(data)
        value = self._random.choice(_PACKED)
        return data[:at] + value + data[at + len(value) * self._random.randint(0, 1) :]

    def _key_again(self, data: bytes) -> bytes:
        """Say a key twice."""
        key, value = self._random.choice(("seq", "time", "device", "lanes")), self._random.choice(_VALUES)
        if data[:1] == b"{":
            return (
                b"{" + msgspec.json.encode({key: value if not isinstance(value, bytes) else 0})[1:-1] + b"," + data[1:]
            )
        if data and 0x80 <= data[0] < 0x8F:
            return bytes((data[0] + 1,)) + data[1:] + msgspec.msgpack.encode({key: value})[1:]
        return data

    def _nest(self, data: bytes) -> bytes:
        depth = self._random.choice((2, 30, 600, 5_000))
        opening, closing = self._random.choice(
            ((b"[", b"]"), (b'{"lanes":', b"}"), (b"\x91", b""), (b"\x81\xa1a", b""))
        )
        at = self._place(data) if self._random.random() < 0.5 else 0
        return data[:at] + opening * depth + data[at:] + closing * depth

    def _noise(self, data: bytes) -> bytes:
        size = self._random.choice((0, 1, 2, 16, 200))
        return self._random.choice((b"", b"{", b"[", b"\x81", b"\x91", b"\xdf")) + self._random.randbytes(size)


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        places.append((value, key))
        _collect(value[key], places)
