"""Commands on consumer groups."""

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory.consumer_groups import Group, Held
from faststream_oo.redis.transports.memory.database import Database
from faststream_oo.redis.transports.memory.entries import FIRST, Id, MemoryStream, bound, parsed, shown
from faststream_oo.redis.transports.memory.replies import OK, Args, Waiting, integer, said, syntax
from faststream_oo.redis.transports.memory.stream_commands import Reading

_NO_KEY: Final = (
    "The XGROUP subcommand requires the key to exist. "
    "Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."
)
_DESTROYED: Final = "NOGROUP the consumer group this client was blocked on no longer exists"
_DELETED: Final = "UNBLOCKED the stream key no longer exists"


def manage(database: Database, args: Args) -> Answer:
    """XGROUP CREATE | SETID | DESTROY | CREATECONSUMER | DELCONSUMER key group [...]."""
    verb, key, name, *rest = args
    stream = database.get(key, MemoryStream)
    if verb.upper() == b"CREATE":
        if stream is None and b"MKSTREAM" not in [word.upper() for word in rest[1:]]:
            raise CommandError(_NO_KEY)
        start = _start(stream, rest[0])
        if stream is None:
            stream = database.made(key, MemoryStream)
            database.touch(key)
        if name in stream.groups:
            raise CommandError("BUSYGROUP Consumer Group name already exists")
        stream.groups[name] = Group(start)
        return OK
    if stream is None:
        raise CommandError(_NO_KEY)
    if verb.upper() == b"DESTROY":
        gone = stream.groups.pop(name, None)
        database.stir(key)
        return int(gone is not None)
    if name not in stream.groups:
        raise CommandError(f"NOGROUP No such consumer group '{said(name)}' for key name '{said(key)}'")
    group = stream.groups[name]
    match verb.upper(), rest:
        case b"SETID", [entry]:
            group.last, group.read = _start(stream, entry), None
            return OK
        case b"CREATECONSUMER", [consumer]:
            new = consumer not in group.consumers
            group.consumers.setdefault(consumer, database.clock.time())
            return int(new)
        case b"DELCONSUMER", [consumer]:
            return group.leave(consumer)
        case _:
            raise syntax()


def _start(stream: MemoryStream | None, arg: bytes) -> Id:
    if arg == b"$":
        return FIRST if stream is None else stream.last
    return bound(arg)


def _group(database: Database, key: bytes, name: bytes, where: str = "") -> "tuple[MemoryStream, Group]":
    stream = database.get(key, MemoryStream)
    if stream is None or name not in stream.groups:
        raise CommandError(f"NOGROUP No such key '{said(key)}' or consumer group '{said(name)}'{where}")
    return stream, stream.groups[name]


# Reading ------------------------------------------------------------------------------------------------------------


def read(database: Database, args: Args) -> "Answer | Waiting":
    """XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]."""
    reading = Reading.of(args)
    name = reading.group or b""
    where = " in XREADGROUP with GROUP option"
    groups = {key: _group(database, key, name, where) for key in reading.places}
    found: list[Answer] = []
    for key, arg in reading.places.items():
        stream, group = groups[key]
        if arg != b">":
            found.append([key, _history(database, stream, group, reading, parsed(arg))])
        elif entries := _new(database, stream, group, reading):
            found.append([key, entries])
    if found or reading.block is None:
        return found or None

    def attempt(key: bytes) -> Answer:
        stream = database.value(key)
        if not isinstance(stream, MemoryStream):
            raise CommandError(_DELETED)
        if name not in stream.groups:
            raise CommandError(_DESTROYED)
        entries = _new(database, stream, stream.groups[name], reading)
        return [[key, entries]] if entries else None

    return Waiting(list(groups), attempt, reading.block)


def _new(database: Database, stream: MemoryStream, group: Group, reading: Reading) -> "list[Answer]":
    """Deliver entries that the group has not read."""
    ids = stream.after(group.last, reading.count)
    if not ids:
        return []
    now = database.clock.time()
    group.consumers[reading.consumer] = now
    for entry in ids:
        counted = group.read is not None and not stream.fragmented(entry)
        group.read = group.read + 1 if counted and group.read is not None else stream.place(entry)
    group.last = ids[-1]
    if not reading.acknowledged:
        group.deliver(ids, reading.consumer, now)
    return list(stream.entries(ids))


def _history(database: Database, stream: MemoryStream, group: Group, reading: Reading, after: Id) -> "list[Answer]":
    """Return what a consumer holds already; it counts as one more delivery."""
    now = database.clock.time()
    group.consumers[reading.consumer] = now
    ids = [entry for entry in group.held(reading.consumer) if entry > after][: reading.count]
    for entry in ids:
        group.again(entry, now)
    return list(stream.entries(ids))


# Acknowledging and taking over --------------------------------------------------------------------------------------


