"""What consumers and methods cannot have together: a name, a group, a contract, a subscription with other options."""

from collections.abc import Iterable, Sequence

from faststream_oo.broker import Broker
from faststream_oo.choice import members
from faststream_oo.errors import Problem
from faststream_oo.markers import declared_contract
from faststream_oo.served import Entry, Served

_SHARED = (
    "group", "delivery", "concurrency", "ordered_by", "prefetch", "start", "via", "dead_letter", "unmatched", "tag", "outbox",
    "enabled", "isolation", "commit_interval", "session_timeout", "max_poll_interval", "client_rack", "config",
    "claim_after",
)  # fmt: skip
"""Options that belong to the subscription: methods that share one must agree."""


def name_conflicts(served: Sequence[Served], /) -> Iterable[Problem]:
    """Return consumers that are called the same."""
    by_name: dict[str, list[Served]] = {}
    for one in served:
        by_name.setdefault(one.name, []).append(one)
    for name, same in by_name.items():
        if len(same) > 1:
            paths = ", ".join(one.path for one in same)
            yield Problem(paths, f"both are called {name}", "name= in the constructor")


def group_conflicts(entries: Sequence[Entry], /) -> Iterable[Problem]:
    """Return methods whose subscriptions would take each other's messages."""
    seen: dict[tuple[Broker, str], list[tuple[str, Entry]]] = {}
    for entry in entries:
        broker = entry.served.broker
        group = broker.sharing(entry.options, entry.address)
        if group is None:
            continue
        others = seen.setdefault((broker, group), [])
        for name in broker.shares(entry.address):
            for known, first in others:
                one = first.served is entry.served and first.address == entry.address
                if not one and broker.overlap(known, name):
                    what = f'group "{group}" would split "{name}" between them'
                    hint = "a group each"
                    if not group:
                        what, hint = f'"{name}" would be split between them', "an address each"
                    yield Problem(f"{first.name}, {entry.name}", what, hint)
        others += [(name, entry) for name in broker.shares(entry.address)]


def option_conflicts(entries: Sequence[Entry], /) -> Iterable[Problem]:
    """Return where methods of one subscription disagree about it with the first."""
    first = entries[0]
    for other in entries[1:]:
        for option in _SHARED:
            mine, its = other.options.get(option), first.options.get(option)
            if mine != its:
                what = f"{option}={mine!r}, but {first.name} has {its!r} on the same subscription"
                yield Problem(other.name, what, "set it on the class")


def contract_conflicts(bodies: Iterable[object], /) -> Iterable[Problem]:
    """Return contracts that several classes claim."""
    seen: dict[str, type[object]] = {}
    for cls in (cls for body in bodies for cls in members(body)):
        if (contract := declared_contract(cls)) is None:
            continue
        first = seen.setdefault(contract.wire, cls)
        if first is not cls:
            both = " and ".join(f"{c.__module__}.{c.__qualname__}" for c in (first, cls))
            yield Problem(contract.wire, f"{both} have the same contract")
