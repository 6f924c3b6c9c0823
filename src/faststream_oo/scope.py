"""The objects of one attempt: made before its handler, left after it with its error. Knows no injector."""

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from enum import Enum, auto
from types import AsyncGeneratorType, GeneratorType, TracebackType
from typing import Any, TypeAlias, cast

from attrs import frozen

from faststream_oo.current import Attempt

Build: TypeAlias = Callable[[Sequence[object]], Any]
"""Makes an object from the message-scoped objects that are there so far: plain nested calls."""

Exit: TypeAlias = Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], Any]
"""`__exit__` or `__aexit__` of something that was entered."""

Exits: TypeAlias = list[tuple[Exit, bool]]
"""What is to be left, in order of entering; True where it is awaited."""


class Style(Enum):
    """How a message-scoped object is had: as it is, or entered."""

    PLAIN = auto()
    MANAGER = auto()
    ASYNC_MANAGER = auto()


@frozen
class ScopedRecipe:
    """How one message-scoped object is made.

    Attributes:
        key: Its provider, by which user code finds it during the attempt.
        make: Makes the object, or what is entered for it, from the scoped objects before it.
        style: None when only the result tells.
    """

    key: object
    make: Build
    style: Style | None = None


@frozen
class Recipe:
    """How the objects of one attempt are made; compiled once, when the application is built.

    Attributes:
        build: Returns the tuple of built objects; with no scoped ones `recipe.build(())` is all there is to do.
        scoped: Message-scoped objects, dependencies first.
    """

    build: Callable[[Sequence[object]], tuple[Any, ...]]
    scoped: Sequence[ScopedRecipe] = ()


def style_of(cls: type[object], /) -> Style:
    """Return how objects of a class are had; the asynchronous way where there are both."""
    if hasattr(cls, "__aenter__") and hasattr(cls, "__aexit__"):
        return Style.ASYNC_MANAGER
    if hasattr(cls, "__enter__") and hasattr(cls, "__exit__"):
        return Style.MANAGER
    return Style.PLAIN


async def enter(recipe: Recipe, attempt: Attempt, exits: Exits) -> tuple[Any, ...]:
    """Make the scoped objects in order, then what is built from them.

    Each one that was entered is in `exits` at once, so the caller can `leave` whatever is raised here.
    """
    made: list[object] = []
    by_key = attempt.scoped = {}
    for step in recipe.scoped:
        entered = await _entered(step.make(made), step.style, exits)
        made.append(entered)
        by_key[step.key] = entered
    return recipe.build(made)


async def _entered(thing: object, style: Style | None, exits: Exits) -> object:
    if style is None:
        thing = _managed(thing)
        style = style_of(type(thing))
    if style is Style.PLAIN:
        return thing
    if style is Style.MANAGER:
        manager = cast(AbstractContextManager[object], thing)
        entered = manager.__enter__()
        exits.append((manager.__exit__, False))
        return entered
    asynchronous = cast(AbstractAsyncContextManager[object], thing)
    entered = await asynchronous.__aenter__()
    exits.append((asynchronous.__aexit__, True))
    return entered


def _managed(thing: object) -> object:
    """Return a generator, which only a plain function's result can be, as the context manager that it stands for."""
    if isinstance(thing, GeneratorType):
        return contextmanager(lambda: cast(Generator[object, None, None], thing))()
    if isinstance(thing, AsyncGeneratorType):
        return asynccontextmanager(lambda: cast(AsyncGenerator[object, None], thing))()
    return thing


async def leave(exits: Exits, error: BaseException | None) -> None:
    """Leave what was entered, the last first, telling each the error of the attempt.

    One that raises does not keep the others from being left: they see its error in place of the attempt's. A true
    result of an exit, which suppresses an error elsewhere, changes nothing here.

    Raises:
        BaseException: What an exit raised; an ExceptionGroup of several. Its context is the attempt's error.
    """
    raised: list[BaseException] = []
    for exit_, awaited in reversed(exits):
        try:
            left = exit_(type(error) if error else None, error, error.__traceback__ if error else None)
            if awaited:
                await left
        except BaseException as new:  # noqa: BLE001 - the others are left first, then it is raised
            if new is not error:
                raised.append(new)
                new.__context__ = new.__context__ or error
                error = new
    exits.clear()
    if raised:
        raise _together(raised)


def _together(raised: Sequence[BaseException]) -> BaseException:
    """Return one error for several: a cancellation or SystemExit must stay itself to be understood above."""
    if len(raised) == 1:
        return raised[0]
    group = BaseExceptionGroup("message-scoped objects could not be left", raised)
    interrupt = next((error for error in raised if not isinstance(error, Exception)), None)
    if interrupt is None:
        return group
    interrupt.__cause__ = BaseExceptionGroup(group.message, [error for error in raised if error is not interrupt])
    return interrupt
