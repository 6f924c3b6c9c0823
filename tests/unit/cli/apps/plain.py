"""An application without a container."""

from faststream_oo import Application
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaOutgoing, KafkaSettings, Topics, consumes, produces


class Logs(KafkaConsumer, group="logs"):
    """Consumes two topics, and publishes what it returns."""

    @consumes(Topics("errors", "warnings"), timeout=5.0)
    @produces("lines.{level}", key="level")
    async def line(self, level: str, text: str) -> KafkaOutgoing[dict[str, str]]:
        return KafkaOutgoing({"level": level, "text": text})


application = Application(consumers=[Logs(KafkaBroker(KafkaSettings(prefix="test.")))], title="Logs")
