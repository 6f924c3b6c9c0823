"""The transport: one producer, one admin client, and a consumer a subscription."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from faststream_oo.address import Address
from faststream_oo.errors import Problem, SetupError
from faststream_oo.kafka.client.causes import CONNECT_SECONDS, token_refusal
from faststream_oo.kafka.client.tokens import TokenError
from faststream_oo.kafka.client.transport import ClientTransport
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.confluent.admin import ConfluentAdmin
from faststream_oo.kafka.transports.confluent.causes import ErrorLog, connect_error, refuses
from faststream_oo.kafka.transports.confluent.config import check_config, check_source_config, largest_record
from faststream_oo.kafka.transports.confluent.sender import ConfluentSender, Deliveries
from faststream_oo.kafka.transports.confluent.source import ConfluentSource
from faststream_oo.waiting import bounded


class ConfluentTransport(ClientTransport):
    """Kafka by confluent-kafka: all acks, idempotent, keys to partitions as Kafka's Java client, offsets by ledger.

    Args:
        settings: Connection and defaults.

    Raises:
        SetupError: The settings hold options that are wrong, or that the framework sets.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._admin = ConfluentAdmin(settings)
        super().__init__(settings, self._admin, largest_record(settings), check_config(settings))
        self._deliveries = Deliveries(settings, self._told)
        self._errors = ErrorLog("Kafka producer")
        self._refused: asyncio.Future[KafkaError] | None = None
        self._last: KafkaError | None = None

    async def _connect(self) -> None:
        refused = self._refused = asyncio.get_running_loop().create_future()
        self._last = None
        try:
            await self._deliveries.open()
            await self._admin.open()
            await self._answered(refused)
        except TokenError as error:
            await self.close()
            raise token_refusal(", ".join(self._settings.servers), error) from error
        except KafkaException as error:
            await self.close()
            raise SetupError([Problem("kafka.config", str(error.args[0]))]) from error
        except BaseException:
            await self.close()
            raise
        finally:
            self._refused = None

    async def _answered(self, refused: "asyncio.Future[KafkaError]") -> None:
        """Return when the cluster answers; only the producer tells why it does not, and long before a question does."""
        asking = asyncio.ensure_future(bounded(self._admin.ping(), CONNECT_SECONDS))
        both: list[asyncio.Future[Any]] = [asking, refused]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not refused.done() and asking.result() is None:
            return
        asking.cancel()
        raise await connect_error(self._settings, self._last)

    def _told(self, error: KafkaError) -> None:
        """Hear what the producer says about its connections."""
        if self._refused is None:
            self._errors.note(error)
            return
        # That all brokers are down says less than why the last one could not be reached.
        down = error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - a constant
        if not down:
            self._last = error
        if (down or refuses(error)) and not self._refused.done():
            self._refused.set_result(error)

    async def _disconnect(self, seconds: float) -> None:
        await self._deliveries.close(seconds)

    def _source_problems(self, options: Mapping[str, object]) -> Sequence[Problem]:
        return check_source_config(options)

    def _new_source(self, address: Address, options: KafkaSourceOptions) -> ConfluentSource:
        return ConfluentSource(self._settings, address, options, self._admin, self._watch)

    def _new_sender(self, topic: str, largest: int) -> ConfluentSender:
        return ConfluentSender(topic, self._deliveries, self._admin, largest)
