"""Everything that takes part: the parts of the system, the links between them, devices, and those who must be told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from config.catalogue.save import save_region
from config.numbers import THRESHOLDS
from tests.alerts.making import EASTERN, WESTERN, azimuth_to, two_districts
from tests.faults.ledger import Ledger
from tests.faults.parts import Mosquitto, Store, System
from tests.faults.people import Board, Citizen, Operator
from tests.faults.proxy import Proxy
from tests.faults.rows import Body
from tests.faults.senders import Sender, camera_fields, slope_fields, tower_fields, vds_fields, weather_fields
from tests.simulators.region import spot

BrokerKind = Literal["embedded", "mosquitto"]
SIGN = "VMS-up4"
PLACES = tuple(spot(3_000.0 + 4_000.0 * east, 800.0 + 3_000.0 * north) for north in range(3) for east in range(6))
"""Where smoke rises, one place after the other."""
_ACCIDENT_EVERY_S = 8.0
_SIGN_AGAIN_S = 2
_SLOPES = tuple(f"SLP-{place}" for place in range(4))
_STATIONS = tuple(f"VDS-E1up0{place}" for place in range(6))
_BEHIND_GATEWAY = tuple(f"VDS-E1down0{place}" for place in range(6))
_UNANSWERED = tuple(f"VDS-N7up0{place}" for place in range(2))


@dataclass
class Scene:
    """What runs."""

    store: Store
    system: System
    broker: Mosquitto | None
    """None: the system's own."""
    devices: Proxy
    """Between devices and broker."""
    database: Proxy
    """Between system and database."""
    pages: Proxy
    """Between pages, citizens and operators, and the system."""
    inlet: Proxy | None
    """Between system and broker, when that is an outside one."""
    mqtt_port: int
    """For devices."""
    url: str
    """For people."""
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    senders: list[Sender] = field(default_factory=list)
    operator: Operator = field(init=False)
    citizens: list[Citizen] = field(init=False)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.operator = Operator(self.url)
        self.citizens = [Citizen(self.url, *one) for one in itertools.product((WESTERN, EASTERN), ("ko", "en"))]
        self.board = Board(self.mqtt_port, SIGN)

    @property
    def links(self) -> dict[str, Proxy]:
        """All links that can be cut."""
        links = {"devices": self.devices, "database": self.database, "pages": self.pages}
        return links if self.inlet is None else {**links, "inlet": self.inlet}

    def heal(self) -> None:
        """Let every link pass on everything again."""
        for link in self.links.values():
            link.heal()

    def ledger(self, name: str) -> Ledger:
        """Return the ledger of a class of messages."""
        return self.ledgers.setdefault(name, Ledger(name))

    def add(
        self,
        kind: str,
        stream: str,
        device: str,
        fields: Callable[[int], Body],
        name: str,
        rate: float,
        district: str = WESTERN,
        **more: Any,
    ) -> Sender:
        """Let another device take part, in a class of messages; it speaks once it is run."""
        sender = Sender(self.mqtt_port, kind, stream, device, district, fields, self.ledger(name), rate, **more)
        self.senders.append(sender)
        return sender

    def add_devices(self, rate: float) -> None:
        """Let one of each kind of reading come, alone, out of a gateway, and at QoS 0."""
        for slope in _SLOPES:
            self.add("slope", "obs", slope, slope_fields, "slope", rate)
        for station in _STATIONS:
            self.add("vds", "obs", station, vds_fields, "station", rate)
        self.add("vds", "obs", "g1", vds_fields, "gateway", rate / 2, members=_BEHIND_GATEWAY)
        for station in _UNANSWERED:
            self.add("vds", "obs", station, vds_fields, "QoS 0", rate, qos=0)
        self.add("weather", "obs", "WX-0", weather_fields, "weather", rate)

    async def accidents(self) -> None:
        """Let smoke rise at one place after the other, seen by every tower; and one car drive against the traffic."""
        region = two_districts()
        camera = region.cctv[0]
        where = {tower.id: tower.position for tower in region.tower}
        place = PLACES[0]

        def seen_from(tower: str) -> Callable[[int], Body]:
            return lambda number: tower_fields(f"{tower}-{number}", azimuth_to(where[tower], place))

        senders = [self.add("cctv", "event", camera.id, camera_fields, "events", 0.5, camera.district)]
        senders += [
            self.add("tower", "event", one.id, seen_from(one.id), "smokes", 2.0, one.district) for one in region.tower
        ]
        async with asyncio.TaskGroup() as tasks:
            for sender in senders:
                tasks.create_task(sender.run())
            for number in itertools.count():
                place = PLACES[number % len(PLACES)]
                await asyncio.sleep(_ACCIDENT_EVERY_S)


@contextlib.asynccontextmanager
async def scene(folder: Path, broker: BrokerKind = "embedded", **settings: str) -> AsyncIterator[Scene]:
    """Bring everything up, and end it with whatever it is doing.

    Parameters
    ----------
    folder
        For data and logs.
    **settings
        Of the system.
    """
    region = folder / "region"
    save_region(two_districts(), region)
    settings.setdefault("thresholds", str(_impatient(folder / "thresholds")))
    store = Store(folder)
    async with contextlib.AsyncExitStack() as stack:
        url = await store.start()
        stack.push_async_callback(store.server.stop)
        database = Proxy(int(url.rpartition(":")[2].partition("/")[0]))
        database_port = await _started(database, stack)
        inlet, outside, mqtt_url = None, None, ""
        if broker == "mosquitto":
            outside = Mosquitto(folder)
            await outside.start()
            stack.push_async_callback(outside.stop)
            inlet = Proxy(outside.port)
            mqtt_url = f"mqtt://127.0.0.1:{await _started(inlet, stack)}"
        system = System(folder, region, _with_port(url, database_port), mqtt_url, **settings)
        stack.push_async_callback(system.kill)
        await system.start()
        devices = Proxy(system.mqtt_port if outside is None else outside.port)
        pages = Proxy(system.port)
        made = Scene(
            store=store,
            system=system,
            broker=outside,
            devices=devices,
            database=database,
            pages=pages,
            inlet=inlet,
            mqtt_port=await _started(devices, stack),
            url=f"http://127.0.0.1:{await _started(pages, stack)}",
        )
        try:
            yield made
        finally:
            for sender in made.senders:
                await sender.stop()


def _impatient(folder: Path) -> Path:
    """Copy the thresholds, with signs that are soon asked again: whoever counts waits for the last answer."""
    shutil.copytree(THRESHOLDS, folder)
    table = folder / "alert.toml"
    text, number = re.subn(
        r"(\[sign_again_s\]\nvalue = )\d+", rf"\g<1>{_SIGN_AGAIN_S}", table.read_text(encoding="utf-8")
    )
    assert number == 1, f"{table}: expected one value of sign_again_s, were {number}"
    table.write_text(text, encoding="utf-8")
    return folder


async def _started(proxy: Proxy, stack: contextlib.AsyncExitStack) -> int:
    port = await proxy.start()
    stack.push_async_callback(proxy.stop)
    return port


def _with_port(url: str, port: int) -> str:
    head, _, tail = url.rpartition(":")
    return f"{head}:{port}/{tail.partition('/')[2]}"
