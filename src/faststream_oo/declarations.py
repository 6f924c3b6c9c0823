"""The declaring of what a plan consumes and produces, by each broker's topology mode."""

import logging

from faststream_oo.errors import Problem, SetupError
from faststream_oo.plan import Plan
from faststream_oo.publishing import placeholders
from faststream_oo.routes import class_prefix, routes_of

_log = logging.getLogger("faststream_oo")


async def declare(plan: Plan, /) -> None:
    """Declare over the open brokers of a plan. Raises SetupError with what `verify` found, ConnectError."""
    differences: list[Problem] = []
    for broker in plan.brokers:
        subscriptions = [one for one in plan.subscriptions if one.broker is broker]
        consumed = [broker.locate(one.address) for one in subscriptions]
        letters = [
            letter
            for one in (subscriptions if broker.letters_declared else ())
            for letter in one.letters
            if not broker.address_problems(letter, consuming=True)
        ]
        owners: list[type[object]] = [cls for cls, of in plan.producers if of is broker]
        owners += [entry.served.cls for one in subscriptions for entry in one.entries]
        produced = [
            broker.locate(broker.address_of(mark, options), class_prefix(cls))
            for cls in dict.fromkeys(owners)
            for route in routes_of(cls)
            for mark in route.sends
            for options in [broker.produce_options(cls, route.method, mark)]
        ]
        fixed = [address for address in produced if not placeholders(address.name)]
        replies = broker.reply_addresses() if plan.asks(broker) else ()
        with broker.endpoint.locating():
            found = await broker.declare_whole(list(dict.fromkeys([*consumed, *letters, *fixed, *replies])))
        if broker.options.topology == "verify":
            differences += [_problem(broker.options.protocol, what) for what in found]
        else:
            for what in found:
                _log.warning("%s", what, extra={"fields": {"broker": broker.options.protocol}})
    if differences:
        raise SetupError(differences)


def _problem(protocol: str, what: str) -> Problem:
    """Return a difference, with what can be done where something is missing."""
    missing = what.endswith("does not exist")
    return Problem(
        protocol, what, f"make it, or {protocol}.topology: create where it is not external" if missing else ""
    )
