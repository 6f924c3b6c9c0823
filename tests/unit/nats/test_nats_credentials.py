"""What a NATS client is told about credentials, and files of them that cannot be used."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import nkeys  # pyright: ignore[reportMissingTypeStubs]
import pytest

from faststream_oo.errors import SetupError
from faststream_oo.nats.transports.nats_py.credentials import login_options
from faststream_oo.nats.transports.nats_py.rotation import Shown
from faststream_oo.security import Credentials, Plain, Token

encode_seed = cast(Any, nkeys).encode_seed
SEED = encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER).decode()
CREDS = f"""-----BEGIN NATS USER JWT-----
{{jwt}}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{SEED}
------END USER NKEY SEED------
"""


def unasked() -> None:
    """Nothing is against sending a secret."""


def refuse() -> None:
    raise ConnectionError("nobody encrypts")


def options_of(
    auth: Plain | Token | Credentials,
    check: Callable[[], object] = unasked,
    shown: Callable[[Shown], object] = lambda _jwt: None,
) -> Any:
    return login_options(auth, check, shown)


def test_a_user_and_a_token_are_given_when_the_client_asks() -> None:
    user = options_of(Plain("app", "s3cret"))
    assert (user["user"](), user["password"]()) == ("app", "s3cret")
    assert options_of(Token("s3cret"))["token"]() == "s3cret"


@pytest.mark.parametrize(("auth", "asked"), [(Plain("app", "s3cret"), "user"), (Token("s3cret"), "token")])
def test_a_secret_stays_here_when_the_connection_is_not_as_it_should_be(auth: Plain | Token, asked: str) -> None:
    give = options_of(auth, refuse)[asked]
    with pytest.raises(ConnectionError, match="nobody encrypts"):
        give()


def test_a_seed_alone_is_an_nkey(tmp_path: Path) -> None:
    (tmp_path / "user.nk").write_text(f"{SEED}\n")
    assert options_of(Credentials(tmp_path / "user.nk")) == {"nkeys_seed_str": SEED}


def test_a_jwt_is_read_again_at_each_connection_and_kept_while_its_file_is_written(tmp_path: Path) -> None:
    file = tmp_path / "app.creds"
    file.write_text(CREDS.format(jwt="old"))
    options = options_of(Credentials(file))
    signed: list[bytes] = []
    told: list[bytes | bytearray] = []
    for content in (CREDS.format(jwt="old"), CREDS.format(jwt="new"), "half of it"):
        file.write_text(content)
        signed.append(options["signature_cb"]("nonce"))
        told.append(options["user_jwt_cb"]())
    assert told == [b"old", b"new", b"new"]
    assert len(set(signed)) == 1


def signed(**claims: Any) -> str:
    """Return what a JWT says, without a signature that anybody could check."""
    return f"head.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


@pytest.mark.parametrize(
    ("jwt", "ends"),
    [(signed(exp=1700000000), 1700000000.0), (signed(name="app"), None), ("old", None), ("a.b.c", None)],
)
def test_a_jwt_that_is_shown_tells_when_it_ends_and_whether_there_is_another(
    tmp_path: Path, jwt: str, ends: float | None
) -> None:
    file = tmp_path / "app.creds"
    file.write_text(CREDS.format(jwt=jwt))
    shown: list[Shown] = []
    options = options_of(Credentials(file), shown=shown.append)
    options["signature_cb"]("nonce")
    options["user_jwt_cb"]()
    (one,) = shown
    assert one.ends == ends
    replaced = [one.replaced]
    for content in ("half of it", CREDS.format(jwt="new")):
        file.write_text(content)
        replaced.append(one.replaced)
    options["signature_cb"]("nonce")
    assert [*replaced, one.replaced] == [False, False, True, False]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "holds neither the JWT and seed of a user, nor the seed of one"),
        (CREDS.replace("SEED", "OTHER").encode(), "holds neither"),
        (CREDS.replace(SEED, SEED[:-2] + "AA").encode(), "holds neither"),
        (SEED[:-2].encode(), "holds neither"),
        (encode_seed(bytes(32), nkeys.PREFIX_BYTE_ACCOUNT), "holds neither"),
        (b"\xff\xfe", "is no text"),
        (None, "no such file or directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem_of_the_settings(
    tmp_path: Path, content: bytes | None, what: str
) -> None:
    file = tmp_path / "app.creds"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SetupError) as refused:
        options_of(Credentials(file))
    assert f"nats.auth.path: {file}: {what}" in str(refused.value)
    assert SEED not in str(refused.value)
