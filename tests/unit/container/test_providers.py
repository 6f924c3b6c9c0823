"""The providers that the framework adds."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo.container.providers import MessageScoped, Settings, section
from faststream_oo.current import CURRENT, Attempt
from faststream_oo.errors import LifecycleError, Problem, SetupError


class UnitOfWork:
    """What a message is handled in."""


class Fake(UnitOfWork): ...


@frozen
class Limits:
    retries: int = 3
    names: tuple[str, ...] = ()


class Shop(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    limits = Settings(Limits, config.shop.limits)
    uow = MessageScoped(UnitOfWork)


@pytest.fixture
def attempt() -> Iterator[Attempt]:
    current = Attempt()
    token = CURRENT.set(current)
    yield current
    CURRENT.reset(token)


def test_a_message_scoped_provider_is_refused_outside_a_message() -> None:
    with pytest.raises(
        LifecycleError, match="UnitOfWork is message-scoped: it is there while a message is being handled"
    ):
        Shop().uow()


def test_a_message_scoped_provider_gives_the_object_of_the_attempt(attempt: Attempt) -> None:
    shop, work = Shop(), UnitOfWork()
    attempt.scoped = {shop.uow: work}
    assert shop.uow() is work


def test_an_object_that_nothing_of_the_attempt_needs_is_refused(attempt: Attempt) -> None:
    attempt.scoped = {}
    with pytest.raises(LifecycleError, match="nothing built for this message needs it"):
        Shop().uow()


def test_an_object_is_refused_after_its_attempt_ended(attempt: Attempt) -> None:
    shop = Shop()
    attempt.scoped = {shop.uow: UnitOfWork()}
    attempt.open = False
    with pytest.raises(LifecycleError):
        shop.uow()


def test_an_overridden_message_scoped_provider_gives_what_overrides_it() -> None:
    shop, fake = Shop(), Fake()
    shop.uow.override(providers.Object(fake))
    assert shop.uow() is fake


def test_copies_keep_the_class_of_the_providers() -> None:
    shop = Shop()
    assert isinstance(shop.uow, MessageScoped)
    assert isinstance(shop.limits, Settings)
    assert shop.uow is not Shop.uow


def test_settings_are_structured_from_their_part_of_the_configuration() -> None:
    shop = Shop()
    shop.config.from_dict({"shop": {"limits": {"retries": 5, "names": ["a", "b"]}}})
    assert shop.limits() == Limits(5, ("a", "b"))


def test_settings_are_made_once() -> None:
    shop = Shop()
    assert shop.limits() is shop.limits()


def test_two_containers_have_settings_of_their_own() -> None:
    one, two = Shop(), Shop()
    one.config.from_dict({"shop": {"limits": {"retries": 1}}})
    two.config.from_dict({"shop": {"limits": {"retries": 2}}})
    assert (one.limits().retries, two.limits().retries) == (1, 2)


@pytest.mark.parametrize("config", [{"shop": {}}, {"shop": {"limits": None}}, {"other": {}}])
def test_a_missing_part_means_the_defaults_also_in_strict_mode(config: dict[str, object]) -> None:
    shop = Shop()
    shop.config.from_dict(config)
    assert shop.limits() == Limits()


def test_a_configuration_without_anything_means_the_defaults_too() -> None:
    assert Shop().limits() == Limits()


def test_wrong_settings_are_reported_by_the_name_of_the_option() -> None:
    shop = Shop()
    shop.config.from_dict({"shop": {"limits": {"retrys": 5}}})
    with pytest.raises(SetupError) as raised:
        shop.limits()
    assert raised.value.problems == (Problem("shop.limits.retrys", "unknown option", 'did you mean "retries"?'),)


def test_settings_come_from_a_whole_configuration_too() -> None:
    config = providers.Configuration()
    config.from_dict({"retries": 7})
    assert Settings(Limits, config)() == Limits(7)


def test_settings_come_from_a_mapping_too() -> None:
    assert Settings(Limits, {"retries": 7})() == Limits(7)


def test_wrong_settings_of_a_mapping_are_reported_by_their_class() -> None:
    with pytest.raises(SetupError, match=r"Limits\.retrys: unknown option"):
        Settings(Limits, {"retrys": 7})()


def test_a_section_that_is_there_is_read_as_it_is() -> None:
    config = providers.Configuration(strict=True)
    config.from_dict({"kafka": {"servers": ["a"]}})
    assert section(config.kafka)() == {"servers": ["a"]}


def test_the_package_of_a_protocol_does_not_load_the_injector() -> None:
    code = "import sys, faststream_oo.container; assert 'dependency_injector' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_are_loaded_at_first_use() -> None:
    from faststream_oo import container

    assert container.MessageScoped is MessageScoped
    assert callable(container.read_config)
    with pytest.raises(AttributeError):
        _ = container.Nothing
