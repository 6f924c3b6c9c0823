"""SCRAM is Kafka's; elsewhere it would drop the credentials."""

from faststream_oo.kafka import KafkaSettings
from faststream_oo.nats import NatsSettings
from faststream_oo.rabbit import RabbitSettings
from faststream_oo.redis import RedisSettings
from faststream_oo.security import Credentials, External, Gssapi, OAuth, Scram, Token


async def token() -> str:
    return ""


settings = RedisSettings(auth=Scram("app", "secret"))  # E
rabbit = RabbitSettings(auth=OAuth(token))  # E
nats = NatsSettings(auth=External())  # E
kafka = KafkaSettings(auth=Token("secret"))  # E
kerberos = NatsSettings(auth=Gssapi())  # E
certificate = KafkaSettings(auth=External())  # E
right = KafkaSettings(auth=OAuth(token))
wrong = OAuth(lambda: "a token, not something to await")  # E
path = NatsSettings(auth=Credentials("user.creds"))  # E
