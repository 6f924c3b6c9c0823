"""What Redis cannot do, or would do differently than it reads, is refused when an application is checked."""

from typing import Annotated, Any

import pytest

from faststream_oo import Application, Path
from faststream_oo.errors import SetupError
from faststream_oo.kafka import Topic
from faststream_oo.redis import (
    Channel,
    List,
    RedisBroker,
    RedisConsumer,
    RedisSettings,
    Stream,
    consumes,
    produces,
)


def problems(*consumers: type[RedisConsumer], **settings: Any) -> list[str]:
    broker = RedisBroker(RedisSettings(**settings))
    with pytest.raises(SetupError) as refused:
        Application(consumers=[cls(broker) for cls in consumers], brokers=[broker]).check()
    return [str(problem) for problem in refused.value.problems]


def consumer(address: Any, **options: Any) -> type[RedisConsumer]:
    class Orders(RedisConsumer):
        @consumes(address, **options)
        async def placed(self, order: int) -> None: ...

    return Orders


GROUP = 'Orders.placed: a stream is read by a group. Hint: group="billing", or delivery="at_most_once"'


@pytest.mark.parametrize(
    ("address", "options", "problem"),
    [
        ("orders", {}, GROUP),
        ("orders", {"delivery": "manual"}, GROUP),
        ("orders", {"group": ""}, 'Orders.placed: group="" is no name'),
        (
            List("orders"),
            {"group": "g"},
            "Orders.placed: group is refused on List, which its workers share. Hint: Stream",
        ),
        (
            List("orders"),
            {"start": "latest"},
            "Orders.placed: start is refused on List, which its workers share. Hint: Stream",
        ),
        (
            Channel("orders"),
            {"claim_after": 5.0},
            "Orders.placed: claim_after is refused on Channel, which keeps nothing. Hint: Stream",
        ),
        (
            Channel("orders"),
            {"group": "g"},
            "Orders.placed: group is refused on Channel, which keeps nothing. Hint: Stream",
        ),
        (
            Channel("orders"),
            {"start": "latest"},
            "Orders.placed: start is refused on Channel, which keeps nothing. Hint: Stream",
        ),
        (
            Channel("orders"),
            {"delivery": "at_least_once"},
            "Orders.placed: a channel is at most once. Hint: Stream, or leave delivery out",
        ),
        (
            Channel("orders"),
            {"delivery": "manual"},
            "Orders.placed: a channel is at most once. Hint: Stream, or leave delivery out",
        ),
        (
            "orders",
            {"group": "g", "start": "yesterday"},
            'Orders.placed: start="yesterday" is no entry id. Hint: start="earliest", "latest" or "1700000000000-0"',
        ),
        ("orders", {"group": "g", "claim_after": 0}, "Orders.placed: claim_after=0 is not above 0 seconds"),
        (
            "orders",
            {"delivery": "at_most_once", "claim_after": 5.0},
            "Orders.placed: claim_after is refused where nothing is acknowledged. Hint: leave it out",
        ),
        (
            "orders",
            {"group": "g", "dead_letter": "orders"},
            'Orders.placed: dead_letter="orders" is what it consumes',
        ),
        ("", {"group": "g"}, "Orders.placed: an empty name is refused"),
        (
            "orders.{region}",
            {"group": "g"},
            'Orders.placed: "orders.{region}" captures a part, and a key is read whole. Hint: Channel("orders.{region}")',
        ),
        (Channel("a.{b}.{b}"), {}, 'Orders.placed: "a.{b}.{b}" names a part twice'),
        (Channel("a.{b"), {}, 'Orders.placed: "a.{b" has a {name} that is no word'),
    ],
)
def test_what_a_kind_of_address_does_not_have(address: Any, options: Any, problem: str) -> None:
    assert problems(consumer(address, **options)) == [problem]


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("orders", {"group": "g", "start": "1700000000000-0", "claim_after": 0.5, "delivery": "manual"}),
        (Stream("orders"), {"delivery": "at_most_once", "start": "earliest"}),
        (Stream("orders"), {"group": "g", "delivery": "at_most_once"}),
        (List("orders"), {"claim_after": 5.0, "delivery": "manual"}),
        (Channel("orders.*"), {"delivery": "at_most_once"}),
    ],
)
def test_what_a_kind_of_address_has_is_taken(address: Any, options: Any) -> None:
    Application(consumers=[consumer(address, **options)(RedisBroker(RedisSettings()))]).check()


def test_a_delivery_that_a_channel_does_not_have_in_the_settings() -> None:
    assert problems(consumer(Channel("orders")), defaults={"delivery": "at_least_once"}) == [
        "Orders.placed: a channel is at most once. Hint: Stream, or leave delivery out"
    ]


def test_an_address_of_another_protocol() -> None:
    (problem,) = problems(consumer(Topic("orders"), group="g"))
    assert "is no address of Redis" in problem


def test_two_consumers_that_would_share_a_list() -> None:
    class Orders(RedisConsumer):
        @consumes(List("orders"))
        async def placed(self, order: int) -> None: ...

    class Others(RedisConsumer):
        @consumes(List("orders"))
        async def placed(self, order: int) -> None: ...

    assert problems(Orders, Others) == [
        'Orders.placed, Others.placed: "orders" would be split between them. Hint: an address each'
    ]


