"""What is used of aiormq beside its methods: the numbers and tables that its own `basic_publish` keeps on a channel."""

import inspect

import aiormq
from aiormq.abc import ChannelFrame


def test_a_channel_keeps_what_publishing_counts_on() -> None:
    made = aiormq.Channel.__init__.__code__.co_names
    assert {"confirmations", "delivery_tag", "message_id_delivery_tag", "max_content_size", "write_queue"} <= set(made)


def test_publishing_takes_the_steps_that_the_client_takes() -> None:
    steps = inspect.getsource(aiormq.Channel.basic_publish)
    for step in (
        "self.delivery_tag += 1",
        "self.confirmations[delivery_tag] = confirmation",
        "self.message_id_delivery_tag[message_id] = delivery_tag",
        "await self.write_queue.put(",
        "drain_future=drain_future",
    ):
        assert step in steps


def test_frames_are_written_as_they_are_given() -> None:
    assert ChannelFrame(b"frames", should_close=False).payload == b"frames"
