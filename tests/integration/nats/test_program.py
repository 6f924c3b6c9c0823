"""A user's program of streams, buckets and object stores on a real server, which keeps nothing of it afterwards."""

from nats.aio.client import Client

from faststream_oo.nats import Subject
from faststream_oo.testing import Harness
from tests.api.a04_nats_jetstream import LIMITS, VIDEOS, EncoderLimit, Rendered, Rendering, Upload
from tests.integration.kinds import NATS


async def test_a_program_runs_on_a_real_server_and_leaves_nothing_there() -> None:
    async with Harness(Rendering, config={"nats": {"servers": [NATS.address]}}, real=True) as harness:
        limits = harness.container.nats.broker().key_value(LIMITS, EncoderLimit)
        await limits.put("encoder.eu", EncoderLimit(30))
        await harness.settled()
        await harness.publish(Subject("videos.eu.uploaded", stream=VIDEOS), Upload("v-1", 30))
        await harness.settled()
        assert harness.published(Rendered, to="videos.eu.rendered") == [Rendered("v-1", "eu", 3)]
        prefix = harness.application.brokers[0].options.prefix.replace(".", "_")

    client = Client()
    await client.connect(NATS.address)
    left = [stream.config.name or "" for stream in await client.jetstream().streams_info()]
    await client.close()
    assert [name for name in left if prefix in name] == []