def acknowledge(database: Database, args: Args) -> Answer:
    """XACK key group id [id ...]."""
    key, name, *ids = args
    wanted = [parsed(entry) for entry in ids]
    stream = database.get(key, MemoryStream)
    group = None if stream is None else stream.groups.get(name)
    return 0 if group is None else sum(group.pending.pop(entry, None) is not None for entry in wanted)


@define
class Claiming:
    """The options of XCLAIM and XAUTOCLAIM."""

    idle: float | None = None
    retries: int | None = None
    force: bool = False
    just_ids: bool = False
    count: int = 100

    def read(self, words: Iterator[bytes], now: float, wall: float) -> None:
        """Read what follows the ids."""
        for word in words:
            match word.upper():
                case b"IDLE":
                    self.idle = max(0, integer(next(words, b""))) / 1000
                case b"TIME":
                    self.idle = max(0.0, wall - integer(next(words, b"")) / 1000)
                case b"RETRYCOUNT":
                    self.retries = integer(next(words, b""))
                case b"FORCE":
                    self.force = True
                case b"JUSTID":
                    self.just_ids = True
                case b"COUNT":
                    self.count = integer(next(words, b""))
                case b"LASTID":
                    next(words, None)
                case _:
                    raise CommandError(f"Unrecognized XCLAIM option '{said(word)}'")

    def take(self, group: Group, entry: Id, consumer: bytes, now: float) -> None:
        """Make an entry that consumer's own."""
        held = group.pending.setdefault(entry, Held(consumer, now))
        held.consumer = consumer
        held.since = now - (self.idle or 0.0)
        if self.retries is not None:
            held.count = self.retries
        elif not self.just_ids:
            held.count += 1


def claim(database: Database, args: Args) -> Answer:
    """XCLAIM key group consumer min-idle id [id ...] [IDLE ms | TIME ms] [RETRYCOUNT n] [FORCE] [JUSTID]."""
    key, name, consumer, idle, *rest = args
    stream, group = _group(database, key, name)
    least, now = integer(idle) / 1000, database.clock.time()
    words = iter(rest)
    ids: list[Id] = []
    options = Claiming()
    for word in words:
        if not word[:1].isdigit():
            options.read(iter([word, *words]), now, database.clock.wall())
            break
        ids.append(parsed(word))
    group.consumers[consumer] = now
    taken: list[Id] = []
    for entry in ids:
        held = group.pending.get(entry)
        if entry not in stream:
            group.pending.pop(entry, None)
            continue
        if held is None and options.force:
            held = group.pending[entry] = Held(consumer, now - least)
            held.count = 0
        if held is not None and now - held.since >= least:
            options.take(group, entry, consumer, now)
            taken.append(entry)
    return _taken(stream, taken, options)


def _taken(stream: MemoryStream, taken: Sequence[Id], options: Claiming) -> list[Answer]:
    return [shown(entry) for entry in taken] if options.just_ids else stream.entries(taken)


def claim_by_itself(database: Database, args: Args) -> Answer:
    """XAUTOCLAIM key group consumer min-idle start [COUNT count] [JUSTID]."""
    key, name, consumer, idle, start, *rest = args
    stream, group = _group(database, key, name)
    least, begin, now = integer(idle) / 1000, bound(start), database.clock.time()
    options = Claiming()
    options.read(iter(rest), now, database.clock.wall())
    group.consumers[consumer] = now
    taken: list[Id] = []
    deleted: list[Id] = []
    looks = options.count * 10
    following = FIRST
    for entry in [entry for entry in group.held() if entry >= begin]:
        if looks == 0 or len(taken) == options.count:
            following = entry
            break
        looks -= 1
        if entry not in stream:
            del group.pending[entry]
            deleted.append(entry)
        elif now - group.pending[entry].since >= least:
            options.take(group, entry, consumer, now)
            taken.append(entry)
    return [shown(following), _taken(stream, taken, options), [shown(entry) for entry in deleted]]


def pending(database: Database, args: Args) -> Answer:
    """XPENDING key group [[IDLE min-idle] first last count [consumer]]."""
    key, name, *rest = args
    _, group = _group(database, key, name)
    ids = group.held()
    if not rest:
        if not ids:
            return [0, None, None, None]
        shares = {one: len(group.held(one)) for one in sorted(group.consumers)}
        named: list[Answer] = [[one, b"%d" % share] for one, share in shares.items() if share]
        return [len(ids), shown(ids[0]), shown(ids[-1]), named]
    least = 0.0
    if rest[0].upper() == b"IDLE":
        least, rest = integer(rest[1]) / 1000, rest[2:]
    first, last, count, *consumer = rest
    begin, end, now = bound(first), bound(last, 2**64 - 1), database.clock.time()
    rows: list[Answer] = []
    for entry in group.held(*consumer):
        held = group.pending[entry]
        idle = now - held.since
        if begin <= entry <= end and idle >= least:
            rows.append([shown(entry), held.consumer, int(idle * 1000), held.count])
    return rows[: integer(count)]
