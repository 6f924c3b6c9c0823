"""One attempt at a message, compiled once: scope, middleware, decode, bind, handler, what it publishes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import field, frozen

from faststream_oo.answers import Answers, asks, expired
from faststream_oo.binding import Binding
from faststream_oo.clock import Clock
from faststream_oo.current import CURRENT, Attempt, Observer
from faststream_oo.errors import LifecycleError, UnmatchedError
from faststream_oo.message import Message
from faststream_oo.middleware import ConsumeMiddleware, ConsumeNext
from faststream_oo.outbox import Held
from faststream_oo.outcome import Ack, DeadLetter, Drop, Outcome
from faststream_oo.publishing import Publication
from faststream_oo.rules import Rules
from faststream_oo.scope import Exits, Recipe, enter, leave
from faststream_oo.subscription import Subscription

ACK: Final = Ack()
_EXPIRED: Final = Drop("expired")


class Ending:
    """How one attempt ended.

    Args:
        outcome: What becomes of the message; `Retry` carries its seconds. None: it is given back, as the application
            cannot go on.
        error: What was raised, if anything.
        outbox: What is to be sent before the message is settled: what the handler published when it is an `Ack`; the
            fault that answers a request which is given up.
    """

    __slots__ = ("error", "outbox", "outcome")

    def __init__(
        self, outcome: Outcome | None, error: BaseException | None = None, outbox: Sequence[Held] | None = None
    ) -> None:
        self.outcome = outcome
        self.error = error
        self.outbox = outbox


ACKED: Final = Ending(ACK)
"""Handled, and nothing to send: by far the most frequent ending, so it is told by identity."""

AttemptCall = Callable[[Message], Awaitable[Ending]]


@frozen
class Handler:
    """One method of a subscription with everything around it, resolved.

    Attributes:
        name: `Class.method`.
        method: Its name.
        instance: The consumer, where one lives with the application.
        recipe: Builds the consumer and per-attempt middlewares for each attempt, where there is no instance.
        binding: How its arguments are read.
        middlewares: Outermost first; a number stands for one that the recipe builds.
        publications: Where its result goes.
        rules: What its exceptions lead to.
        timeout: Seconds one attempt may take.
        answers: Where requests are answered; None leaves them without an answer.
    """

    name: str
    method: str
    instance: object | None
    recipe: Recipe | None
    binding: Binding
    middlewares: Sequence[ConsumeMiddleware | int]
    publications: Sequence[Publication]
    rules: Rules
    timeout: float | None
    answers: Answers | None = None


@frozen
class Terms:
    """What the attempts of one subscription share.

    Attributes:
        choose: Chooses the handler; None means unmatched.
        unmatched: What becomes of a message that no handler takes.
        fallback: Rules of the subscription, for a message without a handler.
        clock: Where time-outs are read.
        manual: Whether only `message.settle()` settles.
        held: Whether publishes wait for the end of the attempt.
        settle: What `message.settle()` does.
        observer: Who hears of every attempt.
    """

    choose: Callable[[Message], Handler | None]
    unmatched: Outcome
    fallback: Rules
    clock: Clock
    manual: bool = False
    held: bool = True
    settle: Callable[[Message, Outcome], Awaitable[None]] | None = field(default=None)
    observer: Observer | None = field(default=None)


def compile_attempt(handlers: Sequence[Handler], terms: Terms, subscription: Subscription, /) -> AttemptCall:
    """Return the coroutine function that handles one message and returns how it ended."""
    general = _general_attempt(handlers, terms, subscription)
    if len(handlers) > 1 or not _is_plain(handlers[0], terms):
        return general
    return _plain_attempt(handlers[0], subscription, general)


def _is_plain(handler: Handler, terms: Terms) -> bool:
    """Whether nothing stands between the message and an instance's method that takes the body alone."""
    return (
        terms.observer is None
        and handler.instance is not None
        and handler.binding.only_body
        and not (handler.middlewares or handler.publications or handler.timeout or terms.manual)
        and terms.held
        and getattr(terms.choose, "constant", False)
    )


def _plain_attempt(handler: Handler, subscription: Subscription, general: AttemptCall) -> AttemptCall:
    method = getattr(handler.instance, handler.method)
    decode = handler.binding.decode
    rules = handler.rules
    if decode is None:
        raise LifecycleError(f"{handler.name} takes no body")
    set_current, answers = CURRENT.set, handler.answers is not None

    async def attempt(message: Message) -> Ending:
        if answers and message._reply_to is not None:  # noqa: SLF001 - the core's own field
            return await general(message)
        current = Attempt()
        current.message = message
        set_current(current)
        message._subscription = subscription  # noqa: SLF001 - the core's own field
        try:
            result = await method(decode(message))
        except BaseException as error:  # noqa: BLE001 - the rules decide; what the drain cancelled is raised again
            return _failed(current, message, error, rules)
        current.open = False
        if result is None and current.outbox is None:
            return ACKED
        return _ended(current, message, result, rules)

    return attempt


def _failed(current: Attempt, message: Message, error: BaseException, rules: Rules) -> Ending:
    """Return the ending of an attempt that raised; a cancellation by the drain goes on as it is."""
    current.open = False
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
    elif not isinstance(error, Exception):
        return Ending(None, error)
    outcome = rules.decide(message, error)
    outbox = current.outbox if isinstance(outcome, Ack) else None
    return Ending(outcome, None if isinstance(error, Outcome) else error, outbox)


def _ended(current: Attempt, message: Message, result: object, rules: Rules) -> Ending:
    if isinstance(result, Outcome) and not isinstance(result, Ack):
        return Ending(rules.applied(message, result))
    return Ending(ACK, outbox=current.outbox) if current.outbox else ACKED


