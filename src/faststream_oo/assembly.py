"""A checked subscription, put together and started."""

from collections.abc import Awaitable, Callable, Sequence

from faststream_oo.current import CURRENT, Attempt
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.intake import Intake
from faststream_oo.pipeline import Handler, Terms, compile_attempt
from faststream_oo.plan import choice_of, codec_of, key_of
from faststream_oo.publishing import produced_body
from faststream_oo.rules import Rules
from faststream_oo.scope import Exits, enter, leave
from faststream_oo.served import Planned
from faststream_oo.settlement import IntakeTerms
from faststream_oo.transport import Claim


async def start_subscription(
    planned: Planned, drain_timeout: float, crashed: Callable[[BaseException], object], /
) -> Intake:
    """Start one checked subscription on its open broker and return it."""
    broker, options = planned.broker, planned.options
    clock = broker.clock
    handlers = [_handler(planned, index) for index in range(len(planned.entries))]
    intake = _intake(planned, handlers[0], drain_timeout, lambda error: crashed(broker.endpoint.located(error)))
    manual = options["delivery"] == "manual"
    terms = Terms(
        choose=choice_of(planned, handlers),
        unmatched=options["unmatched"],
        fallback=Rules(options["retry"], options["errors"], clock),
        clock=clock,
        manual=manual,
        held=options["outbox"] is not False,
        settle=intake.settle if manual else None,
        observer=broker.observer,
    )
    with broker.endpoint.locating():
        await intake.start(compile_attempt(handlers, terms, intake), clock)
    return intake


def _handler(planned: Planned, index: int) -> Handler:
    entry = planned.entries[index]
    served, options = entry.served, entry.options
    method, broker = entry.route.method, served.broker
    returned = produced_body(getattr(served.cls, method))
    return Handler(
        name=entry.handler_name,
        method=method,
        instance=served.instance,
        recipe=None if served.recipe is None else served.recipe(planned.per_attempt[index]),
        binding=planned.bindings[index],
        middlewares=planned.middlewares[index],
        publications=broker.publications_of(served.cls, method),
        rules=Rules(options["retry"], options["errors"], broker.clock),
        timeout=options["timeout"],
        answers=broker.answers(codec_of(entry), options["middlewares"], returned) if options["reply"] else None,
    )


def _intake(
    planned: Planned, handler: Handler, drain_timeout: float, crashed: Callable[[BaseException], object]
) -> Intake:
    broker, options = planned.broker, planned.options
    address = broker.locate(planned.address)
    whole_group = planned.whole_group
    letter = options.get("dead_letter")
    terms = IntakeTerms(
        name=planned.name,
        address=address.name,
        group=whole_group,
        concurrency=options["concurrency"],
        prefetch=options["prefetch"],
        key_of=key_of(planned),
        retry=options["retry"],
        confirm=options["outbox"] == "confirm",
        manual=options["delivery"] == "manual",
        drain_timeout=drain_timeout,
    )
    source = broker.source(address, broker.source_options(options, whole_group, drain_timeout))
    place = None if letter is None else broker.locate(letter)
    letters = DeadLetterWriter(broker, planned.name, whole_group, place, address)
    made: Intake = broker.running_type(terms, broker, source, letters, _changed(planned, handler), crashed)
    return made


def _changed(planned: Planned, handler: Handler) -> Callable[[str, Sequence[Claim]], Awaitable[None]] | None:
    """Return what tells the consumer about claims, None when it does not listen."""
    served = planned.entries[0].served
    if not served.cls._hears_claims():  # noqa: SLF001 - the protocol's own hook
        return None
    recipe = handler.recipe
    if recipe is None:
        return served.instance._claims_changed if served.instance else None  # noqa: SLF001

    async def changed(kind: str, claims: Sequence[Claim]) -> None:
        attempt = Attempt()
        attempt.held = False
        CURRENT.set(attempt)
        exits: Exits = []
        error: BaseException | None = None
        try:
            built = await enter(recipe, attempt, exits)
            await built[0]._claims_changed(kind, claims)  # noqa: SLF001
        except BaseException as raised:
            error = raised
            raise
        finally:
            await leave(exits, error)
            CURRENT.set(None)

    return changed
