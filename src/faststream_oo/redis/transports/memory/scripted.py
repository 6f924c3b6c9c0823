"""What the scripts of the client do, done here: Lua is not spoken."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.client.scripts import FORGET, GONE, KEEP, SETTLE, TAKE
from faststream_oo.redis.transports.memory import list_commands
from faststream_oo.redis.transports.memory.database import Database, MemoryList, MemoryScores
from faststream_oo.redis.transports.memory.entries import MemoryStream
from faststream_oo.redis.transports.memory.key_commands import incrby
from faststream_oo.redis.transports.memory.replies import Args, integer


def run(database: Database, args: Args) -> Answer:
    """EVAL script number key [key ...] argument [argument ...]; only the client's own scripts are known."""
    script, number, *rest = args
    call = _SCRIPTS.get(script)
    if call is None:
        raise CommandError("the embedded Redis runs no Lua scripts")
    count = integer(number)
    return call(database, rest[:count], rest[count:])


def _keep(database: Database, keys: Args, args: Args) -> Answer:
    key, workers = keys
    worker, lease, how = args
    leases = database.get(workers, MemoryScores)
    now = database.clock.time()
    alive = how == b"join" or (leases is not None and worker in leases)
    if alive:
        database.made(workers, MemoryScores)[worker] = now + integer(lease) / 1000
    moved = 0
    leases = database.get(workers, MemoryScores) or MemoryScores()
    for dead in sorted((one for one, ends in leases.items() if ends <= now), key=lambda one: (leases[one], one)):
        for kind in (b":arriving:", b":processing:"):
            while list_commands.moved(database, key + kind + dead, key, (False, True)) is not None:
                moved += 1
        database.remove(key + b":taken:" + dead)
        del leases[dead]
    database.tidy(workers)
    return [int(alive), moved]


def _take(database: Database, keys: Args, args: Args) -> Answer:
    key, workers, taken, held, arriving = keys
    worker, seen, count = args
    _require(database, workers, worker)
    unseen = integer(database.get(taken, bytes) or b"0") - integer(seen)
    if unseen > 0:
        return list_commands.cut(database, [held, b"%d" % -unseen, b"-1"])
    database.get(key, MemoryList)
    found = [*(database.get(arriving, MemoryList) or ())]
    database.remove(arriving)
    more = list_commands.pop(database, [key, b"%d" % max(0, integer(count) - len(found))], left=True)
    found += cast("list[bytes]", more or [])
    if found:
        list_commands.push(database, [held, *found], left=False)
        incrby(database, [taken, b"%d" % len(found)])
    return [*found]


def _settle(database: Database, keys: Args, args: Args) -> Answer:
    workers, taken, held = keys
    worker, removed, head, *places = args
    _require(database, workers, worker)
    there = database.get(held, MemoryList) or MemoryList()
    if integer(database.get(taken, bytes) or b"0") - len(there) == integer(removed):
        apart = set(map(integer, places))
        kept = [element for place, element in enumerate(there) if place not in apart][integer(head) :]
        there.clear()
        there.extend(kept)
        database.tidy(held)
    return 1


def _forget(database: Database, keys: Args, args: Args) -> Answer:
    name, silent = args
    stream = database.get(keys[0], MemoryStream)
    group = None if stream is None else stream.groups.get(name)
    if group is None:
        raise CommandError(f"NOGROUP No such consumer group '{name.decode()}' for key name '{keys[0].decode()}'")
    before = database.clock.time() - integer(silent) / 1000
    gone = [one for one, heard in group.consumers.items() if heard <= before and not group.held(one)]
    for one in gone:
        group.leave(one)
    return len(gone)


def _require(database: Database, workers: bytes, worker: bytes) -> None:
    if worker not in (database.get(workers, MemoryScores) or ()):
        raise CommandError(f"{GONE} no lease")


_SCRIPTS: Final[Mapping[bytes, Callable[[Database, Args, Args], Answer]]] = {
    KEEP.encode(): _keep,
    TAKE.encode(): _take,
    SETTLE.encode(): _settle,
    FORGET.encode(): _forget,
}
