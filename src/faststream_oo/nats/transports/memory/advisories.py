"""What an embedded server tells whoever subscribes to it of what happens to its streams."""

import json
import secrets
from datetime import UTC, datetime

from faststream_oo.nats.packets import Packet
from faststream_oo.nats.place import place_of


def terminated(reply: str, reason: str, now: float, /) -> Packet:
    """Return what is published when a delivery is ended for good.

    Args:
        reply: Where its end was told.
        reason: What was told with it, empty for nothing.
        now: Seconds since the epoch.
    """
    place = place_of(reply)
    said = {
        "type": "io.nats.jetstream.advisory.v1.terminated",
        "id": secrets.token_hex(11),
        "timestamp": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "stream": place.stream,
        "consumer": place.consumer,
        "consumer_seq": place.delivery,
        "stream_seq": place.sequence,
        "deliveries": place.deliveries,
        **({"reason": reason} if reason else {}),
    }
    subject = f"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{place.stream}.{place.consumer}"
    return subject, json.dumps(said, separators=(",", ":")).encode(), "", None
