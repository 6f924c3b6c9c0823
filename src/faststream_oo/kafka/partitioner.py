"""Which partition a key belongs to, as Kafka's own producers decide."""

from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes, /) -> int:
    """Return the 32-bit hash that Kafka's Java client takes of a key (`Utils.murmur2`), unsigned."""
    length = len(data)
    tail = length & ~3
    h = _SEED ^ length
    for at in range(0, tail, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if tail < length:
        h = (h ^ int.from_bytes(data[tail:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int, /) -> int:
    """Return the partition of a key among so many; an empty key is hashed too."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
