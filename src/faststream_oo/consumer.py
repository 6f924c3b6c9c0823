"""The root of KafkaConsumer, RabbitConsumer, NatsConsumer and RedisConsumer; subclass those."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from faststream_oo.broker import Broker
from faststream_oo.errors import LifecycleError
from faststream_oo.routes import class_prefix, record_options
from faststream_oo.transport import Claim

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")

AsyncMethod: TypeAlias = Callable[Concatenate[S, P], Coroutine[Any, Any, R]]
"""An `async def` method of S; `Coroutine[Any, Any, R]` is what every checker takes `async def` for."""


class Consumer:
    """A class whose methods handle messages; see the protocol's own subclass."""

    _broker: Broker | None = None
    _name: str | None = None
    _prefix: str | None = None

    def __init__(self, broker: Broker, *, name: str | None = None, prefix: str | None = None) -> None:
        self._broker = broker
        self._name = name
        self._prefix = prefix

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        record_options(cls, options)

    @property
    def broker(self) -> Broker:
        """Where it consumes. Raises LifecycleError when the constructor did not hand it on."""
        if self._broker is None:
            raise LifecycleError(f"{type(self).__name__} was built without its broker; call super().__init__(broker)")
        return self._broker

    @property
    def name(self) -> str:
        """First part of its subscriptions' names; the class name unless given to the constructor."""
        return self._name or type(self).__name__

    @property
    def prefix(self) -> str:
        """Put before its addresses; the class keyword unless given to the constructor."""
        return class_prefix(type(self)) if self._prefix is None else self._prefix

    async def _claims_changed(self, kind: str, claims: Sequence[Claim], /) -> None:
        """Tell the protocol's hooks about claims: "assigned", "revoked" or "lost"."""

    @classmethod
    def _hears_claims(cls) -> bool:
        """Whether it overrides one of the protocol's hooks."""
        return False
