"""The low-water mark: never above anything that is open, whatever order things end in."""

from hypothesis import given
from hypothesis import strategies as st

from faststream_oo import Ack, Retry
from faststream_oo.kafka import KafkaMessage
from faststream_oo.ledger import LedgerClaim

positions = st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True).map(sorted)


def at(position: int) -> KafkaMessage:
    message = KafkaMessage()
    message.position = position
    return message


@given(seen=positions, data=st.data())
def test_the_mark_is_the_last_position_below_which_all_have_ended(seen: list[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(seen))
    moves: list[int | None] = []
    claim = LedgerClaim(lambda: moves.append(claim.mark))
    claim.see(seen)
    ended: set[int] = set()

    for position in order:
        claim.settle(at(position), Ack())
        claim.settle(at(position), Ack())
        ended.add(position)
        done = [one for index, one in enumerate(seen) if all(below in ended for below in seen[: index + 1])]
        assert claim.mark == (done[-1] if done else None)

    assert claim.open == 0
    assert moves == sorted(moves, key=lambda mark: mark or 0)
    assert len(moves) == len(set(moves))


def test_a_move_is_told_once_until_the_mark_is_taken() -> None:
    moves: list[int | None] = []
    claim = LedgerClaim(lambda: moves.append(claim.mark))
    claim.see(range(4))

    claim.settle(at(0), Ack())
    claim.settle(at(1), Ack())
    claim.taken()
    claim.settle(at(2), Ack())
    claim.settle(at(3), Ack())

    assert (moves, claim.mark) == ([0, 2], 3)


@given(seen=positions, data=st.data())
def test_what_is_given_back_holds_the_mark(seen: list[int], data: st.DataObject) -> None:
    back = data.draw(st.sampled_from(seen))
    claim = LedgerClaim(lambda: None)
    claim.see(seen)

    for position in seen:
        claim.settle(at(position), Retry(0) if position == back else Ack())

    below = [one for one in seen if one < back]
    assert claim.mark == (below[-1] if below else None)


def test_a_claim_that_is_over_hears_nothing() -> None:
    claim = LedgerClaim(lambda: None)
    claim.see([1, 2])
    claim.live = False

    claim.settle(at(1), Ack())

    assert claim.mark is None
