"""The providers that the framework adds: message-scoped objects, typed settings, and an optional section."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeAlias, TypeVar, cast, overload

from dependency_injector import errors, providers

from faststream_oo.current import CURRENT
from faststream_oo.errors import LifecycleError
from faststream_oo.settings.structuring import structure

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Config: TypeAlias = providers.Configuration | providers.ConfigurationOption | Mapping[str, object]
"""Where settings come from: the container's `Configuration`, a part of it (`config.kafka`), or a mapping."""

_UNDEFINED = "Undefined configuration option"


class ProviderOf(Protocol[T_co]):
    """Any dependency-injector provider of T or of a subclass; `providers.Provider` itself is invariant.

    The arguments are `Any` because dependency-injector does not type injections.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> T_co:
        """Provide the object."""
        ...

    def reset_override(self) -> None:
        """Undo every override."""


class MessageScoped(providers.Factory[T]):
    """Provides one object for each message attempt, shared by everything built for it.

    A context manager or a generator is entered before the consumer is built and left after the handler, in reverse
    order; it sees the handler's exception, and leaves before publishes are sent and the message is settled. Only
    providers of consumers made by `Factory`, and other message-scoped ones, may depend on it.

    The arguments are `Any` because dependency-injector does not type injections.

    Raises:
        LifecycleError: It is called where no message is being handled.
    """

    @overload
    def __init__(
        self, provides: Callable[..., AbstractAsyncContextManager[T]], /, *args: Any, **kwargs: Any
    ) -> None: ...
    @overload
    def __init__(self, provides: Callable[..., AbstractContextManager[T]], /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def __init__(self, provides: Callable[..., AsyncIterator[T]], /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def __init__(self, provides: Callable[..., Iterator[T]], /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def __init__(self, provides: Callable[..., T], /, *args: Any, **kwargs: Any) -> None: ...
    # A deep copy makes the new provider without arguments and fills it afterwards, hence the default.
    def __init__(self, provides: Any = None, /, *args: Any, **kwargs: Any) -> None:
        super().__init__(provides, *args, **kwargs)

    def _provide(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        """Return the attempt's object; what dependency-injector calls when the provider is not overridden."""
        attempt = CURRENT.get()
        if attempt is None or not attempt.open:
            raise LifecycleError(f"{_described(self)} is message-scoped: it is there while a message is being handled")
        if attempt.scoped is None or self not in attempt.scoped:
            raise LifecycleError(f"{_described(self)} is message-scoped, and nothing built for this message needs it")
        return cast(T, attempt.scoped[self])


def _described(provider: providers.Factory[Any]) -> str:
    return getattr(provider.provides, "__name__", repr(provider.provides))


class Settings(providers.Singleton[T]):
    """Provides a part of the configuration as an attrs class or dataclass: strict, converted, unknown keys refused.

    A missing part means the defaults, also with `Configuration(strict=True)`.

    Args:
        of: The class.
        config: Where the values come from.
    """

    # As for MessageScoped: a deep copy makes it without arguments.
    def __init__(self, of: type[T] | None = None, config: Config | None = None, /) -> None:
        if of is None or config is None:
            super().__init__()
        else:
            super().__init__(structure, of, section(config), _place(of, config))


def section(config: Config, /) -> providers.Provider[Mapping[str, object]]:
    """Return a provider of a part of the configuration; one that is undefined, or empty in the file, is `{}`."""
    if isinstance(config, Mapping):
        return providers.Object(config)
    # The option itself is handed over, not its value: reading an undefined one raises in strict mode.
    return providers.Callable(_read, providers.Delegate(config))


def _read(option: providers.Provider[Any]) -> Mapping[str, object]:
    try:
        value = option()
    except errors.Error as error:
        if not str(error).startswith(_UNDEFINED):
            raise
        return {}
    return {} if value is None else value


def _place(of: type[object], config: Config) -> str:
    """Return the name that problems begin with: `kafka` for `config.kafka`."""
    if isinstance(config, providers.ConfigurationOption):
        return config.get_name().partition(".")[2]
    return "" if isinstance(config, providers.Configuration) else of.__name__