def test_two_consumers_that_would_share_a_group() -> None:
    class Orders(RedisConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: int) -> None: ...

    class Others(RedisConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: int) -> None: ...

    assert problems(Orders, Others) == [
        'Orders.placed, Others.placed: group "g" would split "orders" between them. Hint: a group each'
    ]


def test_two_consumers_of_one_channel_get_everything() -> None:
    class Orders(RedisConsumer):
        @consumes(Channel("orders"))
        async def placed(self, order: int) -> None: ...

    class Others(RedisConsumer):
        @consumes(Channel("orders"))
        async def placed(self, order: int) -> None: ...

    broker = RedisBroker(RedisSettings())
    Application(consumers=[Orders(broker), Others(broker)]).check()


def test_a_path_that_a_stream_cannot_have() -> None:
    class Orders(RedisConsumer, group="g"):
        @consumes("orders")
        async def placed(self, order: int, region: Annotated[str, Path()]) -> None: ...

    (problem,) = problems(Orders)
    assert problem.endswith("Hint: only channels have captured parts")


def test_a_pattern_that_is_published_to() -> None:
    class Orders(RedisConsumer, group="g"):
        @consumes("placed")
        @produces(Channel("orders.*"))
        async def placed(self, order: int) -> int:
            return 1

    assert problems(Orders) == [
        r'Orders.placed: "orders.*" is a pattern, nothing can be published to it. Hint: \* is the character'
    ]


@pytest.mark.parametrize("options", [{"key": "order_id"}, {"headers": {"a": "b"}}])
def test_headers_where_nothing_carries_them(options: Any) -> None:
    class Orders(RedisConsumer, group="g"):
        @consumes("placed")
        @produces(List("orders"), **options)
        async def placed(self, order: int) -> dict[str, int]:
            return {"order_id": 1}

    (name,) = options
    assert problems(Orders, envelope="none") == [
        f'Orders.placed: {name}= is refused: "orders" has no envelope that carries it. Hint: redis.envelope: "binary", or a Stream'
    ]


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("localhost:6379", "is no redis:// or rediss:// URL"),
        ("http://localhost", "is no redis:// or rediss:// URL"),
        ("redis+cluster://localhost", "is no redis:// or rediss:// URL"),
        ("redis://", "is no redis:// or rediss:// URL"),
        ("redis://localhost/orders", '"orders" is no number of a database'),
        ("redis://localhost:port", "has a wrong port"),
        ("redis://localhost:0", "has a wrong port"),
        ("redis://[::1", "has a wrong port"),
        ("redis://app:s3c/ret@localhost", "or a password that is not quoted"),
        ("redis://app:12/s3cret@localhost", "or a password that is not quoted"),
        ("redis://app:12#s3cret@localhost", "or a password that is not quoted"),
        ("redis://app:s3cret@one:6379,two:6379/0", "names several servers"),
        ("redis://app:s3cret@one,two", "names several servers"),
        ("redis://one:6379,redis://app:s3cret@two:6379", "names several servers"),
    ],
)
@pytest.mark.parametrize("driver", ["redis", "memory"])
async def test_a_url_that_does_not_name_one_server(url: str, what: str, driver: str) -> None:
    (problem,) = problems(consumer("orders", group="g"), url=url, driver=driver)
    with pytest.raises(SetupError) as alone:
        await RedisBroker(RedisSettings(url=url, driver=driver)).__aenter__()  # type: ignore[arg-type]
    assert problem == str(alone.value)
    assert problem.startswith("redis.url: ")
    assert what in problem
    assert "ret" not in problem


@pytest.mark.parametrize("servers", [["redis://app:s3cret@one", "redis://two"], ("redis://app:s3cret@one",)])
def test_a_list_of_servers_is_refused_where_it_stands(servers: Any) -> None:
    told = r"must be one URL as text, not (list|tuple): Redis Cluster and Sentinel are not supported"
    with pytest.raises(TypeError, match=told) as refused:
        RedisSettings(url=servers)
    assert "s3cret" not in str(refused.value)


def test_what_is_no_text_is_no_url() -> None:
    wrong: Any = b"redis://one"
    with pytest.raises(TypeError, match=r"^RedisSettings\.url must be one URL as text, not bytes$"):
        RedisSettings(url=wrong)


@pytest.mark.parametrize("option", ["isolation", "via", "exclusive", "partition"])
def test_options_of_other_brokers(option: str) -> None:
    assert any(f'unknown option "{option}"' in one for one in problems(consumer("orders", group="g", **{option: "x"})))


@pytest.mark.parametrize(
    ("address", "options", "what"),
    [
        (List("orders"), {"group": "g"}, "group is refused on List"),
        (Channel("a.{b}.{b}"), {}, "names a part twice"),
        ("orders", {"start": "x"}, "is no entry id"),
    ],
)
def test_a_reader_of_what_cannot_be_read(address: Any, options: Any, what: str) -> None:
    with pytest.raises(SetupError, match=what):
        RedisBroker(RedisSettings()).reader(address, int, **options)
