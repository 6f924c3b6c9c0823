"""RabbitMQ: a topic exchange, a typed request client, and priorities."""

from typing import Annotated

from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Path, RetryPolicy
from faststream_oo.errors import RequestTimeoutError
from faststream_oo.rabbit import (
    Binding,
    Exchange,
    Queue,
    RabbitBroker,
    RabbitConsumer,
    RabbitContainer,
    RabbitOutgoing,
    RabbitProducer,
    consumes,
    produces,
    requests,
)
from faststream_oo.testing import Harness

EVENTS = Exchange("shop.events", type="topic")
ORDERS = Queue("shipping.orders", bind=[Binding(EVENTS, "orders.{region}.placed")])
PARCELS = Queue("shipping.parcels", type="classic", max_priority=10)


@frozen
class OrderPlaced:
    order_id: str
    region: str
    weight: float
    express: bool = False


@frozen
class QuoteRequest:
    region: str
    weight: float


@frozen
class Quote:
    price: int
    carrier: str


@frozen
class Parcel:
    order_id: str
    quote: Quote


class Shop(RabbitProducer):
    @produces(EVENTS, routing_key="orders.{region}.placed")
    async def placed(self, order: OrderPlaced) -> OrderPlaced:
        return order


class Carriers(RabbitProducer):
    """A typed client: callers see `quote(region, weight) -> Quote`."""

    @requests("carriers.quotes", reply=Quote, timeout=2.0)
    async def quote(self, region: str, weight: float) -> QuoteRequest:
        return QuoteRequest(region, weight)


class CarrierDesk(RabbitConsumer):
    """The serving side: what the handler returns answers the request."""

    @consumes("carriers.quotes", concurrency=8)
    async def quote(self, request: QuoteRequest) -> Quote:
        return Quote(price=int(request.weight * 100), carrier=f"{request.region}-post")


class Shipping(RabbitConsumer, prefetch=20, retry=RetryPolicy(attempts=3)):
    def __init__(self, broker: RabbitBroker, carriers: Carriers) -> None:
        super().__init__(broker)
        self._carriers = carriers

    @consumes(ORDERS, concurrency=4, timeout=10.0, errors={RequestTimeoutError: RetryPolicy(attempts=10, delay=1.0)})
    @produces(PARCELS)
    async def placed(self, order: OrderPlaced, region: Annotated[str, Path()]) -> RabbitOutgoing[Parcel]:
        quote = await self._carriers.quote(region, order.weight)
        return RabbitOutgoing(Parcel(order.order_id, quote), priority=9 if order.express else 1, expiration=86_400.0)


class ShippingApp(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    rabbit = RabbitContainer(config=config.rabbit)
    shop = providers.Singleton(Shop, broker=rabbit.broker)
    carriers = providers.Singleton(Carriers, broker=rabbit.broker)
    desk = providers.Singleton(CarrierDesk, broker=rabbit.broker)
    shipping = providers.Factory(Shipping, broker=rabbit.broker, carriers=carriers)


async def test_an_order_becomes_a_parcel_with_a_quote() -> None:
    async with Harness(ShippingApp) as h:
        await h.container.shop().placed(OrderPlaced("o-1", "eu", 2.5))
        await h.settled()
        assert h.published(Parcel) == [Parcel("o-1", Quote(250, "eu-post"))]


async def test_the_desk_answers() -> None:
    async with Harness(ShippingApp) as h:
        assert (await h.container.carriers().quote("eu", 1.0)).price == 100
