"""How a connection shows who it is, and which settings cannot be used for that."""

from collections.abc import Iterator, Sequence
from typing import Final

from yarl import URL

from faststream_oo.errors import Problem
from faststream_oo.rabbit.options import RabbitSettings
from faststream_oo.security import External, Plain

_OF_TLS: Final = ("cafile", "capath", "cadata", "certfile", "keyfile", "no_verify_ssl")
"""Options of the client's URL that `tls` stands for."""


def login_url(settings: RabbitSettings, url: str, /) -> URL:
    """Return a server's URL with the credentials and the scheme that the settings have in their place."""
    whole = URL(url)
    if settings.tls is not None:
        whole = whole.with_scheme("amqps")
    match settings.auth:
        case Plain(username=username, password=password):
            return whole.with_user(username).with_password(password)
        case External():
            return whole.with_user(None).update_query({"auth": "EXTERNAL"})
        case None:
            return whole


def check_config(settings: RabbitSettings, /) -> Sequence[Problem]:
    """Return what is wrong with credentials and encryption; no I/O."""
    return list(_problems(settings))


def _problems(settings: RabbitSettings) -> Iterator[Problem]:
    auth, tls = settings.auth, settings.tls
    if isinstance(auth, External) and (tls is None or tls.certificate is None):
        yield Problem("rabbit.auth", "the login is a client certificate, and there is none", "rabbit.tls.certificate")
    if isinstance(auth, Plain) and not (auth.username and auth.password):
        # The client would say "guest" instead.
        yield Problem("rabbit.auth", "username or password is empty")
    if tls is None:
        return
    for url in settings.urls:
        for name in _OF_TLS:
            if name in URL(url).query:
                yield Problem("rabbit.url", f"{name} has no effect beside rabbit.tls", "say it in rabbit.tls alone")
