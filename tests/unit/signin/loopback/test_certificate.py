"""The listener's certificates: the one that is made for a login, and a person's own, with all that can be wrong."""

import contextlib
import os
import re
import ssl
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from webex_token_cli.application import Application
from webex_token_cli.cli.login_options import LoginOptions
from webex_token_cli.cli.signin import _tls
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.certificate import certificate_for_this_login, certificate_from_files

NOW = datetime.now(UTC)


def write_pair(
    folder: Path,
    name: str = "localhost",
    starts: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=1),
    passphrase: bytes | None = None,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> tuple[Path, Path]:
    """Write a certificate and its key to ``folder``, as mkcert would, and return the two files."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    protection = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection))
    return files


def presented_certificate(context: ssl.SSLContext) -> x509.Certificate:
    """The certificate that a server with ``context`` presents in a handshake, which is done in memory."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server) * 4:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return x509.load_der_x509_certificate(client.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.0.0.2", "LOCALHOST"])
def test_a_certificate_for_a_login_names_every_loopback_address(host: str) -> None:
    made = certificate_for_this_login(host)
    certificate = presented_certificate(made.context)
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = extension.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    assert {*names, *addresses} == {"localhost", "127.0.0.1", "::1", host.lower()}
    assert "127.0.0.1" in addresses
    assert made.names_host
    assert made.fingerprint == ":".join(f"{byte:02X}" for byte in certificate.fingerprint(hashes.SHA256()))


def test_a_certificate_for_a_login_is_a_servers_for_half_a_day_and_signs_no_other() -> None:
    certificate = presented_certificate(certificate_for_this_login("localhost", lambda: NOW).context)
    now, half_a_day = NOW.replace(microsecond=0), timedelta(hours=12)
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (now - half_a_day, now + half_a_day)
    critical = {type(each.value): each.critical for each in certificate.extensions}
    assert critical == {x509.SubjectAlternativeName: False, x509.BasicConstraints: True, x509.ExtendedKeyUsage: False}
    rights = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert rights == x509.BasicConstraints(ca=False, path_length=None)


def test_each_login_has_its_own_certificate_and_leaves_no_key_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []
    original = ssl.SSLContext.load_cert_chain

    def recording_modes(self: ssl.SSLContext, certfile: Path, *rest: object, **named: object) -> None:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in (certfile, certfile.parent))
        original(self, certfile, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", recording_modes)
    assert certificate_for_this_login("localhost").fingerprint != certificate_for_this_login("localhost").fingerprint
    if os.name == "posix":
        assert modes == [0o600, 0o700] * 2
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_reported_with_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigurationError) as raised:
        certificate_for_this_login("localhost")
    assert raised.value.message == (
        "A redirect URI with https:// needs a certificate, and the library that makes one is not installed."
    )
    assert "webex-token-cli[https]" in raised.value.hint
    assert "--tls-cert" in raised.value.hint


def test_a_certificate_of_ones_own_is_presented_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = write_pair(tmp_path)
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)  # as if the extra were not installed
    given = certificate_from_files(certificate, key, "localhost")
    monkeypatch.undo()
    assert presented_certificate(given.context) == x509.load_pem_x509_certificate(certificate.read_bytes())
    assert given.names_host
    assert not certificate_from_files(certificate, key, "127.0.0.1").names_host
    assert not certificate_from_files(certificate, key, "other.example").names_host


def options(*pair: Path) -> LoginOptions:
    cert, key = pair or (None, None)
    return LoginOptions("browser", True, None, False, 300.0, cert, key, False)


def test_a_certificate_of_ones_own_that_does_not_name_the_host_is_warned_about(tmp_path: Path) -> None:
    said = list[str]()
    application, own = Application({}, say=said.append), options(*write_pair(tmp_path))
    for host in ("localhost", "127.0.0.1"):
        assert _tls(application, own, RedirectURI.parse(f"https://{host}:8000/oauth"))
    assert said == ["Warning: the certificate does not name 127.0.0.1. The browser will warn about it."]


def test_a_redirect_uri_of_another_machine_needs_no_certificate_here() -> None:
    assert _tls(Application({}), options(), RedirectURI.parse("https://apps.example.com/oauth")) is None


