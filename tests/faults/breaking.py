"""Breaking things at random, and mending them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from tests.faults.proxy import WAYS, Proxy
from tests.faults.scene import Scene

_LONGEST_BREAK_S = 2.0
_SLOW_S = 0.2
_SLOW_BYTES_S = 20_000.0


class Breaker:
    """Kills parts and cuts links of a scene, as a seed says.

    Attributes
    ----------
    kills, cuts
        How often what was.
    """

    def __init__(self, scene: Scene, choose: random.Random) -> None:
        self.kills: Counter[str] = Counter()
        self.cuts: Counter[str] = Counter()
        self._scene = scene
        self._choose = choose

    async def kill(self) -> None:
        """Kill the system, mostly, or the database, or restart an outside broker; return when all is there again."""
        scene = self._scene
        names, weights = ["system", "database"], [3, 1]
        if scene.broker is not None:
            names, weights = [*names, "broker"], [*weights, 1]
        name = self._choose.choices(names, weights)[0]
        self.kills[name] += 1
        if name == "system":
            await scene.system.kill()
            await scene.system.start()
        elif name == "database":
            await scene.store.kill()
            await asyncio.sleep(self._choose.uniform(0.0, 0.5))
            await scene.store.start()
        elif scene.broker is not None:
            await scene.broker.restart()

    async def cut(self) -> None:
        """Break a link in one of many ways, or freeze the system; return when it is whole again."""
        ways: Sequence[tuple[str, Callable[[Proxy], Awaitable[None]]]] = (
            ("reset", self._reset),
            ("hung up", self._hung_up),
            ("deaf", self._deaf),
            ("deaf one way", self._deaf_one_way),
            ("swallowed", self._swallowed),
            ("refused", self._refused),
            ("delayed", self._delayed),
            ("throttled", self._throttled),
        )
        if self._choose.random() < 1 / 12:
            self.cuts["frozen"] += 1
            await self._scene.system.freeze(self._break_s())
            return
        name, link = self._choose.choice(list(self._scene.links.items()))
        way, do = self._choose.choice(ways)
        self.cuts[f"{name}: {way}"] += 1
        await do(link)

    def _break_s(self) -> float:
        return self._choose.uniform(0.2, _LONGEST_BREAK_S)

    async def _reset(self, link: Proxy) -> None:
        link.cut()

    async def _hung_up(self, link: Proxy) -> None:
        link.hang_up()

    async def _deaf(self, link: Proxy) -> None:
        link.deafen()
        await asyncio.sleep(self._break_s())
        link.heal()
        if self._choose.random() < 0.5:
            link.cut()

    async def _deaf_one_way(self, link: Proxy) -> None:
        link.deafen(self._choose.choice(WAYS))
        await asyncio.sleep(self._break_s())
        link.heal()

    async def _swallowed(self, link: Proxy) -> None:
        link.swallow(self._choose.choice(WAYS))
        await asyncio.sleep(self._break_s())
        link.heal()

    async def _refused(self, link: Proxy) -> None:
        link.refuse()
        await asyncio.sleep(self._break_s())
        link.heal()

    async def _delayed(self, link: Proxy) -> None:
        link.delay_s = _SLOW_S
        await asyncio.sleep(self._break_s())
        link.heal()

    async def _throttled(self, link: Proxy) -> None:
        link.rate = _SLOW_BYTES_S
        await asyncio.sleep(self._break_s())
        link.heal()
