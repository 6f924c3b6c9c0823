"""Commands on streams: writing, ranges, and reading without a group."""

from collections.abc import Callable, Iterator

from attrs import define, field

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory.consumer_groups import Group
from faststream_oo.redis.transports.memory.database import Database
from faststream_oo.redis.transports.memory.entries import LAST, Id, MemoryStream, bound, parsed, shown
from faststream_oo.redis.transports.memory.replies import Args, Waiting, integer, said, syntax


def add(database: Database, args: Args) -> Answer:
    """XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] bound] <* | id> field value [field value ...]."""
    key, *rest = args
    words = iter(rest)
    trimmed: Callable[[MemoryStream], int] | None = None
    make = True
    for word in words:
        match word.upper():
            case b"NOMKSTREAM":
                make = False
            case b"MAXLEN" | b"MINID" as how:
                trimmed = _trimmed(how, words)
            case _:
                asked = word
                break
    else:
        raise syntax()
    fields = list(words)
    if not fields or len(fields) % 2:
        raise CommandError("wrong number of arguments for 'xadd' command")
    stream = database.get(key, MemoryStream)
    if stream is None and not make:
        return None
    entry = (MemoryStream() if stream is None else stream).next_id(asked, database.moment)
    stream = database.made(key, MemoryStream)
    stream.add(entry, fields)
    if trimmed is not None:
        trimmed(stream)
    database.touch(key)
    return shown(entry)


def _trimmed(how: bytes, words: Iterator[bytes]) -> Callable[[MemoryStream], int]:
    """Return what trims a stream; about so many is so many here."""
    word = next(words, b"")
    limit = next(words, b"") if word in (b"=", b"~") else word
    if how == b"MINID":
        least = parsed(limit)
        return lambda stream: stream.trim(len(stream.between(least, LAST)))
    most = integer(limit)
    if most < 0:
        raise CommandError("The MAXLEN argument must be >= 0.")
    return lambda stream: stream.trim(most)


def trim(database: Database, args: Args) -> Answer:
    """XTRIM key MAXLEN | MINID [= | ~] bound."""
    key, how, *rest = args
    if how.upper() not in {b"MAXLEN", b"MINID"}:
        raise syntax()
    trimmed = _trimmed(how.upper(), iter(rest))
    stream = database.get(key, MemoryStream)
    gone = 0 if stream is None else trimmed(stream)
    if gone:
        database.tidy(key)
    return gone


def length(database: Database, args: Args) -> Answer:
    """XLEN key."""
    return len(database.get(args[0], MemoryStream) or ())


def delete(database: Database, args: Args) -> Answer:
    """XDEL key id [id ...]."""
    stream, ids = database.get(args[0], MemoryStream), [parsed(arg) for arg in args[1:]]
    gone = 0 if stream is None else sum(stream.delete(entry) for entry in ids)
    if gone:
        database.tidy(args[0])
    return gone


def cut(database: Database, args: Args) -> Answer:
    """XRANGE key first last [COUNT count]."""
    return _cut(database, args[0], args[1], args[2], args[3:])


def cut_backwards(database: Database, args: Args) -> Answer:
    """XREVRANGE key last first [COUNT count]."""
    found = _cut(database, args[0], args[2], args[1], ())[::-1]
    return found if len(args) == 3 else found[: integer(args[-1])]


def _cut(database: Database, key: bytes, first: bytes, last: bytes, options: Args) -> list[Answer]:
    stream = database.get(key, MemoryStream)
    begin, end = bound(first), bound(last, LAST[1])
    if options and (len(options) != 2 or options[0].upper() != b"COUNT"):
        raise syntax()
    count = integer(options[1]) if options else None
    return [] if stream is None else stream.entries(stream.between(begin, end, count))


@define
class Reading:
    """The options of XREAD and XREADGROUP, and what they read from where."""

    group: bytes | None = None
    consumer: bytes = b""
    count: int | None = None
    block: float | None = None
    acknowledged: bool = False
    places: "dict[bytes, bytes]" = field(factory=dict["bytes", "bytes"])

    @classmethod
    def of(cls, args: Args) -> "Reading":
        """Return what a command says."""
        reading, words = cls(), iter(args)
        for word in words:
            match word.upper():
                case b"GROUP":
                    reading.group, reading.consumer = next(words, b""), next(words, b"")
                case b"COUNT":
                    reading.count = integer(next(words, b"")) or None
                case b"BLOCK":
                    reading.block = integer(next(words, b"")) / 1000
                case b"NOACK":
                    reading.acknowledged = True
                case b"STREAMS":
                    rest = list(words)
                    half, odd = divmod(len(rest), 2)
                    if odd or not half:
                        raise CommandError(
                            "Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
                        )
                    reading.places = dict(zip(rest[:half], rest[half:], strict=True))
                    return reading
                case _:
                    break
        raise syntax()


def read(database: Database, args: Args) -> "Answer | Waiting":
    """XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]."""
    reading = Reading.of(args)
    begins = {key: _begin(database, key, arg) for key, arg in reading.places.items()}

    def attempt(key: bytes) -> Answer:
        found = entries(key) if isinstance(database.value(key), MemoryStream) else None
        return None if found is None else [found]

    def entries(key: bytes) -> Answer:
        stream = database.get(key, MemoryStream)
        ids = () if stream is None else stream.after(begins[key], reading.count)
        return [key, stream.entries(ids)] if stream is not None and ids else None

    found: list[Answer] = [one for key in begins if (one := entries(key)) is not None]
    if found or reading.block is None:
        return found or None
    return Waiting(list(begins), attempt, reading.block)


def _begin(database: Database, key: bytes, arg: bytes) -> Id:
    """Return the id that a stream is read after."""
    stream = database.get(key, MemoryStream)
    if arg == b"$":
        return (0, 0) if stream is None else stream.last
    if arg == b">":
        raise CommandError(
            "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
        )
    return parsed(arg)


def groups_of(database: Database, args: Args) -> Answer:
    """XINFO GROUPS key, and XINFO CONSUMERS key group."""
    about, key, *more = args
    stream = database.get(key, MemoryStream)
    if stream is None:
        raise CommandError("no such key")
    match about.upper(), more:
        case b"GROUPS", []:
            return [_described(stream, name, group) for name, group in stream.groups.items()]
        case b"STREAM", []:
            last = shown(stream.last)
            return [b"length", len(stream), b"last-generated-id", last, b"groups", len(stream.groups)]
        case b"CONSUMERS", [name]:
            if name not in stream.groups:
                raise CommandError(f"NOGROUP No such consumer group '{said(name)}' for key name '{said(key)}'")
            group, now = stream.groups[name], database.clock.time()
            return [
                [b"name", one, b"pending", len(group.held(one)), b"idle", int((now - heard) * 1000)]
                for one, heard in group.consumers.items()
            ]
        case _:
            raise syntax()


def _described(stream: MemoryStream, name: bytes, group: Group) -> Answer:
    read = group.read if group.read is not None and not stream.fragmented(group.last) else stream.place(group.last)
    # The number is the true one, also where a trim makes the server miscount.
    lag = None if read is None else len(stream.after(group.last))
    facts: list[Answer] = [b"name", name, b"consumers", len(group.consumers), b"pending", len(group.pending)]
    return [*facts, b"last-delivered-id", shown(group.last), b"entries-read", group.read, b"lag", lag]
