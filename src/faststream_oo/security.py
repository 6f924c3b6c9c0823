"""Credentials and TLS. Which of them a protocol takes is in the type of its settings, so nothing is dropped silently.

In a settings file: `auth: {type: scram, username: app, password: "${KAFKA_PASSWORD}"}`. No secret is ever printed.
"""

import ssl
from pathlib import Path
from typing import Literal

from attrs import field, frozen


@frozen
class Plain:
    """Username and password.

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
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = field(default="SCRAM-SHA-512", kw_only=True)


@frozen
class Tls:
    """Encrypt the connection; `Tls()` trusts the system's authorities.

    Attributes:
        ca: PEM file of the authority to trust instead.
        certificate: PEM file of our certificate, for mutual TLS.
        private_key: PEM file of its key; None when it is in `certificate`.
        private_key_password: Of an encrypted key.
        verify: False accepts any server; said in the log at every start.
    """

    ca: Path | None = field(default=None, kw_only=True)
    certificate: Path | None = field(default=None, kw_only=True)
    private_key: Path | None = field(default=None, kw_only=True)
    private_key_password: str | None = field(default=None, kw_only=True, repr=False)
    verify: bool = field(default=True, kw_only=True)

    def context(self) -> ssl.SSLContext:
        """Return it for clients that use Python's own TLS. Raises OSError for files that cannot be read or used."""
        made = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            made.load_cert_chain(self.certificate, self.private_key, self.private_key_password)
        if not self.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        return made
