"""What is made for one message alone: the same on every broker, embedded and real."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from attrs import Factory, define, frozen
from dependency_injector import containers, providers

from faststream_oo import Application, Message, MessageScoped, RetryPolicy
from faststream_oo.broker import Broker
from tests.integration.kinds import promised
from tests.integration.worlds import Method, Served, World, until

QUICK = RetryPolicy(attempts=3, delay=0.01)


@define
class Ledger:
    """All transactions that were begun.

    Attributes:
        transactions: Oldest first.
        refusing: How many of the next commits fail.
    """

    transactions: list["Transaction"] = Factory(list["Transaction"])
    refusing: int = 0

    async def begin(self) -> AsyncGenerator["Transaction"]:
        """A transaction that is committed, or rolled back where the handler or the commit fails."""
        one = Transaction()
        self.transactions.append(one)
        try:
            yield one
            self._commit()
        except BaseException as error:
            one.events.append(f"rolled back for {type(error).__name__}")
            raise
        one.events.append("committed")

    def _commit(self) -> None:
        if self.refusing:
            self.refusing -= 1
            raise ConnectionError("cannot commit")

    @property
    def told(self) -> list[list[str]]:
        """What became of each."""
        return [one.events for one in self.transactions]


@define(eq=False)
class Transaction:
    """What happened between its begin and its end, in order."""

    events: list[str] = Factory(lambda: ["begun"])


@frozen
class Stock:
    """Takes part in the transaction of the message that it was built for."""

    transaction: Transaction

    def take(self, what: str) -> None:
        self.transaction.events.append(what)


@asynccontextmanager
async def serving(
    world: World, ledger: Ledger, *methods: Method, drain_timeout: float = 5.0, **options: Any
) -> AsyncGenerator[Served]:
    """Serve a consumer that is built for each message, with a transaction and what shares it."""

    def __init__(self: Any, broker: Broker, transaction: Transaction, stock: Stock) -> None:  # noqa: N807 - of the class
        world.consumer.__init__(self, broker)
        self.transaction, self.stock = transaction, stock

    with world.below():
        broker = world.broker()
        transaction = MessageScoped(ledger.begin)
        stock = providers.Factory(Stock, transaction=transaction)
        consumer = world.class_of(__init__, *methods, **options)
        shop = containers.DynamicContainer()
        shop.set_providers(
            broker=providers.Object(broker),
            transaction=transaction,
            stock=stock,
            handlers=providers.Factory(consumer, broker=broker, transaction=transaction, stock=stock),
        )
        async with Application(shop, drain_timeout=drain_timeout):
            yield Served(world, broker)


async def test_each_attempt_has_a_transaction_that_is_committed_or_rolled_back_with_it(world: World) -> None:
    address = await world.create("attempts")
    ledger = Ledger()

    @world.consumes(address)
    async def take(self: Any, number: int, message: Message) -> None:
        self.stock.take(f"took {number}")
        self.transaction.events.append(f"attempt {message.attempt}")
        if message.attempt < number:
            raise ConnectionError("not yet")

    async with serving(world, ledger, take, retry=QUICK) as served:
        for number in (1, 3, 1):
            await served.publish(address, number)
        await until(lambda: sum(events[-1] == "committed" for events in ledger.told) == 3)

    assert sorted(ledger.told) == [
        ["begun", "took 1", "attempt 1", "committed"],
        ["begun", "took 1", "attempt 1", "committed"],
        ["begun", "took 3", "attempt 1", "rolled back for ConnectionError"],
        ["begun", "took 3", "attempt 2", "rolled back for ConnectionError"],
        ["begun", "took 3", "attempt 3", "committed"],
    ]


async def test_messages_at_the_same_time_do_not_share_a_transaction(world: World) -> None:
    address = await world.create("together")
    ledger = Ledger()
    inside = asyncio.Barrier(4)

    @world.consumes(address)
    async def take(self: Any, number: int) -> None:
        self.stock.take(f"took {number}")
        await inside.wait()
        self.stock.take(f"took {number}")

    async with serving(world, ledger, take, concurrency=4, ordered_by=None) as served:
        for number in range(4):
            await served.publish(address, number)
        await until(lambda: sum(events[-1] == "committed" for events in ledger.told) == 4)

    assert sorted(ledger.told) == [["begun", *[f"took {number}"] * 2, "committed"] for number in range(4)]


async def test_what_cannot_be_committed_is_tried_again_and_nothing_of_it_is_sent(world: World) -> None:
    address, out = await world.create("in"), await world.create("out")
    ledger = Ledger(refusing=1)

    @world.consumes(address)
    async def take(self: Any, number: int, message: Message) -> None:
        self.stock.take(f"took {number}")
        await self.broker.publish(out, message.attempt)

    async with serving(world, ledger, take, retry=QUICK) as served:
        await served.publish(address, 7)
        (sent,) = await world.read_until(out, 1)
        await until(lambda: served.subscription.in_flight == 0)

    assert ledger.told == [["begun", "took 7", "rolled back for ConnectionError"], ["begun", "took 7", "committed"]]
    assert sent.body == b"2"


@promised
async def test_a_stop_rolls_back_what_it_cancels(world: World) -> None:
    address = await world.create("stopped")
    ledger = Ledger()
    blocked = True

    @world.consumes(address)
    async def take(self: Any, number: int) -> None:
        self.stock.take(f"took {number}")
        if blocked:
            await asyncio.Event().wait()

    async with serving(world, ledger, take, drain_timeout=0.1) as served:
        await served.publish(address, 1)
        await until(lambda: ledger.told == [["begun", "took 1"]])
    assert ledger.told == [["begun", "took 1", "rolled back for CancelledError"]]

    blocked = False
    async with serving(world, ledger, take):
        await until(lambda: ledger.told[-1][-1] == "committed")
    assert ledger.told[1:] == [["begun", "took 1", "committed"]]
