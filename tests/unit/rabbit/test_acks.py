"""Acknowledgements of a channel: as few as possible, and never one that the server does not know."""

import random

from faststream_oo.lanes import BACK
from faststream_oo.outcome import Ack
from faststream_oo.rabbit import Queue, RabbitMessage
from faststream_oo.rabbit.acks import ChannelClaim, Settles


class Delivered:
    """A channel as its server sees it, and a claim on it."""

    def __init__(self, count: int, prefetch: int = 100) -> None:
        self.moved = 0
        self.claim = ChannelClaim(Queue("q"), prefetch, self._moved)
        self.unacked = list(range(1, count + 1))
        self.acked: list[int] = []
        self.returned: list[int] = []
        self.claim.see(self.unacked)

    def _moved(self) -> None:
        self.moved += 1

    def ends(self, *tags: int, back: bool = False) -> None:
        for tag in tags:
            message = RabbitMessage()
            message.position = tag
            self.claim.settle(message, BACK if back else Ack())

    def tell(self) -> Settles:
        """Tell the server, which closes the channel for a tag that it does not know."""
        told = self.claim.take()
        for tag in told.returned:
            self.unacked.remove(tag)
            self.returned.append(tag)
        for tag in told.single:
            self.unacked.remove(tag)
            self.acked.append(tag)
        if told.mark is not None:
            assert told.mark in self.unacked
            self.acked += [tag for tag in self.unacked if tag <= told.mark]
            self.unacked = [tag for tag in self.unacked if tag > told.mark]
        return told


def test_what_ended_in_order_is_acknowledged_by_one_mark() -> None:
    channel = Delivered(5)
    channel.ends(1, 2, 3)

    assert channel.tell() == Settles(returned=[], single=(), mark=3)
    assert channel.tell() == Settles(returned=[], single=(), mark=None)


def test_what_ended_behind_one_that_has_not_waits_for_it() -> None:
    channel = Delivered(5)
    channel.ends(2, 3)
    assert (channel.moved, channel.tell().mark) == (0, None)
    channel.ends(1)

    assert channel.tell().mark == 3


def test_many_that_ended_behind_a_slow_one_are_acknowledged_singly() -> None:
    channel = Delivered(50, prefetch=40)
    channel.ends(*range(2, 13))

    assert channel.moved == 1
    assert channel.tell() == Settles(returned=[], single=list(range(2, 13)), mark=None)
    channel.ends(1, 13)
    assert channel.tell().mark == 13


def test_with_a_small_prefetch_nothing_waits() -> None:
    channel = Delivered(2, prefetch=2)
    channel.ends(2)

    assert channel.tell().single == [2]


def test_the_mark_passes_what_was_given_back_and_does_not_end_on_it() -> None:
    channel = Delivered(4)
    channel.ends(1)
    channel.ends(2, back=True)
    told = channel.tell()
    assert (told.returned, told.mark) == ([2], 1)
    channel.ends(3, back=True)
    channel.ends(4)

    assert channel.tell() == Settles(returned=[3], single=(), mark=4)


def test_what_is_given_back_at_the_end_stays_until_the_channel_closes() -> None:
    channel = Delivered(3)
    channel.claim.keeps = True
    channel.ends(2, back=True)
    channel.ends(1, 3)

    assert channel.tell() == Settles(returned=[], single=(), mark=1)
    assert channel.unacked == [2, 3]


def test_a_dead_claim_hears_nothing() -> None:
    channel = Delivered(2)
    channel.claim.live = False
    channel.ends(1)
    channel.ends(2, back=True)

    assert channel.tell() == Settles(returned=[], single=(), mark=None)


def test_whatever_the_order_everything_is_settled_once_and_as_it_ended() -> None:
    generator = random.Random(11)
    for _ in range(200):
        count = generator.randrange(1, 60)
        channel = Delivered(count, prefetch=generator.choice([1, 4, 20, 100, 400]))
        order = generator.sample(range(1, count + 1), count)
        back = {tag for tag in order if generator.random() < 0.2}
        for tag in order:
            channel.ends(tag, back=tag in back)
            if generator.random() < 0.4:
                channel.tell()
        channel.tell()

        assert channel.unacked == []
        assert sorted(channel.returned) == sorted(back)
        assert sorted(channel.acked) == sorted(set(order) - back)
