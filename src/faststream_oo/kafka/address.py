"""Where Kafka records come from and go to."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from attrs import evolve, field, frozen

from faststream_oo.values import number

_LEGAL = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def topic_problem(name: str, /) -> str | None:
    """Say why Kafka would refuse a topic name, None when it takes it (Kafka: `Topic.validate`)."""
    if name in {".", ".."} or not _LEGAL.fullmatch(name):
        return f'"{name}" is no topic name: 1 to 249 of a-z A-Z 0-9 . _ -, and neither "." nor ".."'
    return None


def instance_problem(given: str | None, /) -> tuple[str, str] | None:
    """Say what is wrong with a user's id of a static member, and what to do; None when nothing is.

    What it may not have is refused and not replaced, as the ids of two processes could become one.
    """
    if given is None or _LEGAL.fullmatch(given):
        return None
    what = f'group_instance_id="{given}"'
    hint = 'one of its own for each process, in the settings: {group_instance_id: "${HOSTNAME}"}'
    if (braces := re.search(r"\{[^}]*\}", given)) is not None:
        return f"{what}: nothing is filled in for {braces[0]}", hint
    return f"{what} is no name: 1 to 249 of a-z A-Z 0-9 . _ -", hint


@frozen
class Topic:
    """One topic.

    Attributes:
        name: May hold `{field}` when producing.
        partitions: Number to create it with; None takes the cluster's default.
        replication: Copies to create it with; None takes the cluster's default.
        config: Topic configuration to create it with, by Kafka's names (`cleanup.policy`).
        external: Owned by somebody else: checked, never created.
    """

    name: str
    partitions: int | None = field(default=None, kw_only=True, validator=number(least=1))
    replication: int | None = field(default=None, kw_only=True, validator=number(least=1))
    config: Mapping[str, str] = field(factory=dict[str, str], kw_only=True, hash=False)
    external: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> None:
        """Nothing: most addresses are topics."""
        return None

    def named(self, name: str, /) -> "Topic":
        """Return the same topic under another name."""
        return evolve(self, name=name)


@frozen
class DeadLetterTopic(Topic):
    """A derived dead-letter topic: created when its source is first assigned, with room for the diagnostics.

    Attributes:
        source: Topic whose `max.message.bytes`, plus 64 KiB, it is created with, and whose partitions it has.
    """

    source: str = field(default="", kw_only=True)


@frozen(init=False)
class Topics:
    """Several topics as one subscription; `Topics("orders", "invoices")`.

    Args:
        topic: The first.
        topics: The others.
    """

    topics: Sequence[Topic]

    def __init__(self, topic: str | Topic, /, *topics: str | Topic) -> None:
        all_topics = tuple(t if isinstance(t, Topic) else Topic(t) for t in (topic, *topics))
        object.__setattr__(self, "topics", all_topics)  # the class is frozen

    @property
    def name(self) -> str:
        """The topics' names, joined by commas."""
        return ",".join(topic.name for topic in self.topics)

    @property
    def kind(self) -> None:
        """Nothing: they are topics."""
        return None


@frozen
class TopicPattern:
    r"""All topics whose whole name matches a regular expression; named groups are `Path` parameters.

    Topics that the framework made (`*.dlq`) and internal ones (`__*`) never match.

    Attributes:
        name: The expression, as `orders\.(?P<region>\w+)`.
    """

    name: str

    @property
    def kind(self) -> str:
        """A pattern."""
        return "pattern"

    def regex(self) -> re.Pattern[str]:
        """Return the compiled expression. Raises re.error."""
        return re.compile(self.name)

    def matches(self, topic: str, /) -> bool:
        """Whether a topic's whole name matches, and it is an ordinary topic."""
        return not topic.startswith("__") and not topic.endswith(".dlq") and self.regex().fullmatch(topic) is not None


@frozen
class TopicPartition:
    """One partition of a topic.

    Attributes:
        topic: Its name.
        partition: Its number.
    """

    topic: str
    partition: int = field(validator=number(least=0))


SeekTo: TypeAlias = int | datetime | Literal["earliest", "latest"]
"""An offset, the first record that is not older than a time, or an end."""


@frozen(init=False)
class Partitions:
    """Partitions assigned by hand, without group membership.

    Args:
        partition: The first.
        partitions: The others.
        start: Offset to start at in each when nothing is committed for `group`, or without a group.
    """

    partitions: Sequence[TopicPartition]
    start: int | Literal["earliest", "latest"] = field(kw_only=True)

    def __init__(
        self,
        partition: TopicPartition,
        /,
        *partitions: TopicPartition,
        start: int | Literal["earliest", "latest"] = "earliest",
    ) -> None:
        object.__setattr__(self, "partitions", (partition, *partitions))  # the class is frozen
        object.__setattr__(self, "start", start)

    @property
    def kind(self) -> str:
        """Partitions."""
        return "partitions"

    @property
    def name(self) -> str:
        """Topics and numbers, `orders/0,orders/2`."""
        return ",".join(f"{one.topic}/{one.partition}" for one in self.partitions)
