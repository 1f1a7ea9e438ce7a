"""Those whom an alert must reach: an operator who approves, citizens who come back, a sign that answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import Any

import aiomqtt
import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.gwanje.devices import body, now, topic

_AGAIN_S = 0.2


class Operator:
    """Approves every draft, again and again until the system says that it is so."""

    def __init__(self, url: str) -> None:
        self.approved: set[str] = set()
        self._url = url

    async def run(self) -> None:
        """Look and approve for ever."""
        async with httpx.AsyncClient(base_url=self._url, timeout=5.0) as http:
            while True:
                with contextlib.suppress(httpx.HTTPError, OSError, TimeoutError, WebSocketException):
                    for draft in await self._drafts():
                        decision = {"operator": "Lee", "version": draft["version"]}
                        reply = await http.post(f"/api/v1/alerts/{draft['id']}/approve", json=decision)
                        if reply.status_code == 200:
                            self.approved.add(draft["id"])
                await asyncio.sleep(_AGAIN_S)

    async def _drafts(self) -> list[dict[str, Any]]:
        """Return the drafts of a snapshot."""
        where = f"{self._url.replace('http', 'ws')}/ws/operations"
        async with connect(where, compression=None, max_size=None, open_timeout=5.0) as page:
            async with asyncio.timeout(5.0):
                frame = json.loads(await page.recv())
        return [one for one in frame["alerts"] if one["state"] == "draft"]


class Citizen:
    """Reads alerts, and after every loss of the connection asks for what was missed."""

    def __init__(self, url: str, district: str, language: str) -> None:
        self.got: Counter[str] = Counter()
        self.district = district
        self.unrecovered = 0
        self._where = f"{url.replace('http', 'ws')}/ws/alerts?district={district}&lang={language}"
        self._epoch: str | None = None
        self._offset = 0

    async def run(self) -> None:
        """Read for ever."""
        while True:
            since = "" if self._epoch is None else f"&since={self._epoch}:{self._offset}"
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                async with connect(self._where + since, compression=None, open_timeout=5.0, ping_interval=2.0) as link:
                    async for text in link:
                        self._take(json.loads(text))
            await asyncio.sleep(_AGAIN_S)

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "welcome":
            self.unrecovered += self._epoch is not None and not frame["recovered"]
            if self._epoch is None or not frame["recovered"]:
                self._epoch, self._offset = frame["epoch"], frame["offset"]
            return
        self._offset = frame["offset"]
        self.got[frame["id"]] += 1


class Board:
    """A sign that shows what it is told and answers; it counts how often each message was a new one."""

    def __init__(self, port: int, name: str) -> None:
        self.commands: Counter[str] = Counter()
        self._port = port
        self._name = name
        self._seq = int(now().timestamp() * 1000)

    async def run(self) -> None:
        """Show and answer for ever."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                async with aiomqtt.Client(
                    "127.0.0.1", self._port, identifier=self._name, timeout=5.0, clean_session=False
                ) as client:
                    await client.subscribe(topic("sign", self._name, "command"), qos=1)
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        await self._answer(client, msgspec.json.decode(message.payload)["message"])
            await asyncio.sleep(_AGAIN_S)

    async def _answer(self, client: aiomqtt.Client, message: str) -> None:
        self.commands[message] += 1
        self._seq += 1
        fields = {"message": message, "shown": True, "multi": "x", "reason": None}
        what = body(self._name, self._seq, **fields)
        await client.publish(topic("sign", self._name, "ack"), msgspec.json.encode(what), qos=1)
