import pytest
from hypothesis import given
from hypothesis import strategies as st

from faststream_oo.kafka.partitioner import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "of_3", "of_12"),
    [
        (b"a", 1, 4), (b"b", 2, 8), (b"order-2", 0, 3), (b"user:42", 1, 1), (b"hello world", 1, 7),
        (b"123456789", 0, 6), ("ключ".encode(), 2, 8), (b"00", 2, 8), (b"", 0, 9),
    ],
)  # fmt: skip
def test_a_key_goes_to_the_partition_that_kafkas_own_client_chooses(key: bytes, of_3: int, of_12: int) -> None:
    assert [partition_of(key, 1), partition_of(key, 3), partition_of(key, 12)] == [0, of_3, of_12]


@given(st.binary(max_size=70))
def test_murmur2_is_the_hash_of_aiokafka(key: bytes) -> None:
    partitioner = pytest.importorskip("aiokafka.partitioner")

    assert murmur2(key) == partitioner.murmur2(key) & 0xFFFFFFFF
