"""The intake of one subscription: a consumer, the loop that reads it, and its claims."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import aiokafka
from aiokafka import AIOKafkaConsumer, errors

from faststream_oo import current
from faststream_oo.clock import Clock
from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.kafka.address import Topic, TopicPartition, TopicPattern, Topics
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.admin import ClusterAdmin
from faststream_oo.kafka.transports.aiokafka.causes import connect_error, describe, transport_error
from faststream_oo.kafka.transports.aiokafka.commits import Commits
from faststream_oo.kafka.transports.aiokafka.config import consumer_options
from faststream_oo.kafka.transports.aiokafka.membership import Membership, Rebalances
from faststream_oo.kafka.transports.aiokafka.shutdown import bounded, stop_consumer
from faststream_oo.kafka.transports.aiokafka.ungrouped import EveryPartition
from faststream_oo.kafka.transports.aiokafka.watch import BrokerWatch
from faststream_oo.transport import Capabilities, Claim, Message, Sink
