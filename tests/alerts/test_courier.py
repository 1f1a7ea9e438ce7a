"""The courier: each posting once, none forgotten, none after its time, none waiting for another."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from alerts.courier import Courier, UndeliverableError, Waiting
from alerts.desk import Desk
from alerts.desk_store import StoreUnavailableError
from alerts.model import Alert
from alerts.signs import SignChannel, message_id, posting_of
from alerts.spoken import WrongModeError
from sensors.codec import decode
from sensors.observations import SignCommand
from tests.alerts.fakes import FakeOutbox, FakeStore, desk_on
from tests.alerts.making import NOW, fire, later, two_districts
from tests.gwanje.polling import eventually

VALID_FOR = timedelta(minutes=120)
NAME = "alert-f-1"


class FakeChannel:
    """Sends into a list; ``problems`` are raised first, a closed ``gate`` holds back."""

    def __init__(self, *problems: Exception) -> None:
        self.sent: list[tuple[int, str]] = []
        self.problems = list(problems)
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        await self.gate.wait()
        if self.problems:
            raise self.problems.pop(0)
        self.sent.append((posting.number, posting.target))


class Bench:
    """A desk with one approved alert for a district and a sign, its outbox and channels."""

    def __init__(self, *problems: Exception) -> None:
        self.outbox = FakeOutbox()
        self.signs, self.subscribers = FakeChannel(*problems), FakeChannel()
        self.now = later(2)
        self.desk: Desk

    async def begin(self) -> Courier:
        self.desk = desk_on(FakeStore())
        await self.desk.open(NOW)
        self.desk.hear([fire("f", 8_000, 2_000)], NOW)
        self.outbox.add(await self.desk.approve(NAME, "Lee", 1, later(1)))
        channels = {"subscribers": self.subscribers, "sign": self.signs}
        return Courier(self.desk, self.outbox, channels, lambda: self.now, valid_for=VALID_FOR)  # type: ignore[arg-type]

    def state(self, target: str) -> tuple[str, str | None]:
        one = next(one for one in self.desk.alerts[NAME].deliveries if one.target == target)
        return one.state, one.detail


async def test_each_posting_is_sent_once_and_noted() -> None:
    bench = Bench()
    courier = await bench.begin()
    assert await courier.carry_once("sign") == 1
    assert await courier.carry_once("subscribers") == 1
    assert await courier.carry_once("sign") == 0
    assert (bench.signs.sent, bench.subscribers.sent) == ([(2, "VMS-up4")], [(1, "99110")])
    assert set(bench.outbox.states.values()) == {"sent"}
    assert (bench.state("VMS-up4"), bench.state("99110")) == (("sent", None), ("sent", None))


@pytest.mark.parametrize("problem", [ConnectionError("the broker is away"), TimeoutError("the broker is away")])
async def test_what_cannot_be_sent_now_is_tried_again_and_says_why(problem: Exception) -> None:
    bench = Bench(problem)
    courier = await bench.begin()
    await courier.carry_once("sign")
    assert bench.state("VMS-up4") == ("waiting", "the broker is away")
    await courier.carry_once("sign")
    assert len(bench.signs.sent) == 1
    assert bench.state("VMS-up4") == ("sent", None)


@pytest.mark.parametrize("problem", [UndeliverableError("no such sign"), WrongModeError("of mode test")])
async def test_what_can_never_be_sent_fails_with_its_reason_and_is_not_tried_again(problem: Exception) -> None:
    bench = Bench(problem)
    courier = await bench.begin()
    await courier.carry_once("sign")
    assert bench.state("VMS-up4") == ("failed", str(problem))
    assert await courier.carry_once("sign") == 0
    assert bench.outbox.states[2] == "failed"


async def test_an_alert_that_is_out_of_date_is_not_sent() -> None:
    bench = Bench()
    courier = await bench.begin()
    bench.now = later(1) + VALID_FOR
    await courier.carry_once("subscribers")
    state, detail = bench.state("99110")
    assert state == "failed"
    assert detail is not None
    assert "was too late" in detail
    assert bench.subscribers.sent == []


async def test_a_note_that_the_store_did_not_take_is_repeated_but_not_the_sending() -> None:
    bench = Bench()
    courier = await bench.begin()
    bench.outbox.settle_fails = 2
    for _ in range(3):
        await courier.carry_once("sign")
    assert len(bench.signs.sent) == 1
    assert bench.state("VMS-up4") == ("sent", None)
    assert bench.outbox.states[2] == "sent"


async def test_a_channel_without_an_answer_is_asked_again_even_if_the_outbox_thinks_it_done() -> None:
    bench = Bench(StoreUnavailableError("the log is away"))
    courier = await bench.begin()
    await courier.carry_once("sign")
    bench.outbox.states[2] = "sent"  # the transaction that sent it settled it too; only the answer was lost
    await courier.carry_once("sign")
    assert len(bench.signs.sent) == 1
    assert bench.state("VMS-up4") == ("sent", None)


async def test_what_is_not_approved_or_not_known_is_not_sent() -> None:
    bench = Bench()
    courier = await bench.begin()
    approved = bench.desk.alerts[NAME]
    bench.desk.alerts[NAME] = _with_state(approved, "draft")
    await courier.carry_once("sign")
    assert bench.signs.sent == []
    assert bench.outbox.states[2] == "waiting"
    bench.desk.alerts[NAME] = approved
    await courier.carry_once("sign")
    assert len(bench.signs.sent) == 1
    bench.desk.alerts[NAME] = _with_state(approved, "rejected")
    await courier.carry_once("subscribers")
    assert bench.outbox.states[1] == "failed"
    assert bench.subscribers.sent == []
    bench.outbox.states[2] = "waiting"
    del bench.desk.alerts[NAME]
    await courier.carry_once("sign")
    assert "was forgotten" in (bench.outbox.details[2] or "")


def _with_state(alert: Alert, state: str) -> Alert:
    return Alert(**{name: getattr(alert, name) for name in alert.__struct_fields__} | {"state": state})


async def test_run_lets_no_channel_wait_for_another_and_none_for_one_that_hangs() -> None:
    bench = Bench()
    courier = await bench.begin()
    bench.signs.gate.clear()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(courier.run())
        await eventually(lambda: bench.subscribers.sent)
        assert bench.signs.sent == []
        bench.signs.gate.set()
        await eventually(lambda: bench.signs.sent)
        running.cancel()
    assert bench.state("99110")[0] == "sent"


async def test_run_wakes_for_what_is_posted_and_outlives_an_outbox_that_is_away() -> None:
    bench = Bench()
    courier = await bench.begin()
    bench.outbox.away = True
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(courier.run())
        await asyncio.sleep(0)
        bench.outbox.away = False
        started_s = asyncio.get_running_loop().time()
        courier.wake()
        await eventually(lambda: bench.signs.sent and bench.subscribers.sent)
        assert asyncio.get_running_loop().time() - started_s < 1.5
        running.cancel()


async def test_a_cancelled_courier_leaves_what_was_under_way_to_the_next() -> None:
    bench = Bench()
    courier = await bench.begin()
    bench.signs.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(courier.run())
        await eventually(lambda: bench.subscribers.sent)
        running.cancel()
    assert bench.outbox.states[2] == "waiting"


async def test_a_courier_that_is_stopped_finishes_what_is_under_way() -> None:
    bench = Bench()
    courier = await bench.begin()
    bench.signs.gate.clear()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(courier.run())
        await eventually(lambda: bench.subscribers.sent)
        courier.stop()
        done, _ = await asyncio.wait([running], timeout=0.05)
        assert not done
        bench.signs.gate.set()
        await running
    assert set(bench.outbox.states.values()) == {"sent"}


class Broker:
    """Takes what a sign channel publishes."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, int, bool]] = []

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        self.published.append((topic, payload, qos, retain))


