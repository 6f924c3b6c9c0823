"""What the tests of the embedded streams publish and pull with."""

from collections.abc import Mapping

from faststream_oo.nats.transports.memory.durables import ConsumerConfig, Delivery
from faststream_oo.nats.transports.memory.jetstream import Answer
from faststream_oo.nats.transports.memory.server import MemoryServer


def put(server: MemoryServer, *subjects: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Publish to subjects, in order, and return the last answer."""
    answer: Answer = None
    for subject in subjects:
        answer = server.publish((subject, body, "", headers))
    return answer


class Puller:
    """Takes from a consumer of the stream S, as long as it has room."""

    def __init__(self, server: MemoryServer, config: ConsumerConfig, room: int = 1000) -> None:
        self.room = room
        self.taken: list[Delivery] = []
        self.over = False
        self._server = server
        self.consumer = server.jetstream.add_consumer("S", config)
        self.consumer.join(self)

    def take(self, delivery: Delivery, /) -> None:
        self.room -= 1
        self.taken.append(delivery)

    def gone(self) -> None:
        self.over = True

    def fetch(self, room: int) -> list[str]:
        """Take so many more, and return what came."""
        before = len(self.taken)
        self.room = room
        self.consumer.hand_out()
        return self.seen[before:]

    def tell(self, place: int, word: bytes) -> None:
        """Tell the server something of the delivery at a place."""
        self._server.publish((self.taken[place].reply, word, "", None))

    @property
    def seen(self) -> list[str]:
        """Subjects without their first token, each with the number of its delivery."""
        return [f"{one.message.subject.partition('.')[2]}#{one.reply.split('.')[4]}" for one in self.taken]

    @property
    def sequences(self) -> list[int]:
        return [one.message.sequence for one in self.taken]
