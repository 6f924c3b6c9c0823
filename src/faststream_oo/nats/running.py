"""A running subscription with what is particular to core NATS."""

from typing import cast

from faststream_oo.intake import Intake
from faststream_oo.nats.transport import NatsSource


class NatsIntake(Intake):
    """One running subscription on NATS; `NatsSubscription` is what handlers see of it."""

    @property
    def lost(self) -> int:
        """Messages received of which nothing is left."""
        return self.dropped + cast(NatsSource, self.source).lost
