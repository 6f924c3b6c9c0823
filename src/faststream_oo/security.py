"""Credentials and TLS. Which of them a protocol takes is in the type of its settings, so nothing is dropped silently.

In a settings file: `auth: {type: scram, username: app, password: "${KAFKA_PASSWORD}"}`. No secret is ever printed.
"""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from attrs import Attribute, field, frozen

from faststream_oo.values import literal


@frozen
class Plain:
    """Username and password: SASL PLAIN on Kafka and RabbitMQ, user and password on NATS, ACL user on Redis.

    Attributes:
        username: Of the account.
        password: Its password.
    """

    username: str
    password: str = field(repr=False)


@frozen
class Scram:
    """SASL SCRAM; Kafka only.

    Attributes:
        username: Of the account.
        password: Its password; it is not sent.
        mechanism: What the brokers offer.
    """

    username: str
    password: str = field(repr=False)
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = field(
        default="SCRAM-SHA-512", kw_only=True, validator=literal
    )


@frozen
class OAuth:
    """SASL OAUTHBEARER; Kafka only.

    Attributes:
        token: Called for a token whenever the broker wants a fresh one; in a settings file `module:function`.
    """

    token: Callable[[], Awaitable[str]] = field(repr=False)


@frozen
class Gssapi:
    """Kerberos; Kafka by aiokafka only. The ticket is the one that `kinit` or a key table gave this process.

    Attributes:
        service: Service name of the brokers.
        domain: Realm; None takes the host's.
    """

    service: str = "kafka"
    domain: str | None = field(default=None, kw_only=True)


@frozen
class External:
    """The TLS client certificate is the login; RabbitMQ only, needs `Tls(certificate=…)`."""


@frozen
class Token:
    """A NATS token.

    Attributes:
        value: The token.
    """

    value: str = field(repr=False)


@frozen
class Credentials:
    """A NATS `.creds` file (JWT and seed), or an nkey seed file.

    Attributes:
        path: The file; a `.creds` file is read again at each connection.
    """

    path: Path


def _belongs_to_key(tls: "Tls", attribute: "Attribute[Any]", value: object) -> None:
    if value is None and (tls.private_key is not None or tls.private_key_password is not None):
        raise ValueError(f"'{attribute.name}' is missing beside a private key")


@frozen
class Tls:
    """Encrypt the connection; `Tls()` trusts the system's authorities.

    Attributes:
        ca: PEM file of the authority to trust instead.
        certificate: PEM file of our certificate, for mutual TLS.
        private_key: PEM file of its key; None when it is in `certificate`.
        private_key_password: Of an encrypted key.
        verify: False accepts any server; said in the log at every start.
        server_name: Name to expect in the server's certificate; None takes the host.
    """

    ca: Path | None = field(default=None, kw_only=True)
    certificate: Path | None = field(default=None, kw_only=True, validator=_belongs_to_key)
    private_key: Path | None = field(default=None, kw_only=True)
    private_key_password: str | None = field(default=None, kw_only=True, repr=False)
    verify: bool = field(default=True, kw_only=True)
    server_name: str | None = field(default=None, kw_only=True)

    def context(self) -> ssl.SSLContext:
        """Return it for clients that use Python's own TLS. Raises OSError for files that cannot be read or used."""
        made = _Context(ssl.PROTOCOL_TLS_CLIENT)  # which verifies
        made.expected = self.server_name
        if self.ca is None:
            made.load_default_certs()
        else:
            made.load_verify_locations(self.ca)
        if self.certificate is not None:
            # Without a password the library would ask for one on the terminal.
            made.load_cert_chain(self.certificate, self.private_key, self.private_key_password or "")
        if not self.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        return made


class _Context(ssl.SSLContext):
    """May expect another name than that of the host it is used for."""

    expected: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the library's signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection, as every event loop does."""
        return super().wrap_bio(incoming, outgoing, server_side, self.expected or server_hostname, session)
