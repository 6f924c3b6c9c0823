"""What an application serves: consumers, their methods on addresses, and the subscriptions those make."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from attrs import frozen

from faststream_oo.address import Address
from faststream_oo.binding import Binding
from faststream_oo.broker import Broker
from faststream_oo.consumer import Consumer
from faststream_oo.errors import LifecycleError, Problem, SetupError
from faststream_oo.routes import Route
from faststream_oo.scope import Recipe


@frozen
class Served:
    """One consumer to serve.

    Attributes:
        path: Where it stands: `Billing.orders`, or its class when made by hand.
        cls: Its class.
        broker: Where it consumes.
        name: First part of its subscriptions' names.
        prefix: Put before its addresses.
        instance: The object, where one lives with the application.
        recipe: Returns what builds it, and objects of these classes, for each attempt; where there is no instance.
    """

    path: str
    cls: type[Consumer]
    broker: Broker
    name: str
    prefix: str
    instance: Consumer | None = None
    recipe: Callable[[Sequence[type[object]]], Recipe] | None = None

    @classmethod
    def by_hand(cls, consumer: Consumer, /) -> Self:
        """Return a consumer made without a container. Raises SetupError where it has no broker."""
        made = type(consumer)
        try:
            broker = consumer.broker
        except LifecycleError as error:
            what = f"{made.__name__} was built without its broker"
            raise SetupError([Problem(made.__name__, what, "call super().__init__(broker)")]) from error
        return cls(made.__name__, made, broker, consumer.name, consumer.prefix, consumer)


@frozen
class Entry:
    """One method on one address, with its options resolved.

    Attributes:
        served: Its consumer.
        route: The method.
        name: `Class.method`, with `[address]` when the method has several.
        address: With the prefixes of the class, without the broker's.
        options: Resolved over every scope.
    """

    served: Served
    route: Route
    name: str
    address: Address
    options: Mapping[str, Any]

    @property
    def handler_name(self) -> str:
        """`Class.method`."""
        return f"{self.served.name}.{self.route.method}"


@frozen
class Planned:
    """One subscription to start.

    Attributes:
        name: As in settings, logs and the CLI.
        entries: The methods that share it.
        bindings: Of each method.
        per_attempt: Middleware classes of each method that are built for each attempt.
        middlewares: Of each method, outermost first; a number stands for one built for each attempt.
    """

    name: str
    entries: Sequence[Entry]
    bindings: Sequence[Binding]
    middlewares: Sequence[Sequence[Any]]
    per_attempt: Sequence[Sequence[type[object]]]

    @property
    def broker(self) -> Broker:
        """Where it consumes."""
        return self.entries[0].served.broker

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the subscription."""
        return self.entries[0].options

    @property
    def address(self) -> Address:
        """Without the broker's prefix."""
        return self.entries[0].address

    @property
    def whole_group(self) -> str | None:
        """Name of its group as the broker knows it."""
        group = self.options.get("group")
        return None if group is None else self.broker.whole_group(group, self.broker.locate(self.address))

    def letters_of(self, *sources: str) -> Sequence[Address]:
        """Return where dead letters of these sources of its address go, whole."""
        broker, address = self.broker, self.broker.locate(self.address)
        if (given := self.options.get("dead_letter")) is not None:
            return [broker.locate(given)]
        derived = [broker.dead_letter_of(address, source, self.whole_group) for source in sources]
        return [letter for letter in derived if letter is not None]

    @property
    def letters(self) -> Sequence[Address]:
        """Where its dead letters go, whole; what stands for a pattern, whose sources come later, is no address."""
        return self.letters_of(*self.broker.sources(self.broker.locate(self.address)))
