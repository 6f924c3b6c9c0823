"""Commands on keys and on plain values."""

from collections.abc import Callable

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory.database import Database, MemoryList, MemoryScores
from faststream_oo.redis.transports.memory.entries import MemoryStream
from faststream_oo.redis.transports.memory.globs import glob
from faststream_oo.redis.transports.memory.replies import OK, Args, integer, syntax


def get(database: Database, args: Args) -> Answer:
    """GET key."""
    return database.get(args[0], bytes)


def put(database: Database, args: Args) -> Answer:
    """SET key value [NX | XX] [EX seconds | PX milliseconds]."""
    key, value, *options = args
    words = iter(options)
    seconds: float | None = None
    for word in words:
        match word.upper():
            case b"NX" | b"XX" as wanted:
                if (database.value(key) is None) != (wanted == b"NX"):
                    return None
            case b"EX" | b"PX" as unit:
                seconds = integer(next(words, b"")) / (1000 if unit == b"PX" else 1)
                if seconds <= 0:
                    raise CommandError("invalid expire time in 'set' command")
            case _:
                raise syntax()
    database.put(key, value)
    if seconds is not None:
        database.expire(key, seconds)
    return OK


def incrby(database: Database, args: Args) -> Answer:
    """INCRBY key number."""
    key, number = args
    total = integer(database.get(key, bytes) or b"0") + integer(number)
    left = database.left(key)
    database.put(key, b"%d" % total)
    if left is not None:
        database.expire(key, left)
    return total


def incr(database: Database, args: Args) -> Answer:
    """INCR key."""
    return incrby(database, [args[0], b"1"])


def decr(database: Database, args: Args) -> Answer:
    """DECR key."""
    return incrby(database, [args[0], b"-1"])


def delete(database: Database, args: Args) -> Answer:
    """DEL key [key ...]."""
    return sum(database.value(key) is not None and database.remove(key) for key in args)


def exists(database: Database, args: Args) -> Answer:
    """EXISTS key [key ...]; one that is named twice counts twice."""
    return sum(database.value(key) is not None for key in args)


def kind(database: Database, args: Args) -> Answer:
    """TYPE key."""
    match database.value(args[0]):
        case None:
            return b"none"
        case bytes():
            return b"string"
        case MemoryList():
            return b"list"
        case MemoryScores():
            return b"zset"
        case MemoryStream():
            return b"stream"


def keys(database: Database, args: Args) -> Answer:
    """KEYS pattern."""
    expression = glob(args[0])
    return [key for key in database if expression.fullmatch(key)]


def score(database: Database, args: Args) -> Answer:
    """ZADD key score member [score member ...]."""
    key, *pairs = args
    scores = database.made(key, MemoryScores)
    before = dict(scores)
    scores |= {member: float(number) for number, member in zip(pairs[::2], pairs[1::2], strict=True)}
    if scores != before:
        database.touch(key)
    return len(scores) - len(before)


def unscore(database: Database, args: Args) -> Answer:
    """ZREM key member [member ...]."""
    key, *members = args
    scores = database.get(key, MemoryScores) or MemoryScores()
    gone = sum(scores.pop(member, None) is not None for member in members)
    if gone:
        database.tidy(key)
    return gone


def expiring(unit: float) -> "Callable[[Database, Args], Answer]":
    """Return EXPIRE or PEXPIRE key time."""

    def call(database: Database, args: Args) -> Answer:
        return int(database.expire(args[0], integer(args[1]) * unit))

    return call


def time_to_live(unit: float) -> "Callable[[Database, Args], Answer]":
    """Return TTL or PTTL key: -1 when it does not expire, -2 when it is not there."""

    def call(database: Database, args: Args) -> Answer:
        if database.value(args[0]) is None:
            return -2
        left = database.left(args[0])
        return -1 if left is None else round(left / unit)

    return call
