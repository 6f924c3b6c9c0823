"""The nested container of a NATS broker, as a user's container holds it."""

from datetime import UTC, datetime

import pytest
from dependency_injector import containers, providers

from faststream_oo.codecs.json import JsonCodec
from faststream_oo.container.checks import check
from faststream_oo.container.graph import Graph
from faststream_oo.errors import SetupError
from faststream_oo.nats import NatsBroker, NatsConsumer, NatsContainer, NatsSettings, Push, Subject, consumes
from faststream_oo.settings import structure
from faststream_oo.testing import Harness


class Lights(NatsConsumer):
    @consumes("lights.{room}")
    async def switched(self, on: bool) -> None: ...


class House(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    json = providers.Singleton(JsonCodec)
    nats = NatsContainer(config=config.nats, codec=json)
    lights = providers.Singleton(Lights, broker=nats.broker)


def test_the_settings_are_structured_from_the_configuration() -> None:
    house = House()
    house.config.from_dict({"nats": {"servers": ["nats://a:1", "b:2"], "name": "house"}})
    assert house.nats.settings() == NatsSettings(servers=("nats://a:1", "b:2"), name="house")
    assert house.nats.broker().settings is house.nats.settings()


def test_without_a_section_everything_has_its_default() -> None:
    assert House().nats.settings() == NatsSettings()


def test_the_broker_is_one_and_made_of_what_was_given() -> None:
    house = House()
    broker = house.nats.broker()
    assert isinstance(broker, NatsBroker)
    assert broker is house.lights().broker
    assert broker.codec is house.json()


def test_wrong_settings_are_reported_by_their_path() -> None:
    house = House()
    house.config.from_dict({"nats": {"topolgy": "create"}})
    with pytest.raises(SetupError, match=r"nats\.topolgy: unknown option"):
        house.nats.broker()


def test_both_kinds_of_settings_are_refused() -> None:
    with pytest.raises(SetupError, match="NatsContainer: config= and settings= are both given"):
        NatsContainer(config={}, settings=providers.Object(NatsSettings()))


def test_its_providers_pass_the_checks_under_their_paths() -> None:
    graph = Graph(House())
    assert check(graph, [entry.provider for entry in graph.entries]) == []
    assert {"House.nats.settings", "House.nats.broker"} <= {entry.path for entry in graph.entries}


async def test_credentials_are_never_shown() -> None:
    settings = NatsSettings(servers=["nats://app:s3cret@a:1", "t0ken@b:2"])
    broker = NatsBroker(settings)
    assert broker.options.servers == "nats://a:1, b:2"
    assert "s3cret" not in repr(settings)


async def test_a_harness_puts_an_embedded_nats_below() -> None:
    async with Harness(House) as h:
        await h.publish("lights.hall", True)
        await h.settled()
        assert [type(one).__name__ for one in h.outcomes("Lights.switched")] == ["Ack"]


def test_the_way_to_read_a_stream_is_named_in_settings() -> None:
    found = structure(
        NatsSettings,
        {"defaults": {"via": {"type": "push", "ack_wait": 3}, "start": "2026-01-02T03:04:05+00:00"}},
        "nats",
    )
    assert found.defaults["via"] == Push(ack_wait=3.0)
    assert found.defaults["start"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("via", "what"),
    [({"ack_wait": 3}, "type: None is none of pull, push"), ({"type": "pull", "ack_wayt": 3}, "unknown option")],
)
def test_another_way_is_refused_by_its_path(via: dict[str, object], what: str) -> None:
    with pytest.raises(SetupError, match=what) as refused:
        structure(NatsSettings, {"defaults": {"via": via}}, "nats")
    assert refused.value.problems[0].path.startswith("nats.defaults.via")


def test_a_dead_letter_of_a_stream_is_named_in_settings() -> None:
    given = {"name": "lost", "stream": {"name": "LOST"}}
    found = structure(NatsSettings, {"defaults": {"dead_letter": given}}, "nats")
    assert found.defaults["dead_letter"] == Subject("lost", stream="LOST")
