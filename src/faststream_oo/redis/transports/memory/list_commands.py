"""Commands on lists."""

from collections.abc import Callable, Sequence
from functools import partial

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory.database import Database, MemoryList
from faststream_oo.redis.transports.memory.replies import OK, Args, Waiting, integer, seconds, syntax

Command = Callable[[Database, Args], "Answer | Waiting"]


def push(database: Database, args: Args, *, left: bool) -> Answer:
    """LPUSH or RPUSH key element [element ...]."""
    key, *elements = args
    found = database.made(key, MemoryList)
    (found.extendleft if left else found.extend)(elements)
    database.touch(key)
    return len(found)


def popped(database: Database, key: bytes, *, left: bool) -> bytes | None:
    """Take one element, None when there is none."""
    found = database.get(key, MemoryList)
    if found is None:
        return None
    element = found.popleft() if left else found.pop()
    database.tidy(key)
    return element


def pop(database: Database, args: Args, *, left: bool) -> Answer:
    """LPOP or RPOP key [count]."""
    if len(args) == 1:
        return popped(database, args[0], left=left)
    count = integer(args[1])
    if count < 0:
        raise CommandError("value is out of range, must be positive")
    found = database.get(args[0], MemoryList)
    if found is None:
        return None
    return [popped(database, args[0], left=left) for _ in range(min(count, len(found)))]


def blocking_pop(database: Database, args: Args, *, left: bool) -> "Answer | Waiting":
    """BLPOP or BRPOP key [key ...] timeout."""
    *keys, timeout = args

    def attempt(key: bytes) -> Answer:
        if not isinstance(database.value(key), MemoryList):
            return None
        element = popped(database, key, left=left)
        return None if element is None else [key, element]

    wait = seconds(timeout)
    for key in keys:
        database.get(key, MemoryList)
        if (found := attempt(key)) is not None:
            return found
    return Waiting(keys, attempt, wait)


def end(arg: bytes) -> bool:
    """Whether LEFT is meant, or RIGHT."""
    match arg.upper():
        case b"LEFT":
            return True
        case b"RIGHT":
            return False
        case _:
            raise syntax()


def moved(database: Database, source: bytes, target: bytes, ends: Sequence[bool]) -> bytes | None:
    """Take an element from one list and push it to another, or to the other end of the same."""
    if database.get(source, MemoryList) is None:
        return None
    database.get(target, MemoryList)
    element = popped(database, source, left=ends[0])
    if element is not None:
        push(database, [target, element], left=ends[1])
    return element


def move(database: Database, args: Args) -> Answer:
    """LMOVE source destination LEFT|RIGHT LEFT|RIGHT."""
    return moved(database, args[0], args[1], [end(args[2]), end(args[3])])


def blocking_move(database: Database, args: Args) -> "Answer | Waiting":
    """BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout."""
    source, target, take, give, timeout = args
    ends, wait = [end(take), end(give)], seconds(timeout)

    def attempt(key: bytes) -> Answer:
        return moved(database, key, target, ends) if isinstance(database.value(key), MemoryList) else None

    found = moved(database, source, target, ends)
    return Waiting([source], attempt, wait) if found is None else found


def length(database: Database, args: Args) -> Answer:
    """LLEN key."""
    return len(database.get(args[0], MemoryList) or ())


def span(size: int, first: bytes, last: bytes) -> slice:
    """Return the places from one to another, both included; negative ones count from the end."""
    begin, stop = integer(first), integer(last)
    begin = max(0, begin + size if begin < 0 else begin)
    stop = stop + size if stop < 0 else stop
    return slice(begin, max(begin, stop + 1))


def cut(database: Database, args: Args) -> Answer:
    """LRANGE key first last."""
    elements: list[Answer] = [*(database.get(args[0], MemoryList) or ())]
    return elements[span(len(elements), args[1], args[2])]


def trim(database: Database, args: Args) -> Answer:
    """LTRIM key first last."""
    found = database.get(args[0], MemoryList)
    if found is not None:
        kept = list(found)[span(len(found), args[1], args[2])]
        found.clear()
        found.extend(kept)
        database.tidy(args[0])
    return OK


def remove(database: Database, args: Args) -> Answer:
    """LREM key count element: the first ones, the last ones when it is negative, all of them when it is 0."""
    key, count, element = args
    found, wanted = database.get(key, MemoryList), integer(count)
    if found is None:
        return 0
    elements = list(found) if wanted >= 0 else list(found)[::-1]
    left = most = abs(wanted) or len(elements)
    kept: list[bytes] = []
    for one in elements:
        if one == element and left:
            left -= 1
        else:
            kept.append(one)
    found.clear()
    found.extend(kept if wanted >= 0 else kept[::-1])
    if left < most:
        database.tidy(key)
    return most - left


COMMANDS: "dict[bytes, tuple[int, Command]]" = {
    b"LPUSH": (-3, partial(push, left=True)),
    b"RPUSH": (-3, partial(push, left=False)),
    b"LPOP": (-2, partial(pop, left=True)),
    b"RPOP": (-2, partial(pop, left=False)),
    b"BLPOP": (-3, partial(blocking_pop, left=True)),
    b"BRPOP": (-3, partial(blocking_pop, left=False)),
    b"LMOVE": (5, move),
    b"BLMOVE": (6, blocking_move),
    b"LLEN": (2, length),
    b"LRANGE": (4, cut),
    b"LTRIM": (4, trim),
    b"LREM": (4, remove),
}
