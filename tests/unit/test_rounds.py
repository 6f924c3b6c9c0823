"""What a benchmark refuses, as it would wait for ever."""

import pytest

from benchmarks.runner import Comparison, Meter


async def run(meter: Meter) -> None:
    meter.sent(meter.count)
    meter.end()


def test_more_messages_than_there_are_to_handle() -> None:
    comparison = Comparison("consume", run, {"ours": run}, stock=100)

    assert {count for _, count in comparison.runs(100).values()} == {100}
    with pytest.raises(ValueError, match='"consume" is to handle 101 messages a round, and there are 100'):
        comparison.runs(101)


def test_the_other_framework_gets_a_part_and_never_more_than_there_are() -> None:
    comparison = Comparison("consume", run, {}, other={"other": run}, other_part=0.5, stock=1000)

    assert [comparison.runs(count)["other"][1] for count in (100, 300, 1000)] == [100, 200, 500]


def test_a_single_message_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="1 cannot be measured"):
        Meter(1)
