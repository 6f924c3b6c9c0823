"""Serve the earthquake desk, feed it a week of real events, and account for every record.

`python -m containers.demo [--driver memory|aiokafka] [--servers HOST:PORT]`
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from containers.earthquakes.container import EarthquakeDesk
from containers.earthquakes.desk import EVENTS
from faststream_oo.clock import LoopClock
from faststream_oo.current import EMBEDDING, Embedding
from faststream_oo.kafka import KafkaOutgoing
from faststream_oo.logs import configure_logging
from faststream_oo.testing.recorder import Recorder

DATA = Path(__file__).parent / "earthquakes" / "data" / "usgs-earthquakes-week.jsonl"
MALFORMED = (b"{", b"\xff\xfe", b'{"id": 1}', b"[]", b'{"id":"x","properties":{"time":"now","net":"us","type":"q"}}')


@frozen
class Fed:
    """One record of the feed."""

    body: bytes
    key: str
    headers: dict[str, str]


def feed() -> Iterator[Fed]:
    """Yield the week, with some malformed, failing-once and always-failing records mixed in."""
    for number, line in enumerate(DATA.read_bytes().splitlines()):
        facts = json.loads(line)["properties"]
        headers = {"kind": "earthquake"} if facts["type"] == "earthquake" else {"kind": "other"}
        if facts["type"] == "earthquake" and number % 400 == 7:
            headers["trouble"] = "always"
        elif facts["type"] == "earthquake" and number % 100 == 11:
            headers["trouble"] = "once"
        yield Fed(line, facts["net"], headers)
        if number % 340 == 5:
            yield Fed(MALFORMED[number // 340 % len(MALFORMED)], facts["net"], {"kind": "earthquake"})


async def run(driver: str, servers: str) -> int:
    """Serve, feed, wait until every record has ended, print the table; return 0 when the books balance."""
    recorder = Recorder()
    prefix = "" if driver == "memory" else f"demo-{time.time_ns():x}."
    EMBEDDING.set(Embedding(LoopClock(), memory=driver == "memory", prefix=prefix, observer=recorder))
    container = EarthquakeDesk()
    retry = {"attempts": 3, "delay": {"first": 0.02}}
    container.config.from_dict({"kafka": {"servers": [servers], "defaults": {"retry": retry}}})
    started = time.perf_counter()
    async with container.app(container) as application:
        broker = container.kafka.broker()
        records = list(feed())
        await asyncio.gather(
            *(broker.publish(EVENTS, KafkaOutgoing(one.body, key=one.key, headers=one.headers)) for one in records)
        )
        fed = len(records)
        ended = 0
        while ended < fed or any(subscription.in_flight for subscription in application.subscriptions.values()):
            ended = sum(outcome.__class__.__name__ != "Retry" for _, outcome in recorder.outcomes)
            await asyncio.sleep(0.01)
    seconds = time.perf_counter() - started
    return report(recorder, container, fed, driver, seconds)


def report(recorder: Recorder, container: EarthquakeDesk, fed: int, driver: str, seconds: float) -> int:
    """Print what became of every record; return 0 when all of them are accounted for."""
    outcomes = Counter((handler, type(outcome).__name__) for handler, outcome in recorder.outcomes)
    letters = Counter(letter.reason for letter in recorder.letters)
    ended = {name: count for name, count in outcomes.items() if name[1] != "Retry"}
    alerts = sum(one.address.name.endswith("alerts") for one in recorder.published)
    rows = [("records fed", fed)]
    rows += [(f"  {handler}: {kind}", count) for (handler, kind), count in sorted(ended.items())]
    rows += [("attempts tried again", sum(count for (_, kind), count in outcomes.items() if kind == "Retry"))]
    rows += [(f"dead letters: {reason}", count) for reason, count in sorted(letters.items())]
    rows += [("alerts of strong earthquakes", alerts)]
    rows += [(f"  region {region}", count) for region, count in container.ledger().regions.most_common(5)]
    dead = sum(count for (_, kind), count in ended.items() if kind == "DeadLetter")
    balanced = sum(ended.values()) == fed and sum(letters.values()) == dead
    print(f"\nEarthquake desk on {driver}, {seconds:.1f} s\n")
    for name, count in rows:
        print(f"{name:<48}{count:>8,}")
    print(f"\n{'every record is accounted for' if balanced else 'THE BOOKS DO NOT BALANCE'}\n")
    return 0 if balanced else 1


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(description="A week of earthquakes through consumers and producers.")
    parser.add_argument("--driver", choices=["memory", "aiokafka"], default="memory")
    parser.add_argument("--servers", default="localhost:9092")
    given = parser.parse_args()
    configure_logging(level="error", format="console")  # what fails here fails on purpose, and is in the table
    return asyncio.run(run(given.driver, given.servers))


if __name__ == "__main__":
    sys.exit(main())