def sign_channel(broker: Broker, mode: str = "exercise") -> SignChannel:
    return SignChannel(two_districts(), mode, broker.publish, 128, timedelta(minutes=30))  # type: ignore[arg-type]


def posting(target: str = "VMS-up4", number: int = 7) -> Waiting:
    return Waiting(number=number, alert=NAME, channel="sign", target=target, attempts=1)


async def test_a_sign_gets_a_command_of_the_protocol_under_the_number_of_its_posting() -> None:
    bench, broker = Bench(), Broker()
    await bench.begin()
    await sign_channel(broker).send(posting(), bench.desk.alerts[NAME], later(5))
    ((topic, payload, qos, retain),) = broker.published
    assert (topic, qos, retain) == ("gwanje/v1/99110/sign/VMS-up4/command", 1, False)
    (command,) = decode(topic, payload).messages
    assert isinstance(command, SignCommand)
    assert (command.message, command.seq, command.priority) == ("m7", 7, 128)
    assert command.multi.startswith("[jp3][[훈련]][nl]")
    assert command.expires == later(1) + timedelta(minutes=30)


async def test_a_sign_gets_nothing_too_late_nothing_of_another_mode_and_nothing_that_is_not_for_it() -> None:
    bench, broker = Bench(), Broker()
    await bench.begin()
    alert = bench.desk.alerts[NAME]
    with pytest.raises(UndeliverableError, match="was too late"):
        await sign_channel(broker).send(posting(), alert, later(1801))
    with pytest.raises(UndeliverableError, match="expected a sign of the alert"):
        await sign_channel(broker).send(posting("VMS-up0"), alert, later(5))
    with pytest.raises(WrongModeError):
        await sign_channel(broker, "live").send(posting(), alert, later(5))
    assert broker.published == []


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("m7", 7),
        (message_id(10**17), 10**17),
        ("7", None),
        ("m", None),
        ("mm7", None),
        ("m٧", None),
        ("m" + "9" * 30, None),
    ],
)
def test_the_number_of_a_posting_in_an_answer(message: str, number: int | None) -> None:
    assert posting_of(message) == number
