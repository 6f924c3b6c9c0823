"""Which queues a message goes to."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from attrs import field, frozen

from faststream_oo.rabbit.address import Arguments, Exchange, routing_words, topic_pattern

_MATCH: Final = "x-match"


@frozen
class Route:
    """One binding.

    Attributes:
        to: Name of the queue or exchange.
        exchange: Whether it is an exchange.
        key: Routing key.
        arguments: Of a headers exchange.
    """

    to: str
    exchange: bool
    key: str
    arguments: Arguments = field(hash=False)


class MemoryExchange:
    """One exchange with its bindings, each of them once.

    Args:
        declared: As it was declared.
    """

    def __init__(self, declared: Exchange) -> None:
        self.declared = declared
        self.routes: list[Route] = []
        self._matches = _KINDS[declared.type]

    def bind(self, route: Route, /) -> None:
        """Add a binding, unless it is there."""
        if route not in self.routes:
            self.routes.append(route)

    def unbind(self, route: Route, /) -> bool:
        """Remove a binding; tell whether it was the last one."""
        if route not in self.routes:
            return False
        self.routes.remove(route)
        return not self.routes

    def targets(self, key: str, headers: Mapping[str, Any], /) -> Iterator[Route]:
        """Return the bindings that a message matches."""
        return (route for route in self.routes if self._matches(route, key, headers))


def _direct(route: Route, key: str, headers: Mapping[str, Any]) -> bool:
    return route.key == key


def _fanout(route: Route, key: str, headers: Mapping[str, Any]) -> bool:
    return True


def _topic(route: Route, key: str, headers: Mapping[str, Any]) -> bool:
    return topic_pattern(route.key).fullmatch(routing_words(key)) is not None


def _headers(route: Route, key: str, headers: Mapping[str, Any]) -> bool:
    match = str(route.arguments.get(_MATCH, "all"))
    wanted = {
        name: value
        for name, value in route.arguments.items()
        if name != _MATCH and (match.endswith("-with-x") or not name.startswith("x-"))
    }
    found = (_has(headers, name, value) for name, value in wanted.items())
    return any(found) if match.startswith("any") else all(found)


def _has(headers: Mapping[str, Any], name: str, wanted: object) -> bool:
    """Whether a header is there with that value; numbers are equal across int and float, text and truth are not."""
    if name not in headers:
        return False
    value = headers[name]
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


_KINDS: Final[Mapping[str, Callable[[Route, str, Mapping[str, Any]], bool]]] = {
    "direct": _direct,
    "fanout": _fanout,
    "topic": _topic,
    "headers": _headers,
}


def routed(exchanges: Mapping[str, MemoryExchange], first: str, key: str, headers: Mapping[str, Any]) -> Iterable[str]:
    """Return the queues a message goes to, each once, over exchanges that are bound to exchanges.

    Args:
        exchanges: All of them.
        first: Where it is published.
        key: Its routing key.
        headers: Its headers; `CC` and `BCC` are further keys.
    """
    queues: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [first]
    keys = [key, *_further(headers.get("CC")), *_further(headers.get("BCC"))]
    while waiting:
        name = waiting.pop(0)
        exchange = exchanges.get(name)
        if name in seen or exchange is None:
            continue
        seen.add(name)
        before = len(queues) + len(waiting)
        for one in keys:
            for route in exchange.targets(one, headers):
                if route.exchange:
                    waiting.append(route.to)
                else:
                    queues.setdefault(route.to)
        alternate = exchange.declared.arguments.get("alternate-exchange")
        if len(queues) + len(waiting) == before and isinstance(alternate, str):
            waiting.append(alternate)
    return queues


def _further(value: object) -> Iterable[str]:
    return [one for one in cast("list[object]", value) if isinstance(one, str)] if isinstance(value, list) else ()