def _general_attempt(handlers: Sequence[Handler], terms: Terms, subscription: Subscription) -> AttemptCall:
    compiled = {handler.name: _compiled(handler, terms) for handler in handlers}
    answers = next((handler.answers for handler in handlers if handler.answers is not None), None)
    observer = terms.observer

    async def told(name: str, answers: Answers | None, message: Message, ending: Ending) -> Ending:
        if observer is not None and ending.outcome is not None:
            observer.ended(name, message, ending.outcome)
        if answers is None or not isinstance(ending.outcome, (DeadLetter, Drop)) or ending.outcome is _EXPIRED:
            return ending
        return await _answered(message, ending, answers)

    async def attempt(message: Message) -> Ending:
        current = Attempt()
        current.message = message
        current.held = terms.held
        CURRENT.set(current)
        message._subscription = subscription  # noqa: SLF001 - the core's own fields
        message._settle = terms.settle  # noqa: SLF001
        try:
            handler = terms.choose(message)
        except Exception as error:  # noqa: BLE001 - the rules decide
            ending = _failed(current, message, error, terms.fallback)
            return await told(subscription.name, answers, message, ending)
        if handler is None:
            unmatched = UnmatchedError(
                f"no handler of {subscription.name} takes {message.type or 'a message without type'}"
            )
            current.open = False
            ending = Ending(terms.fallback.applied(message, terms.unmatched), unmatched)
            return await told(subscription.name, answers, message, ending)
        message._decode = handler.binding.decode  # noqa: SLF001
        if handler.answers is not None and asks(message) and expired(message, terms.clock):
            current.open = False
            ending = Ending(_EXPIRED)
        else:
            ending = await compiled[handler.name](message, current)
        return await told(handler.name, handler.answers, message, ending)

    return attempt


async def _answered(message: Message, ending: Ending, answers: Answers) -> Ending:
    """Add to the ending of a request that is given up the fault that says so."""
    outcome = ending.outcome
    if outcome is None or not asks(message):
        return ending
    fault = await answers.fault(message, outcome, ending.error)
    return Ending(outcome, ending.error, None if fault is None else [fault])


def _compiled(handler: Handler, terms: Terms) -> Callable[[Message, Attempt], Awaitable[Ending]]:
    """Return the attempt of one handler with a scope, middlewares, a time-out, and what it publishes."""
    chain = _chain(handler)
    rules = handler.rules
    publications = handler.publications
    recipe = handler.recipe
    timeout = handler.timeout
    answers = handler.answers

    async def inside(message: Message, current: Attempt, exits: Exits) -> object:
        if recipe is not None:
            current.target = await enter(recipe, current, exits) if recipe.scoped else recipe.build(())
        result = await chain(message)
        if not isinstance(result, Outcome):
            if answers is not None and asks(message):
                await answers.reply(message, result, current)
            for publication in publications:
                await publication.publish(result)
        return result

    async def attempt(message: Message, current: Attempt) -> Ending:
        exits: Exits = []
        result: object = None
        failure: BaseException | None = None
        try:
            if timeout is None:
                result = await inside(message, current, exits)
            else:
                result = await _in_time(inside(message, current, exits), timeout, terms.clock)
        except BaseException as raised:  # noqa: BLE001 - decided below, after the scope was left
            failure = raised
        if exits:
            refused = result if isinstance(result, Outcome) and not isinstance(result, Ack) else None
            try:
                await leave(exits, failure or refused)
            except BaseException as raised:  # noqa: BLE001 - a failed commit fails the attempt
                failure = failure or raised
        if failure is not None:
            return _failed(current, message, failure, rules)
        current.open = False
        ending = _ended(current, message, result, rules)
        # By hand it is settled by `message.settle()` alone, which may come much later.
        return Ending(ACK) if terms.manual and ending is ACKED else ending

    return attempt


async def _in_time(call: Awaitable[object], seconds: float, clock: Clock) -> object:
    """Await a call; cancel it after so many seconds of the framework's clock and raise TimeoutError instead."""
    task = asyncio.current_task()
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        if task is not None:
            task.cancel()

    timer = clock.call_later(seconds, expire)
    try:
        return await call
    except asyncio.CancelledError as error:
        if expired and task is not None and task.cancelling() == 1:
            raise TimeoutError(f"the attempt took longer than {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
        if expired and task is not None:
            task.uncancel()


def _chain(handler: Handler) -> ConsumeNext:
    """Return the middlewares around the bound call, outermost first."""
    chain = _bound(handler)
    for middleware in reversed(handler.middlewares):
        chain = _around(middleware, chain)
    return chain


def _around(middleware: ConsumeMiddleware | int, call_next: ConsumeNext) -> ConsumeNext:
    if isinstance(middleware, int):
        place = middleware

        async def built(message: Message) -> object:
            current = CURRENT.get()
            if current is None:
                raise LifecycleError("a middleware was called outside its message")
            return await current.target[place].consume(message, call_next)

        return built

    consume = middleware.consume

    async def given(message: Message) -> object:
        return await consume(message, call_next)

    return given


def _bound(handler: Handler) -> ConsumeNext:
    """Return what reads the arguments from a message and calls the method."""
    getters, named = tuple(handler.binding.getters), tuple(handler.binding.named.items())
    name = handler.method
    fixed = None if handler.instance is None else getattr(handler.instance, name)

    async def call(message: Message) -> object:
        method = fixed
        if method is None:
            current = CURRENT.get()
            if current is None:
                raise LifecycleError(f"{handler.name} was called outside its message")
            method = getattr(current.target[0], name)
        given = [get(message) for get in getters]
        if not named:
            return await method(*given)
        return await method(*given, **{keyword: get(message) for keyword, get in named})

    return call