def test_one_file_may_hold_both_the_certificate_and_its_key(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert certificate_from_files(both, both, "localhost").names_host


def test_each_problem_of_ones_own_certificate_has_its_message(tmp_path: Path) -> None:
    good, key = write_pair(tmp_path / "good")
    other = write_pair(tmp_path / "other")
    old, old_key = write_pair(tmp_path / "old", ends=NOW - timedelta(hours=1))
    early, early_key = write_pair(tmp_path / "early", starts=NOW + timedelta(hours=1))
    locked, locked_key = write_pair(tmp_path / "locked", passphrase=b"secret")
    text = tmp_path / "text"
    text.write_text("hello")
    missing = tmp_path / "missing"
    a_pair = "Give two PEM files, such as those that mkcert makes."
    another = "Make a new one (mkcert localhost 127.0.0.1 ::1)."
    expected = {
        (good, other[1]): (
            f"The TLS certificate {good} and the key {other[1]} do not belong together.",
            "Give the pair that was made together.",
        ),
        (missing, key): (
            f"The TLS certificate {missing} cannot be read (No such file or directory).",
            "Give a PEM file that you may read with --tls-cert.",
        ),
        (good, missing): (
            f"The TLS key {missing} cannot be read (No such file or directory).",
            "Give a PEM file that you may read with --tls-key.",
        ),
        (good, tmp_path): (
            f"The TLS key {tmp_path} cannot be read (it is not a regular file).",
            "Give a PEM file that you may read with --tls-key.",
        ),
        (text, key): (f"{text} and {key} are not a TLS certificate and its key in PEM form.", a_pair),
        (good, text): (f"{good} and {text} are not a TLS certificate and its key in PEM form.", a_pair),
        (old, old_key): (f"The TLS certificate {old} has expired.", another),
        (early, early_key): (f"The TLS certificate {early} is not valid yet.", another),
        (locked, locked_key): (
            f"The TLS key {locked_key} is protected by a passphrase.",
            "Give a key without one; it is needed for this one login only.",
        ),
    }
    messages = {}
    for pair in expected:
        with pytest.raises(ConfigurationError) as raised:
            certificate_from_files(*pair, "localhost")
        messages[pair] = (raised.value.message, raised.value.hint)
    assert messages == expected


# Loads the certificate and the key that the arguments name, as a user who may not read every file as root may.
LOAD_AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from webex_token_cli.application import Application
from webex_token_cli.cli.login_options import LoginOptions
from webex_token_cli.cli.signin import _tls
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.certificate import certificate_from_files
if os.getuid() == 0:
    os.setuid(65534)  # the user who is called nobody
try:
    certificate_from_files(Path(sys.argv[1]), Path(sys.argv[2]), "localhost")
except ConfigurationError as error:
    print(error.message)
"""


@pytest.mark.posix
def test_a_key_without_permission_to_read_is_reported() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # another user cannot enter pytest's own folders
        certificate, key = write_pair(Path(name))
        Path(name).chmod(0o755)
        key.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", LOAD_AS_ANOTHER_USER, str(certificate), str(key)],
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    assert done.stdout == f"The TLS key {key} cannot be read (Permission denied).\n"


# A curve that TLS does not have, and a key that is too short to load.
@pytest.mark.parametrize(
    ("key", "why"),
    [
        (ec.generate_private_key(ec.SECP256K1()), "no shared cipher|no suitable signature algorithm"),
        (rsa.generate_private_key(65537, 1024), "ee key too small"),
    ],
)
def test_a_certificate_that_browsers_do_not_accept_is_reported(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, why: str, tmp_path: Path
) -> None:
    certificate, key_file = write_pair(tmp_path, key=key)
    with pytest.raises(ConfigurationError) as raised:
        certificate_from_files(certificate, key_file, "localhost")
    start = f"The TLS certificate {certificate} or its key is not accepted by browsers ("
    assert re.fullmatch(rf"{re.escape(start)}({why})\)\.", raised.value.message)


@pytest.mark.posix
def test_a_named_pipe_in_place_of_a_key_is_refused_at_once(tmp_path: Path) -> None:
    certificate, _ = write_pair(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ConfigurationError, match=r"cannot be read \(it is not a regular file\)"):
        certificate_from_files(certificate, pipe, "localhost")
