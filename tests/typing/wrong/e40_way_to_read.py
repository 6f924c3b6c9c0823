"""A stream is read by a `Pull` or a `Push`, from a place that it has."""

from faststream_oo.nats import NatsConsumer, Push


class Pushed(NatsConsumer, group="billing", via="push"): ...  # E


class Late(NatsConsumer, via=Push(ordered=True), start="end"): ...  # E
