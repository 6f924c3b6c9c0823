"""The one thread that makes every call on a consumer: a call of another waits while a poll is under way."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from faststream_oo.kafka.client.commits import Mark
from faststream_oo.kafka.client.membership import Place

T = TypeVar("T")

_log: Final = logging.getLogger("faststream_oo")

UNSURE: Final = KafkaError._IN_PROGRESS  # noqa: SLF001 - a constant
"""What became of a commit is not known: a rebalance came in between."""

_POLL_SECONDS: Final = 0.05
"""Longest wait for records; what the loop asks for waits as long, as nothing wakes a poll."""

_ENOUGH: Final = 250
_GATHER_SECONDS: Final = 0.002
"""How long more room is waited for when there is not much."""

_PATIENCE_SECONDS: Final = 1.0
"""Seconds without room after which everything is paused: to pause throws away what was fetched already."""

Offsets: TypeAlias = frozenset[tuple[str, int, int]]


class Listener(Protocol):
    """Who a thread works for; called on the event loop, but for `room` and `approve`."""

    def room(self) -> int:
        """Return how many records may be handed over now, below 0 for none any more; called on the thread."""
        ...

    def approve(self, consumer: Consumer, messages: Sequence[Message], /) -> bool:
        """Return whether what was read may be handed over; called on the thread."""
        ...

    def ask_room(self) -> None:
        """Call `has_room` once there is room again."""

    def read(self, messages: Sequence[Message], /) -> None:
        """Take what was read."""

    def resume_reading(self) -> None:
        """Undo a pause of everything by the thread."""

    async def take_over(self, places: Collection[Place], /) -> tuple[Mapping[Place, int], Collection[Place]]:
        """Take partitions over.

        Returns:
            Offsets of those that do not begin where the group committed, and which are to be read.
        """
        ...

    async def give_up(self, places: Collection[Place], /, *, lost: bool) -> None:
        """Give partitions back, or end those that are gone."""

    def failed(self, error: BaseException, /) -> None:
        """The thread cannot go on, or could not tell of a rebalance."""


class OwnerThread:
    """Polls a consumer, hands over what it reads, and runs its rebalances; what others want waits its turn.

    Args:
        options: What the consumer is made with.
        listener: Who is told.
        incremental: Whether a rebalance leaves it what it may keep.
    """

    def __init__(self, options: Mapping[str, Any], listener: Listener, *, incremental: bool) -> None:
        self.handed = 0
        """Records handed over so far; the loop may not have taken all of them yet."""
        self.ended = asyncio.Event()
        """Set when the consumer is closed."""
        self._options = options
        self._consumer: Consumer
        self._listener = listener
        self._incremental = incremental
        self._loop = asyncio.get_running_loop()
        self._calls: deque[Callable[[], None]] = deque()
        self._asked: deque[tuple[Collection[Mark], asyncio.Future[KafkaError | None]]] = deque()
        self._wake = threading.Event()
        self._batch: list[Message] = []
        self._commits: deque[tuple[Offsets, asyncio.Future[KafkaError | None]]] = deque()
        self.rebalancing = False
        """Whether partitions come or go now; only commits are served meanwhile."""
        self._ending = False
        self._full_since: float | None = None
        self._paused = False

    # For the loop -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the consumer, which reads certificates and waits a second for a first token. Raises KafkaException."""
        self._consumer = await asyncio.to_thread(Consumer, {**self._options, "on_commit": self._on_commit})

    def start(self, name: str, /) -> None:
        """Begin to poll."""
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def end(self) -> None:
        """Close the consumer after what was asked for; `ended` is set then."""
        self._ending = True
        self._wake.set()

    def has_room(self) -> None:
        """Read again."""
        self._full_since = None
        self._wake.set()

    def call(self, function: Callable[[Consumer], T], then: Callable[[], object] | None = None, /) -> asyncio.Future[T]:
        """Call a function on the thread, in order, and return its result or KafkaException.

        Args:
            function: What is called.
            then: Called on the loop, before anything that is read afterwards arrives there.
        """
        future: asyncio.Future[T] = self._loop.create_future()

        def run() -> None:
            try:
                result = function(self._consumer)
            except Exception as error:  # noqa: BLE001 - it is the answer
                self._cross(partial(_fail, future, error))
            else:
                if then is not None:
                    self._cross(then)
                self._cross(partial(_resolve, future, result))

        self._ask(run)
        return future

    def subscribe(self, topics: Sequence[str], /) -> asyncio.Future[None]:
        """Subscribe to topics, instead of those that were subscribed."""

        def subscribe(consumer: Consumer) -> None:
            consumer.subscribe(
                list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )

        return self.call(subscribe)

    def commit(self, marks: Collection[Mark], /) -> asyncio.Future[KafkaError | None]:
        """Commit the marks of claims that still live, and return what went wrong."""
        future: asyncio.Future[KafkaError | None] = self._loop.create_future()
        self._asked.append((marks, future))
        self._wake.set()
        if self.ended.is_set():
            self._serve_commits()
        return future

    def tell(self, function: Callable[[Consumer], object], /) -> None:
        """Call a function on the thread, in order, unless the consumer is closed by then."""

        def run() -> None:
            try:
                function(self._consumer)
            except KafkaException as error:
                self._cross(partial(self._listener.failed, error))
            except RuntimeError:
                _log.debug("a Kafka consumer was closed before it was asked")

        self._ask(run)

    def _ask(self, run: Callable[[], None]) -> None:
        self._calls.append(run)
        self._wake.set()
        if self.ended.is_set():
            self._serve()

    # On the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._ending:
                self._wake.clear()
                self._serve()
                room = self._listener.room()
                if room < 0:
                    self._poll(_POLL_SECONDS)  # everything is paused; commits are heard of, and rebalances
                elif self._full_since is not None:
                    self._wait_for_room(self._full_since)
                elif room == 0:
                    self._full_since = monotonic()
                    self._cross(self._listener.ask_room)
                else:
                    if room < _ENOUGH:  # what is handled now makes more of it: one crossing for all of that
                        self._wake.wait(_GATHER_SECONDS)
                        room = max(1, self._listener.room())
                    self._read(room)
            self._serve()
            self._consumer.close()
        except Exception as error:  # noqa: BLE001 - it is told, and nothing else can be done
            self._cross(partial(self._listener.failed, error))
        finally:
            self._cross(self._finish)

    def _finish(self) -> None:
        self.ended.set()
        self._serve()
        for _, future in self._commits:
            _resolve(future, KafkaError(UNSURE))

    def _serve(self) -> None:
        self._serve_commits()
        while self._calls:
            self._calls.popleft()()

    def _serve_commits(self) -> None:
        while self._asked:
            self._commit(*self._asked.popleft())

    def _read(self, room: int) -> None:
        if self._paused:
            self._paused = False
            self._cross(self._listener.resume_reading)
        first = self._consumer.poll(_POLL_SECONDS)
        if first is not None:
            # A rebalance within the second call hands over what the first one brought.
            self._batch.append(first)
            if room > 1:
                self._batch.extend(self._consumer.consume(room - 1, 0))
            self._hand_over()

    def _wait_for_room(self, since: float) -> None:
        """Wait, at first for what was asked of us, then polling: a member that does not poll is thrown out."""
        left = since + _PATIENCE_SECONDS - monotonic()
        if left > 0:
            self._wake.wait(left)
            return
        if not self._paused:
            self._paused = True
            self._consumer.pause(self._consumer.assignment())
        self._wake.wait(_POLL_SECONDS)
        self._poll(0)

    def _poll(self, seconds: float) -> None:
        first = self._consumer.poll(seconds)
        if first is not None:
            self._batch.append(first)
            self._hand_over()

    def _hand_over(self) -> None:
        batch, self._batch = self._batch, []
        if batch and self._listener.approve(self._consumer, batch):
            self.handed += len(batch)
            self._cross(partial(self._listener.read, batch))

    def _cross(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            self._ending = True  # the loop is closed: nobody listens any more

    # Commits ------------------------------------------------------------------------------------------------------

    def _commit(self, marks: Collection[Mark], future: "asyncio.Future[KafkaError | None]") -> None:
        offsets = [
            TopicPartition(claim.partition.topic, claim.partition.partition, offset)
            for claim, offset in marks
            if claim.live
        ]
        error: KafkaError | None = None
        try:
            if offsets and not self.rebalancing:
                self._consumer.commit(offsets=offsets, asynchronous=True)
                self._commits.append((_key(offsets), future))
                return
            if offsets:  # nothing is polled meanwhile, so its result would not be heard
                error = _first_error(self._consumer.commit(offsets=offsets, asynchronous=False))
        except KafkaException as refused:
            error = refused.args[0]
        except RuntimeError:  # closed
            error = KafkaError(UNSURE)
        self._cross(partial(_resolve, future, error))

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        key = _key(partitions)
        for entry in self._commits:
            if entry[0] == key:
                self._commits.remove(entry)
                self._cross(partial(_resolve, entry[1], error or _first_error(partitions)))
                return

    # Rebalances ---------------------------------------------------------------------------------------------------
    # Nothing may be raised into the client: it would go on with an assignment that delivers nothing.

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        new = {(one.topic, one.partition): one for one in partitions}
        told = self._told(self._listener.take_over(list(new)))
        if told is None:  # it failed, and was told
            return
        starts, readable = told
        for place, offset in starts.items():
            new[place].offset = offset
        try:
            (consumer.incremental_assign if self._incremental else consumer.assign)(list(new.values()))
            # The client remembers a pause for ever, even of a partition that was elsewhere meanwhile.
            waiting = [one for place, one in new.items() if self._paused or place not in readable]
            consumer.pause(waiting)
            consumer.resume([one for one in new.values() if one not in waiting])
            self._serve()
        except KafkaException as error:
            self._cross(partial(self._listener.failed, error))

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._hand_over()
        self._told(self._listener.give_up([(one.topic, one.partition) for one in partitions], lost=False))

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._batch.clear()
        self._told(self._listener.give_up([(one.topic, one.partition) for one in partitions], lost=True))

    def _told(self, call: Coroutine[Any, Any, T]) -> T | None:
        """Run something on the loop and wait for it, doing what it asks for; None when it failed."""
        while self._commits:
            self._cross(partial(_resolve, self._commits.popleft()[1], KafkaError(UNSURE)))
        self.rebalancing = True
        try:
            done = asyncio.run_coroutine_threadsafe(call, self._loop)
            done.add_done_callback(lambda _: self._wake.set())
            while not done.done():
                self._wake.wait(_PATIENCE_SECONDS)
                self._wake.clear()
                self._serve_commits()
            return done.result()
        except Exception as error:  # noqa: BLE001 - see above
            call.close()
            self._cross(partial(self._listener.failed, error))
            return None
        finally:
            self.rebalancing = False


def _resolve(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _key(partitions: Collection[TopicPartition]) -> Offsets:
    return frozenset((one.topic, one.partition, one.offset) for one in partitions)


def _first_error(partitions: Collection[TopicPartition]) -> KafkaError | None:
    return next((one.error for one in partitions if one.error is not None), None)
