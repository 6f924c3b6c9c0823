"""The commands that an embedded Redis knows, and how many words each takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory import group_commands, key_commands, scripted, stream_commands
from faststream_oo.redis.transports.memory.database import Database
from faststream_oo.redis.transports.memory.list_commands import COMMANDS as _LISTS
from faststream_oo.redis.transports.memory.replies import Args, Waiting, said

Call: TypeAlias = Callable[[Database, Args], "Answer | Waiting"]

COMMANDS: Final[Mapping[bytes, tuple[int, Call]]] = {
    **_LISTS,
    b"EVAL": (-3, scripted.run),
    b"GET": (2, key_commands.get),
    b"SET": (-3, key_commands.put),
    b"INCR": (2, key_commands.incr),
    b"DECR": (2, key_commands.decr),
    b"INCRBY": (3, key_commands.incrby),
    b"DEL": (-2, key_commands.delete),
    b"EXISTS": (-2, key_commands.exists),
    b"TYPE": (2, key_commands.kind),
    b"KEYS": (2, key_commands.keys),
    b"ZADD": (-4, key_commands.score),
    b"ZREM": (-3, key_commands.unscore),
    b"EXPIRE": (3, key_commands.expiring(1.0)),
    b"PEXPIRE": (3, key_commands.expiring(0.001)),
    b"TTL": (2, key_commands.time_to_live(1.0)),
    b"PTTL": (2, key_commands.time_to_live(0.001)),
    b"XADD": (-5, stream_commands.add),
    b"XTRIM": (-4, stream_commands.trim),
    b"XLEN": (2, stream_commands.length),
    b"XDEL": (-3, stream_commands.delete),
    b"XRANGE": (-4, stream_commands.cut),
    b"XREVRANGE": (-4, stream_commands.cut_backwards),
    b"XREAD": (-4, stream_commands.read),
    b"XINFO": (-3, stream_commands.groups_of),
    b"XGROUP": (-4, group_commands.manage),
    b"XREADGROUP": (-7, group_commands.read),
    b"XACK": (-4, group_commands.acknowledge),
    b"XCLAIM": (-6, group_commands.claim),
    b"XAUTOCLAIM": (-6, group_commands.claim_by_itself),
    b"XPENDING": (-3, group_commands.pending),
}
"""By name: the number of words, the least when it is negative, the name included; and what it does."""


def found(words: Sequence[bytes], /) -> Call:
    """Return what a command does. Raises CommandError for one that the server would not even queue."""
    name = words[0].upper()
    if name not in COMMANDS:
        args = "".join(f"'{said(word)}' " for word in words[1:])
        raise CommandError(f"unknown command '{said(words[0])}', with args beginning with: {args}")
    arity, call = COMMANDS[name]
    checked(words, arity)
    return call


def checked(words: Sequence[bytes], arity: int, /) -> None:
    """Raise CommandError unless a command has so many words, or at least so many when it is negative."""
    if len(words) != arity if arity > 0 else len(words) < -arity:
        raise CommandError(f"wrong number of arguments for '{said(words[0]).lower()}' command")
