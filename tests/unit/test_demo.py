"""The earthquake desk: the demo balances its books."""

from containers import demo


async def test_the_demo_accounts_for_every_record() -> None:
    assert await demo.run("memory", "localhost:9092") == 0
