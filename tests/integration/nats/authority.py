"""An operator's NATS: accounts and users by signed tokens, and a server of a test's own that trusts them."""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import nkeys

BINARY: Final = "nats-wheel/bin/nats-server"


class Signer:
    """A key of an operator, an account or a user.

    Args:
        kind: What it is, as one of the prefixes of `nkeys`.
    """

    def __init__(self, kind: int) -> None:
        self.seed: str = nkeys.encode_seed(secrets.token_bytes(32), kind).decode()
        self._pair = nkeys.from_seed(bytearray(self.seed.encode()))
        self.public: str = self._pair.public_key.decode()

    def sign(self, subject: "Signer", kind: str, claims: Mapping[str, Any], *, seconds: int | None = None) -> str:
        """Return a JWT about somebody (NATS ADR-14), without an end unless it is given in seconds from now."""
        about: dict[str, Any] = {
            "iat": int(time.time()), "iss": self.public, "name": kind, "sub": subject.public,
            "nats": {"type": kind, "version": 2, **claims},
        }  # fmt: skip
        if seconds is not None:
            about["exp"] = int(time.time()) + seconds
        about["jti"] = base64.b32encode(hashlib.sha256(json.dumps(about).encode()).digest()).decode().rstrip("=")
        signed = ".".join(_encoded(json.dumps(one).encode()) for one in ({"typ": "JWT", "alg": "ed25519-nkey"}, about))
        return f"{signed}.{_encoded(self._pair.sign(signed.encode()))}"


def creds(jwt: str, user: Signer) -> str:
    """Return the text of a `.creds` file."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )


@contextlib.contextmanager
def serving(config: str, directory: Path) -> Iterator[str]:
    """Run a server with a configuration, and give its `host:port`."""
    cache = Path(os.environ.get("BROKERS_CACHE") or Path(__file__).parents[3] / ".brokers")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    file, log = directory / "nats.conf", directory / "log"
    file.write_text(f'listen: "127.0.0.1:{port}"\n{config}')
    with subprocess.Popen([cache / BINARY, "-c", file, "-l", log]) as server:
        try:
            deadline = time.monotonic() + 30
            while "Server is ready" not in (log.read_text() if log.exists() else ""):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.01)
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
