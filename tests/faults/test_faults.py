"""A short campaign in every run of the tests, and its reckoning, which has to be able to fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.campaign import Campaign, show
from tests.faults.ledger import Ledger, reconcile, table
from tests.faults.proxy import Proxy
from tests.gwanje.polling import eventually


def test_the_reckoning_finds_what_is_lost_doubled_and_invented() -> None:
    ledger = Ledger("slope", sent={("a", 1), ("a", 2), ("a", 3)}, acknowledged={("a", 1), ("a", 2)})
    right = reconcile(ledger, [("a", 1), ("a", 2), ("a", 3)])
    assert right.is_right  # sent and not acknowledged may be stored or not
    assert reconcile(ledger, [("a", 1), ("a", 2)]).is_right
    lost = reconcile(ledger, [("a", 1)])
    assert (lost.missing, lost.is_right) == (1, False)
    doubled = reconcile(ledger, [("a", 1), ("a", 2), ("a", 2), ("a", 2)])
    assert (doubled.doubled, doubled.is_right) == (2, False)
    invented = reconcile(ledger, [("a", 1), ("a", 2), ("b", 1)])
    assert (invented.invented, invented.is_right) == (1, False)
    assert "invented" in table([invented])


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_it_is_right_exactly_when_every_acknowledged_message_is_there_once(
    sent: set[int], acknowledged: set[int], rows: list[int]
) -> None:
    ledger = Ledger("x", {("d", one) for one in sent | acknowledged}, {("d", one) for one in acknowledged})
    expected = len(rows) == len(set(rows)) and acknowledged <= set(rows) <= sent | acknowledged
    assert reconcile(ledger, [("d", one) for one in rows]).is_right == expected


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1_000):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_proxy_passes_on_is_deaf_heals_refuses_and_cuts() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    port = await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"

    proxy.deafen()
    writer.write(b"anyone?")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.readexactly(1)
    proxy.heal()
    assert await reader.readexactly(7) == b"anyone?"

    assert proxy.cut() == 1
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    proxy.refuse()
    refused, other = await asyncio.open_connection("127.0.0.1", port)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await refused.readexactly(1)
    for one in (writer, other):
        one.transport.abort()
    await proxy.stop()
    server.close()
    await eventually(lambda: not proxy._links)


@pytest.mark.integration
@pytest.mark.timeout(180)
async def test_kills_and_cuts_under_traffic_lose_double_and_invent_nothing(tmp_path: Path) -> None:
    report = await Campaign(tmp_path, seed=5, rate=10.0, pause_s=(0.1, 0.8)).run(kills=4, cuts=4)
    assert report.is_right, show(report)
    assert sum(report.kills.values()) == 4
    assert sum(report.cuts.values()) == 4
    assert all(count["stored"] > 0 for count in report.counts if count["name"] != "events"), show(report)
