"""A link that breaks in every way a link breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from tests.faults.proxy import Proxy
from tests.gwanje.polling import eventually


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1_000):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


class Line:
    """A connection through a proxy to whom says everything back."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.writer = writer
        self._reader = reader

    async def hear(self, number: int) -> bytes:
        async with asyncio.timeout(5.0):
            return await self._reader.readexactly(number)

    async def hear_nothing(self) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await self._reader.readexactly(1)

    async def is_reset(self) -> None:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await self.hear(1)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.start())
    yield Line(proxy, reader, writer)
    writer.transport.abort()
    await proxy.stop()
    server.close()
    await eventually(lambda: not proxy._links and not proxy._tasks, "no link is left")


async def said(line: Line, text: bytes) -> None:
    line.writer.write(text)
    assert await line.hear(len(text)) == text


async def longer_than(seconds: float, work: Awaitable[None]) -> bool:
    clock = asyncio.get_running_loop().time
    began_s = clock()
    await work
    return clock() - began_s >= seconds


async def test_it_passes_everything_on(line: Line) -> None:
    await said(line, b"hello")
    text = bytes(range(256)) * 4_000
    line.writer.write(text)
    assert await line.hear(len(text)) == text


async def test_deaf_it_holds_back_and_healed_it_goes_on(line: Line) -> None:
    await said(line, b"hello")
    line.proxy.deafen()
    line.writer.write(b"anyone?")
    await line.hear_nothing()
    line.proxy.heal()
    assert await line.hear(7) == b"anyone?"


@pytest.mark.parametrize("way", ["up", "down"])
async def test_deaf_one_way_it_still_heals(line: Line, way: str) -> None:
    line.proxy.deafen("up" if way == "up" else "down")
    line.writer.write(b"anyone?")
    await line.hear_nothing()
    line.proxy.heal()
    assert await line.hear(7) == b"anyone?"


async def test_what_it_swallows_is_gone_and_the_connection_with_it(line: Line) -> None:
    line.proxy.swallow("down")
    line.writer.write(b"gone")
    await line.hear_nothing()
    line.proxy.heal()
    await line.is_reset()


async def test_who_lost_nothing_keeps_the_connection(line: Line) -> None:
    await said(line, b"before")
    line.proxy.swallow()
    line.proxy.heal()
    await said(line, b"after")


async def test_it_cuts(line: Line) -> None:
    await said(line, b"hello")
    assert line.proxy.cut() == 1
    await line.is_reset()


async def test_it_hangs_up_in_good_order(line: Line) -> None:
    await said(line, b"hello")
    assert line.proxy.hang_up() == 1
    with pytest.raises(asyncio.IncompleteReadError):  # the end of a stream, and no reset
        await line.hear(1)


async def test_it_passes_on_what_was_said_before_an_end_in_good_order(line: Line) -> None:
    text = b"x" * 300_000
    line.writer.write(text)
    line.writer.write_eof()
    assert await line.hear(1) == b"x"


async def test_it_refuses(line: Line) -> None:
    await said(line, b"hello")
    line.proxy.refuse()
    await line.is_reset()
    refused, other = await asyncio.open_connection(*line.writer.get_extra_info("peername"))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await refused.readexactly(1)
    other.transport.abort()


async def test_it_delays_and_throttles(line: Line) -> None:
    line.proxy.delay_s = 0.1
    assert await longer_than(0.2, said(line, b"there and back"))
    line.proxy.heal()
    line.proxy.rate = 1_000.0
    assert await longer_than(0.2, said(line, b"x" * 100))
