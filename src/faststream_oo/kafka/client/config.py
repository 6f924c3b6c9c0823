"""What is wrong with options that are given by a client's own names."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, TypeAlias

from attrs import frozen

from faststream_oo.errors import Problem
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.security import Gssapi, OAuth, Plain, Scram

Config: TypeAlias = Mapping[str, str | int | float | bool]

MAX_RECORD: Final = 1024 * 1024
"""Bytes that an ordinary record may have unless the settings say otherwise: aiokafka's default."""


def protocol(settings: KafkaSettings, /) -> str:
    """Return Kafka's name for the way to connect."""
    encrypted = "PLAINTEXT" if settings.tls is None else "SSL"
    return encrypted if settings.auth is None else f"SASL_{encrypted}"


def instance_id(options: KafkaSourceOptions, names: str, /) -> str | None:
    """Return the id of a static member: the user's, and behind it what it subscribes to."""
    if options.group_instance_id is None:
        return None
    return f"{options.group_instance_id}.{re.sub(r'[^a-zA-Z0-9._-]', '-', names)}"[:249]


def rivalry(options: KafkaSourceOptions, name: str, /) -> str:
    """Return what is said to a static member of an address when another has its id."""
    return f'{name} cannot be consumed: group_instance_id="{options.group_instance_id}" is used by another process too'


def mechanism(auth: Plain | Scram | OAuth | Gssapi, /) -> str:
    """Return SASL's name for the way to show credentials."""
    match auth:
        case Scram():
            return auth.mechanism
        case OAuth():
            return "OAUTHBEARER"
        case Gssapi():
            return "GSSAPI"
        case Plain():
            return "PLAIN"


@frozen
class NativeOptions:
    """The options of one client library.

    Attributes:
        client: Its name.
        free: Those that a user may set, for any of its classes.
        producer: Those of them that only a producer has.
        instead: Those that the framework sets, and what the user does instead.
        known: Whether the library has others of that name.
        value_problem: Says why a value cannot be, None when it can.
    """

    client: str
    free: Collection[str]
    producer: Collection[str]
    instead: Mapping[str, str]
    known: Callable[[str], bool]
    value_problem: Callable[[str, object], str | None]

    def of_settings(self, settings: KafkaSettings, /) -> list[Problem]:
        """Return what is wrong with the settings."""
        return list(self._check(settings.config, "kafka.config", ()))

    def of_source(self, config: Config, /) -> list[Problem]:
        """Return what is wrong with the `config` of a subscription, its path relative to its options."""
        return list(self._check(config, "config", self.producer))

    def _check(self, config: Config, path: str, refused: Collection[str]) -> Iterator[Problem]:
        for name, value in config.items():
            where = f'{path}["{name}"]'
            if name in refused:
                yield Problem(where, "is an option of producers", "set it in kafka.config")
            elif name in self.free:
                if (problem := self.value_problem(name, value)) is not None:
                    yield Problem(where, problem)
            elif (spelled := self._spelled(name)) in self.instead or self.known(name):
                yield Problem(where, "set by the framework", self.instead.get(spelled, ""))
            else:
                near = get_close_matches(name, self.free, 1)
                yield Problem(where, f"{self.client} has no such option", f'"{near[0]}"' if near else "")

    def _spelled(self, name: str) -> str:
        """A name as this client writes it, of one that is written as other clients do."""
        return next((one for one in (name.replace(".", "_"), name.replace("_", ".")) if one in self.instead), name)
