"""The pytest plugin."""

import pytest

from faststream_oo.testing import MakeHarness
from tests.unit.testing.billing import Billing, OrderPlaced, PaymentRequested


async def test_the_fixture_makes_a_harness_with_the_given_config(make_harness: MakeHarness) -> None:
    async with make_harness(Billing, config={"kafka": {"prefix": "eu."}}) as h:
        await h.publish("orders.placed", OrderPlaced("o-1", 1))
        await h.settled()
        assert h.published(PaymentRequested) == [PaymentRequested("o-1", 1)]


def test_real_brokers_are_asked_for_by_an_option(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getoption("--real-brokers") in {True, False}
