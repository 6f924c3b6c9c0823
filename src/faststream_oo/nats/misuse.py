"""What NATS would refuse of addresses and options, or take and deliver nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from faststream_oo.address import Address
from faststream_oo.codecs.json import JsonCodec
from faststream_oo.nats.address import (
    DEAD,
    JetStream,
    Subject,
    concrete_problem,
    example,
    group_problem,
    matches,
    overlap,
    pattern_problem,
    stream_of,
    subjects_of,
    template_problem,
    word_problem,
)
from faststream_oo.nats.buckets import Bucket, KeyValue, ObjectStore, bucket_problem
from faststream_oo.nats.options import Pull, Push, shown

Found: TypeAlias = tuple[str, str]
"""What is wrong, and a hint."""

OBJECTS: Final = JsonCodec()
"""What a change of an object is read by, whatever the broker's own messages are in."""

_NOT_OF_WATCHES: Final = {
    "group": "tells every process of every change",
    "dead_letter": "keeps the values of its keys, and a change that is given up is dropped",
    "start": "is watched from where watch= says",
    "via": "is watched in one way",
}

_STARTS: Final = ("earliest", "latest", "last_per_subject")


def server_problem(server: str, /) -> str | None:
    """Say why a server cannot be connected to, None when it can."""
    url = server if "://" in server else f"nats://{server}"
    try:
        parsed = urlsplit(url)
        if parsed.scheme not in {"nats", "tls"}:
            return f"{parsed.scheme}:// is not served, nats:// and tls:// are"
        if not parsed.hostname or parsed.path.strip("/") or parsed.port == 0:
            return f"{shown(server)} is no address of a server"
    except ValueError:
        return f"{shown(server)} is no address of a server"
    return None


# Addresses ------------------------------------------------------------------------------------------------------------


def consumed_problems(address: Address, /) -> Iterator[Found]:
    """Say why an address cannot be consumed."""
    if isinstance(address, KeyValue | ObjectStore):
        if (what := bucket_problem(address)) is not None:
            yield what, ""
        return
    subjects = subjects_of(address)
    if not subjects:
        yield f"{address!r} is no address of NATS", "Subject, Subjects, KeyValue or ObjectStore"
        return
    wrong = [what for subject in subjects if (what := pattern_problem(subject.name)) is not None]
    yield from ((what, "") for what in wrong)
    if wrong:
        return
    for one, other in combinations(subjects, 2):
        if overlap(one.pattern, other.pattern):
            yield f'"{one.name}" and "{other.name}" overlap: a message of both would come twice', ""
    stream = stream_of(address)
    if stream is not None:
        yield from _stream_problems(stream)
        for subject in subjects:
            if stream.subjects and not any(overlap(stored, subject.pattern) for stored in stream.subjects):
                yield _not_stored(stream, subject.name)


def produced_problems(address: Address, /) -> Iterator[Found]:
    """Say why nothing can be published to an address."""
    if isinstance(address, KeyValue | ObjectStore):
        yield f'bucket "{address.name}" is not published to', "broker.key_value(…).put, broker.object_store(…).put"
        return
    if not isinstance(address, Subject):
        yield f"{address!r} is no address of NATS", "Subject"
        return
    if (what := template_problem(address.name)) is not None:
        yield what, ""
    elif (stream := address.stream) is not None:
        yield from _stream_problems(stream)
        if stream.subjects and not any(matches(stored, example(address.name)) for stored in stream.subjects):
            yield _not_stored(stream, address.name)


def _not_stored(stream: JetStream, name: str) -> Found:
    return f'stream "{stream.name}" does not store "{name}"', f"subjects={[*stream.subjects, name]}"


def _stream_problems(stream: JetStream) -> Iterator[Found]:
    if (what := word_problem(stream.name, "stream")) is not None:
        yield what, ""
    for subject in stream.subjects:
        if "{" in subject:
            yield f'stream "{stream.name}": "{subject}" has a {{name}}, which is for a Subject', "*"
        elif (what := pattern_problem(subject)) is not None:
            yield f'stream "{stream.name}": {what}', ""
    for one, other in combinations(stream.subjects, 2):
        if overlap(one, other):
            yield f'stream "{stream.name}": "{one}" and "{other}" overlap', "the wider one alone"


# Options --------------------------------------------------------------------------------------------------------------


