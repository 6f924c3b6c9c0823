"""Every error of the framework, sorted by what the caller can do about it.

MessagingError
├── SetupError            fix the code or the settings; raised before anything connects, with every problem found
├── TransportError        try again later; the broker or the network
│   ├── ConnectError      no connection within the deadline, or refused credentials or permissions
│   ├── PublishError      the broker did not confirm, or could not route, a message
│   └── RequestTimeoutError (also TimeoutError)   no reply in time
├── MessageError          this message cannot be handled; it is dead-lettered
│   ├── DecodeError       the bytes do not give the annotated type
│   └── UnmatchedError    no handler of the subscription takes it
├── RemoteError           the service that answered a request failed
└── LifecycleError        the object was used too early, too late or twice
"""

from collections.abc import Iterable, Sequence

from attrs import frozen


class MessagingError(Exception):
    """Root of the framework's errors."""


@frozen
class Problem:
    """One thing that is wrong with an application, as `SetupError` reports it.

    Attributes:
        path: Where: `Billing.kafka.broker`, `Orders.placed`, or `kafka.consumers.Orders.retry` of the settings.
        what: What is wrong, in one sentence.
        hint: The likely remedy, or an empty string.
    """

    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """Render as `path: what. Hint: …`."""
        line = f"{self.path}: {self.what}"
        return f"{line}. Hint: {self.hint}" if self.hint else line


class SetupError(MessagingError):
    """The application cannot be built as it is written; all problems are reported at once.

    Args:
        problems: What is wrong, in the order it was found; equal ones are reported once.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self._problems = tuple(dict.fromkeys(problems))

    @property
    def problems(self) -> Sequence[Problem]:
        """Every problem found."""
        return self._problems

    def __str__(self) -> str:
        """Render one problem a line."""
        return "\n".join(str(problem) for problem in self._problems)


class TransportError(MessagingError):
    """The broker or the network failed; the same call may succeed later.

    Args:
        args: What went wrong.
        hint: The likely remedy, or an empty string.
    """

    def __init__(self, *args: object, hint: str = "") -> None:
        super().__init__(*args)
        self.hint = hint


class ConnectError(TransportError):
    """No usable connection within `connect_timeout`, or the broker refuses what the application needs at its start.

    Args:
        broker: Kind of broker, as `kafka`.
        servers: Addresses that were tried, without credentials.
        cause: What went wrong, in the client's or the system's words.
        hint: The likely remedy, or an empty string.
        refused: The broker answered, and the same attempt would end the same way: credentials, certificates, permissions.
    """

    def __init__(self, broker: str, servers: str, cause: str, hint: str = "", *, refused: bool = False) -> None:
        super().__init__(broker, servers, cause, hint, hint=hint)
        self.refused = refused
        self.broker = broker
        self.servers = servers
        self.cause = cause

    def __str__(self) -> str:
        """Render broker, address, cause and hint."""
        text = f"{self.broker} at {self.servers}: {self.cause}"
        return f"{text}\nHint: {self.hint}" if self.hint else text


class PublishError(TransportError):
    """A message was not confirmed, or no queue, stream or partition takes it."""


class RequestTimeoutError(TransportError, TimeoutError):
    """No reply came within the timeout of the request."""


class MessageError(MessagingError):
    """This one message cannot be handled; it goes to the dead letters without a retry."""


class DecodeError(MessageError):
    """The bytes of a message do not give the annotated type.

    Args:
        message: What was expected and found, in one sentence.
        path: Place in the document, as `$.items[2].price`; `$` when the whole document is unreadable. Of a fact beside
            the document `key`, `header "tries"` or `path "region"`.
    """

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message, path)
        self._message = message
        self._path = path

    @property
    def path(self) -> str:
        """Place in the document, as `$.items[2].price`."""
        return self._path

    def __str__(self) -> str:
        """Render as `what @ path`."""
        return f"{self._message} @ {self._path}"


class UnmatchedError(MessageError):
    """No handler of the subscription takes the message, and `unmatched` is not set to something else."""


class RemoteError(MessagingError):
    """The handler that served a request failed; `error_type` and the text come from its process.

    Args:
        address: Where the request was sent.
        error_type: Class of the error there, with its module unless it is built in; the outcome's where nothing was
            raised.
        text: What it said.
    """

    def __init__(self, address: str, error_type: str, text: str) -> None:
        super().__init__(address, error_type, text)
        self._address = address
        self._error_type = error_type
        self._text = text

    @property
    def error_type(self) -> str:
        """Class of the error in the other process, as `ValueError` or `shop.prices.UnknownSku`."""
        return self._error_type

    def __str__(self) -> str:
        """Render as `address answered with type: text`."""
        return f"{self._address} answered with {self._error_type}: {self._text}"


def error_type(error: BaseException, /) -> str:
    """Return the class of an error as other processes are told it: with its module, unless it is built in."""
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def raise_errors(results: Iterable[object], what: str, /) -> None:
    """Raise the error among the results of several tasks, a group of this name where there are more."""
    errors = [result for result in results if isinstance(result, BaseException)]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup(what, errors)


class LifecycleError(MessagingError):
    """The object was used before it started, after it stopped, or started twice."""
