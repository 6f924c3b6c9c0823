"""Credentials and TLS as values: what they show, refuse and give to Python's TLS."""

import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from faststream_oo.encryption import encryption
from faststream_oo.errors import SetupError
from faststream_oo.security import OAuth, Plain, Scram, Tls, Token


async def token() -> str:
    return "s3cret"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate and its key, which a password opens, in one file."""
    path = tmp_path / "ours.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=us -days 2 -passout pass:0pen"
    key, pem = tmp_path / "key", tmp_path / "pem"
    subprocess.run([*make.split(), "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True)
    path.write_text(key.read_text() + pem.read_text())
    return path


@pytest.mark.parametrize(
    "secret",
    [Plain("app", "s3cret"), Scram("app", "s3cret"), Token("s3cret"), OAuth(token),
     Tls(certificate=Path("ours.pem"), private_key_password="s3cret")],
)  # fmt: skip
def test_no_secret_is_shown(secret: object) -> None:
    assert "s3cret" not in repr(secret)
    assert "token at" not in repr(secret)


@pytest.mark.parametrize("option", [{"private_key": Path("key")}, {"private_key_password": "s3cret"}])
def test_a_key_without_a_certificate_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="certificate' is missing beside a private key") as refused:
        Tls(**option)
    assert "s3cret" not in str(refused.value)


def test_servers_are_verified_unless_that_is_switched_off() -> None:
    strict, loose = Tls().context(), Tls(verify=False).context()
    assert (strict.check_hostname, strict.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert (loose.check_hostname, loose.verify_mode) == (False, ssl.CERT_NONE)


def test_another_name_is_asked_for_and_expected() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    named = Tls(server_name="broker.example").context().wrap_bio(incoming, outgoing, server_hostname="10.0.0.1")
    assert named.server_hostname == "broker.example"
    unnamed = Tls().context().wrap_bio(incoming, outgoing, server_hostname="10.0.0.1")
    assert unnamed.server_hostname == "10.0.0.1"


def test_the_authority_is_the_only_one_that_is_trusted(certificate: Path) -> None:
    context = Tls(ca=certificate).context()
    assert [one["subject"] for one in context.get_ca_certs()] == [((("commonName", "us"),),)]


def test_an_encrypted_key_is_opened_by_its_password_and_never_asked_for_on_the_terminal(certificate: Path) -> None:
    Tls(certificate=certificate, private_key_password="0pen").context()
    for wrong in (None, "not-it"):
        with pytest.raises(ssl.SSLError):
            Tls(certificate=certificate, private_key_password=wrong).context()


def test_a_file_that_cannot_be_used_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(
        SetupError, match=r"rabbit\.tls: no such file or directory\. Hint: PEM files that this user may read"
    ):
        encryption(Tls(ca=tmp_path / "missing.pem"), "rabbit")
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(SetupError, match=r"nats\.tls: TLS: "):
        encryption(Tls(ca=tmp_path / "empty.pem"), "nats")


def test_plain_text_needs_nothing() -> None:
    assert encryption(None, "kafka") is None