def core_option_problems(options: Mapping[str, Any], address: Address, letter: Subject | None, /) -> Iterator[Found]:
    """Say what is wrong with the resolved options of a subscription of core NATS."""
    named = subjects_of(address)
    hint = _in_a_stream(named[0].name) if named else ""
    if options["delivery"] != "at_most_once":
        yield "core NATS is at most once", hint
    for option in ("start", "via"):
        if option in options:
            yield f"{option}= is of streams, core NATS keeps nothing", hint
    if (group := options.get("group")) is not None and (what := group_problem(group)) is not None:
        yield what, ""
    yield from _letter_problems(letter, named)


def _in_a_stream(name: str) -> str:
    return f'Subject("{name}", stream="{name.partition(".")[0].upper()}")'


def stream_option_problems(
    options: Mapping[str, Any], address: Address, stream: JetStream, letter: Subject | None, /
) -> Iterator[Found]:
    """Say what is wrong with the resolved options of a subscription to a stream."""
    via, group, start = options.get("via", Pull()), options.get("group"), options.get("start", "earliest")
    if not isinstance(via, Pull | Push):
        yield f"via={via!r} is no way to read a stream", "Pull(…) or Push(…)"
        return
    if isinstance(via, Push) and via.ordered:
        if group is not None:
            yield "Push(ordered=True) has no group: every process reads everything", "leave group out"
        if options["delivery"] == "manual":
            yield "Push(ordered=True) acknowledges nothing, so there is nothing to settle", "leave delivery out"
    elif group is None:
        yield f'stream "{stream.name}" needs a group', 'group="…", or via=Push(ordered=True) to read it alone'
    else:
        if (what := word_problem(group, "durable")) is not None:
            yield f"group={what}", ""
        if via.max_ack_pending < options["concurrency"]:
            what = f"max_ack_pending={via.max_ack_pending} cannot feed concurrency={options['concurrency']}"
            yield what, f"max_ack_pending ≥ {options['concurrency']}, for all workers together"
    if isinstance(start, bool) or not (start in _STARTS or isinstance(start, datetime | int)):
        yield f"start={start!r} is no place in a stream", f"{', '.join(_STARTS)}, a sequence or a datetime"
    elif isinstance(start, int) and start < 1:
        yield f"start={start}: sequences begin at 1", 'start="earliest"'
    if letter is not None:
        if letter.stream is None:
            what = f'dead_letter="{letter.name}" keeps nothing, and the message is acknowledged'
            yield what, f'Subject("{letter.name}", stream="DLQ_{stream.name}")'
        yield from _letter_problems(letter, subjects_of(address))
    elif group is not None:
        yield from _derived_problems(stream, subjects_of(address))


def watch_option_problems(options: Mapping[str, Any], bucket: Bucket, /) -> Iterator[Found]:
    """Say what is wrong with the resolved options of a watch: it settles nothing, and every process sees every change."""
    hint = "leave it out, or watch in a class of its own"
    if options["delivery"] != "at_most_once":
        yield f'delivery="{options["delivery"]}": changes of bucket "{bucket.name}" are settled nowhere', hint
    for option, why in _NOT_OF_WATCHES.items():
        if option in options:
            yield f'{option}= is not of a bucket: "{bucket.name}" {why}', hint
    if isinstance(bucket, ObjectStore) and options["codec"] is not OBJECTS:
        yield f'codec= is not of an object store: "{bucket.name}" tells of changes in JSON', hint


def _derived_problems(stream: JetStream, subjects: Sequence[Subject]) -> Iterator[Found]:
    """A stream that stores its own dead letters has them handled again, and the server refuses two that overlap."""
    stored = stream.subjects or [subject.pattern for subject in subjects]
    for one in stored:
        if any(overlap(one, f"{DEAD}.*.{other}") for other in stored):
            what = f'"{one}" of stream "{stream.name}" takes its own dead letters, {DEAD}.<group>.<subject>'
            yield what, "subjects that begin with a word of their own"


def _letter_problems(letter: Subject | None, subjects: Sequence[Subject]) -> Iterator[Found]:
    if letter is None:
        return
    if (what := concrete_problem(letter.name)) is not None:
        yield f"dead_letter: {what}", ""
    elif any(matches(subject.pattern, letter.name) for subject in subjects):
        consumed = ",".join(subject.name for subject in subjects)
        yield f'dead_letter="{letter.name}" falls under "{consumed}": it would consume its own', ""


def reader_problems(address: Address, group: str | None, start: object, /) -> Iterator[Found]:
    """Say why an address cannot be read without a consumer."""
    yield from consumed_problems(address)
    if stream_of(address) is None and start != "latest":
        yield f"start={start!r} is of streams, core NATS keeps nothing", ""
    if group is not None and stream_of(address) is not None and (what := word_problem(group, "durable")) is not None:
        yield f"group={what}", ""
