"""The objects of one attempt: made before its handler, left after it with its error. Knows no injector."""

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import AsyncGeneratorType, GeneratorType, TracebackType
from typing import Any, Literal, TypeAlias, cast

from attrs import frozen

from faststream_oo.current import Attempt

Build: TypeAlias = Callable[[Sequence[object]], Any]
"""Makes an object from the message-scoped objects that are there so far: plain nested calls."""

Exit: TypeAlias = Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], Any]
"""`__exit__` or `__aexit__` of something that was entered."""

Exits: TypeAlias = list[tuple[Exit, bool]]
"""What is to be left, in order of entering; True where it is awaited."""


Style: TypeAlias = Literal["plain", "manager", "async manager"]
"""How a message-scoped object is had: as it is, or entered."""


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
        return "async manager"
    if hasattr(cls, "__enter__") and hasattr(cls, "__exit__"):
        return "manager"
    return "plain"


async def enter(recipe: Recipe, attempt: Attempt, exits: Exits) -> tuple[Any, ...]:
    """Make the scoped objects in order, then what is built from them.

    Each one that was entered is in `exits` at once, so the caller can `leave` whatever is raised here.
    """
    made: list[object] = []
    by_key = attempt.scoped = {}
    for step in recipe.scoped:
        thing: Any = step.make(made)
        style = step.style
        if style is None:
            thing, style = _told(thing)
        if style == "plain":
            entered = thing
        elif style == "manager":
            entered = thing.__enter__()
            exits.append((thing.__exit__, False))
        else:
            entered = await thing.__aenter__()
            exits.append((thing.__aexit__, True))
        made.append(entered)
        by_key[step.key] = entered
    return recipe.build(made)


def _told(thing: object) -> tuple[object, Style]:
    """Tell by the result of a function how it is had; a generator becomes the manager that it stands for."""
    if isinstance(thing, GeneratorType):
        return contextmanager(lambda: cast(Generator[object, None, None], thing))(), "manager"
    if isinstance(thing, AsyncGeneratorType):
        return asynccontextmanager(lambda: cast(AsyncGenerator[object, None], thing))(), "async manager"
    return thing, style_of(type(thing))


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
            left = exit_(None, None, None) if error is None else exit_(type(error), error, error.__traceback__)
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
