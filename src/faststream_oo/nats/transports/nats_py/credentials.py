"""How a connection shows who it is, with the client's own options."""

import json
import logging
import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypedDict

from faststream_oo.errors import Problem, SetupError
from faststream_oo.nats.transports.nats_py.rotation import Shown
from faststream_oo.network import system_cause
from faststream_oo.security import Credentials, Plain, Token

_log: Final = logging.getLogger("faststream_oo")

_SECTION: Final = r"-+BEGIN {}-+\s+(\S+)\s+-+END {}-+"
_JWT: Final = re.compile(_SECTION.format("NATS USER JWT", "NATS USER JWT"))
_SEED: Final = re.compile(_SECTION.format("USER NKEY SEED", "USER NKEY SEED"))


class LoginOptions(TypedDict, total=False):
    """Options of the client's `connect`."""

    user: Callable[[], str]
    password: Callable[[], str]
    token: Callable[[], str]
    nkeys_seed_str: str
    user_jwt_cb: Callable[[], bytearray | bytes]
    signature_cb: Callable[[str], bytes]


def login_options(
    auth: Plain | Token | Credentials | None, check: Callable[[], object], shown: Callable[[Shown], object], /
) -> LoginOptions:
    """Return the options for credentials.

    Args:
        auth: From the settings.
        check: Called when the client is about to send a secret; what it raises keeps the secret here.
        shown: Called when the client shows a JWT.

    Raises:
        SetupError: A file of credentials cannot be used.
    """
    match auth:
        case None:
            return {}
        case Plain():
            return {"user": _checked(auth.username, check), "password": lambda: auth.password}
        case Token():
            return {"token": _checked(auth.value, check)}
        case Credentials():
            content = _content(auth.path)
            if _JWT.search(content) is None:
                return {"nkeys_seed_str": content.strip()}
            file = _File(auth.path, content, shown)
            return {"user_jwt_cb": file.jwt, "signature_cb": file.sign}


def missing_library(auth: Plain | Token | Credentials | None, /) -> Problem | None:
    """Return that what signs for a file of credentials is not installed, if it is needed and not there."""
    if not isinstance(auth, Credentials) or find_spec("nkeys") is not None:
        return None
    return Problem("nats.auth", "nkeys is not installed", 'pip install "faststream-oo[nats]"')


def _checked(secret: str, check: Callable[[], object]) -> Callable[[], str]:
    def give() -> str:
        check()
        return secret

    return give


def _content(path: Path) -> str:
    try:
        content = path.read_text("ascii")
    except UnicodeDecodeError as error:
        raise _refused(path, "is no text") from error
    except OSError as error:
        raise _refused(path, system_cause(error)) from error
    if not (_is_creds(content) or _is_seed(content.strip())):
        raise _refused(path, "holds neither the JWT and seed of a user, nor the seed of one")
    return content


def _is_creds(content: str) -> bool:
    seed = _SEED.search(content)
    return _JWT.search(content) is not None and seed is not None and _is_seed(seed[1])


def _is_seed(text: str) -> bool:
    nkeys: Any = import_module("nkeys")
    try:
        kind, seed = nkeys.decode_seed(bytearray(text.encode()))
        # Reading does not look at the checksum.
        same = bool(nkeys.encode_seed(seed, kind) == text.encode())
    except (nkeys.NkeysError, ValueError):
        return False
    return same and kind == nkeys.PREFIX_BYTE_USER


def _refused(path: Path, what: str) -> SetupError:
    return SetupError([Problem("nats.auth.path", f"{path}: {what}", "the .creds file or the nkey seed of a user")])


class _File:
    """JWT and seed of a user, as they are in the file at each connection: a JWT ends, and another is written there."""

    def __init__(self, path: Path, content: str, shown: Callable[[Shown], object]) -> None:
        self._path = path
        self._content = content
        self._shown = shown

    def sign(self, nonce: str) -> bytes:
        """Return the signature of what the server asks; the client calls it before `jwt`."""
        self._content = self._read()
        pair: Any = import_module("nkeys").from_seed(bytearray(_section(_SEED, self._content)))
        try:
            return b64encode(pair.sign(nonce.encode()))
        finally:
            pair.wipe()

    def _read(self) -> str:
        try:
            return _content(self._path)
        except SetupError as error:  # being written
            _log.warning("the last credentials are used again: %s", error, extra={"fields": {"broker": "nats"}})
            return self._content

    def jwt(self) -> bytes:
        """Return who we are."""
        self._shown(self)
        return _section(_JWT, self._content)

    @property
    def ends(self) -> float | None:
        """When the JWT ends, in seconds since the epoch; None where it does not tell."""
        return _end(_section(_JWT, self._content))

    @property
    def replaced(self) -> bool:
        """Whether the file holds another JWT."""
        return _section(_JWT, self._read()) != _section(_JWT, self._content)


def _end(jwt: bytes) -> float | None:
    try:
        _, claims, _ = jwt.split(b".")
        told: Any = json.loads(urlsafe_b64decode(claims + b"=="))
        return float(told["exp"])
    except (ValueError, KeyError, TypeError):
        return None


def _section(pattern: re.Pattern[str], content: str) -> bytes:
    found = pattern.search(content)
    assert found is not None  # it was looked at before
    return found[1].encode()
