"""The objects of one attempt: entered in order, left in reverse with the attempt's error."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self

import pytest

from faststream_oo.current import Attempt
from faststream_oo.scope import Exits, Recipe, ScopedRecipe, enter, leave, style_of


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def manager(self, name: str, failing: BaseException | None = None, suppressing: bool = False) -> "Manager":
        return Manager(self, name, failing, suppressing)


class Manager:
    def __init__(self, log: Log, name: str, failing: BaseException | None, suppressing: bool) -> None:
        self.log = log
        self.name = name
        self.failing = failing
        self.suppressing = suppressing
        self.seen: BaseException | None = None

    async def __aenter__(self) -> Self:
        self.log.lines.append(f"enter {self.name}")
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self.log.lines.append(f"leave {self.name} {error_type.__name__ if error_type else None}")
        self.seen = error
        if self.failing is not None:
            raise self.failing
        return self.suppressing


def recipe(*makes: Callable[[Sequence[object]], object]) -> Recipe:
    """A recipe that builds the tuple of its scoped objects."""
    return Recipe(tuple, [ScopedRecipe(f"key {index}", make) for index, make in enumerate(makes)])


async def test_an_object_is_entered_after_those_it_needs_and_left_before_them() -> None:
    log = Log()
    exits: Exits = []
    await enter(recipe(lambda _: log.manager("session"), lambda made: log.manager("work")), Attempt(), exits)
    await leave(exits, None)
    assert log.lines == ["enter session", "enter work", "leave work None", "leave session None"]


async def test_a_later_object_is_made_from_what_was_entered_before_it() -> None:
    seen: list[object] = []

    @contextmanager
    def session() -> Iterator[str]:
        yield "entered"

    built = await enter(recipe(lambda _: session(), lambda made: seen.append(made[0])), Attempt(), [])
    assert seen == ["entered"]
    assert built == ("entered", None)


async def test_objects_are_found_by_their_provider_during_the_attempt() -> None:
    attempt = Attempt()
    await enter(recipe(lambda _: 1, lambda _: 2), attempt, [])
    assert attempt.scoped == {"key 0": 1, "key 1": 2}


async def test_plain_objects_are_taken_as_they_are() -> None:
    thing = object()
    exits: Exits = []
    assert await enter(recipe(lambda _: thing), Attempt(), exits) == (thing,)
    assert exits == []


async def test_the_asynchronous_way_is_taken_where_there_are_both() -> None:
    class Both(Manager):
        def __enter__(self) -> str:
            return "synchronous"

        def __exit__(self, *_: object) -> None: ...

    (entered,) = await enter(recipe(lambda _: Both(Log(), "both", None, False)), Attempt(), [])
    assert isinstance(entered, Both)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_generator_sees_the_error_where_it_yielded(asynchronous: bool) -> None:
    seen: list[BaseException] = []

    def generator() -> Iterator[str]:
        try:
            yield "object"
        except ValueError as error:
            seen.append(error)
            raise

    async def async_generator() -> AsyncIterator[str]:
        try:
            yield "object"
        except ValueError as error:
            seen.append(error)
            raise

    exits: Exits = []
    made = async_generator if asynchronous else generator
    assert await enter(recipe(lambda _: made()), Attempt(), exits) == ("object",)
    error = ValueError("handler")
    await leave(exits, error)
    assert seen == [error]


async def test_a_manager_made_by_a_decorated_generator_is_entered() -> None:
    @asynccontextmanager
    async def session() -> AsyncIterator[int]:
        yield 7

    assert await enter(recipe(lambda _: session()), Attempt(), []) == (7,)


async def test_every_exit_sees_the_error_of_the_attempt() -> None:
    log = Log()
    first, second = log.manager("first"), log.manager("second")
    exits: Exits = []
    await enter(recipe(lambda _: first, lambda _: second), Attempt(), exits)
    error = ValueError("handler")
    await leave(exits, error)
    assert first.seen is second.seen is error


async def test_an_exit_cannot_suppress_the_error_for_the_others() -> None:
    log = Log()
    outer, inner = log.manager("outer"), log.manager("inner", suppressing=True)
    exits: Exits = []
    await enter(recipe(lambda _: outer, lambda _: inner), Attempt(), exits)
    error = ValueError("handler")
    await leave(exits, error)
    assert outer.seen is error


async def test_an_exit_that_raises_does_not_skip_the_others_and_they_see_its_error() -> None:
    log = Log()
    failing = OSError("commit failed")
    outer, inner = log.manager("outer"), log.manager("inner", failing)
    exits: Exits = []
    await enter(recipe(lambda _: outer, lambda _: inner), Attempt(), exits)
    with pytest.raises(OSError, match="commit failed"):
        await leave(exits, None)
    assert outer.seen is failing


async def test_an_exit_that_raises_after_a_failed_handler_keeps_its_error_as_context() -> None:
    exits: Exits = []
    await enter(recipe(lambda _: Log().manager("work", OSError("rollback failed"))), Attempt(), exits)
    error = ValueError("handler")
    with pytest.raises(OSError, match="rollback failed") as raised:
        await leave(exits, error)
    assert raised.value.__context__ is error


async def test_an_exit_that_raises_the_same_error_again_adds_none() -> None:
    error = ValueError("handler")
    exits: Exits = []
    await enter(recipe(lambda _: Log().manager("work", error)), Attempt(), exits)
    await leave(exits, error)


async def test_several_exits_that_raise_give_a_group() -> None:
    log = Log()
    errors = [OSError("first"), KeyError("second")]
    exits: Exits = []
    await enter(recipe(*(lambda _, e=error: log.manager("m", e) for error in errors)), Attempt(), exits)
    with pytest.raises(ExceptionGroup) as raised:
        await leave(exits, None)
    assert raised.value.exceptions == tuple(reversed(errors))


async def test_a_cancellation_among_several_errors_stays_a_cancellation() -> None:
    log = Log()
    failing, cancelled = OSError("rollback"), asyncio.CancelledError()
    exits: Exits = []
    await enter(recipe(lambda _: log.manager("a", failing), lambda _: log.manager("b", cancelled)), Attempt(), exits)
    with pytest.raises(asyncio.CancelledError) as raised:
        await leave(exits, None)
    assert isinstance(raised.value.__cause__, ExceptionGroup)
    assert raised.value.__cause__.exceptions == (failing,)


async def test_what_was_entered_before_a_failure_can_be_left() -> None:
    log = Log()

    def fail(_: Sequence[object]) -> object:
        raise ConnectionError("no database")

    exits: Exits = []
    with pytest.raises(ConnectionError):
        await enter(recipe(lambda _: log.manager("session"), fail), Attempt(), exits)
    await leave(exits, ConnectionError())
    assert log.lines == ["enter session", "leave session ConnectionError"]


async def test_left_objects_are_left_once() -> None:
    log = Log()
    exits: Exits = []
    await enter(recipe(lambda _: log.manager("session")), Attempt(), exits)
    await leave(exits, None)
    await leave(exits, None)
    assert log.lines.count("leave session None") == 1


def test_the_style_is_told_by_the_class() -> None:
    class Synchronous:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    assert style_of(Manager) == "async manager"
    assert style_of(Synchronous) == "manager"
    assert style_of(Log) == "plain"
