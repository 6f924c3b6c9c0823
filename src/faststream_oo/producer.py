"""The root of KafkaProducer, RabbitProducer, NatsProducer and RedisProducer; subclass those."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, cast

from faststream_oo.broker import Broker
from faststream_oo.errors import LifecycleError
from faststream_oo.routes import marks_of, record_options, requests_of


class Producer:
    """A class whose methods publish or ask what they return; see the protocol's own subclass."""

    _broker: Broker | None = None

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        record_options(cls, options)
        for name, function in list(vars(cls).items()):
            asks = bool(requests_of(cls, name))
            if callable(function) and (asks or marks_of(cls, name)):
                setattr(cls, name, _sending(name, cast(Any, function), asks=asks))

    @property
    def broker(self) -> Broker:
        """Where it publishes. Raises LifecycleError when the constructor did not hand it on."""
        if self._broker is None:
            raise LifecycleError(f"{type(self).__name__} was built without its broker; call super().__init__(broker)")
        return self._broker


def _sending(
    name: str, function: Callable[..., Coroutine[Any, Any, object]], *, asks: bool
) -> Callable[..., Coroutine[Any, Any, object]]:
    """Wrap a method so that its result is published, or asked; a base's version called by `super()` only computes."""

    @functools.wraps(function)
    async def call(self: Producer, /, *arguments: Any, **named: Any) -> object:
        result = await function(self, *arguments, **named)
        cls = type(self)
        if getattr(cls, name) is not call:
            return result
        broker = self.broker
        if asks:
            return await broker.requests.ask(broker.request_of(cls, name), result)
        if result is not None:
            for publication in broker.publications_of(cls, name):
                confirm = await publication.begin(result)
                if confirm is not None:
                    await confirm
        return result

    return call
