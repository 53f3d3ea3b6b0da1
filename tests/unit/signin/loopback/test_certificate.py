"""The listener's TLS side: a certificate for one login, and what is wrong with a person's own."""

import ipaddress
import os
import socket
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
from cryptography.hazmat.primitives.asymmetric import ec

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.loopback.certificate import certificate_for_this_login, certificate_from_files

NOW = datetime.now(UTC)


def write_pair(
    folder: Path,
    name: str = "localhost",
    starts: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=1),
    passphrase: bytes | None = None,
    curve: ec.EllipticCurve | None = None,
) -> tuple[Path, Path]:
    """A certificate and its key, as mkcert would write them."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
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


def served(context: ssl.SSLContext) -> x509.Certificate:
    """The certificate that a client of ``context`` is shown, over real sockets."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = client.wrap_bio(back, there)
    listener = context.wrap_bio(there, back, server_side=True)
    for side in (browser, listener) * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    ours.close()
    theirs.close()
    return x509.load_der_x509_certificate(browser.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.0.0.2", "LOCALHOST"])
def test_a_certificate_for_this_login_names_every_way_here(host: str) -> None:
    made = certificate_for_this_login(host)
    shown = served(made.context)
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    told = set(names.get_values_for_type(x509.DNSName)) | {
        str(each) for each in names.get_values_for_type(x509.IPAddress)
    }
    assert told == {"localhost", "127.0.0.1", "::1", host.lower()}
    assert made.names_host
    assert made.fingerprint == ":".join(f"{byte:02X}" for byte in shown.fingerprint(hashes.SHA256()))
    assert shown.not_valid_before_utc < NOW < shown.not_valid_after_utc < NOW + timedelta(days=2)
    assert ipaddress.ip_address("127.0.0.1") in names.get_values_for_type(x509.IPAddress)


def test_no_two_logins_share_one_and_no_key_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def noting(self: ssl.SSLContext, certfile: Path, *rest: object, **named: object) -> None:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in (certfile, certfile.parent))
        load(self, certfile, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", noting)
    assert certificate_for_this_login("localhost").fingerprint != certificate_for_this_login("localhost").fingerprint
    assert modes == [0o600, 0o700] * 2
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_it_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigurationError) as raised:
        certificate_for_this_login("localhost")
    assert raised.value.message == (
        "A redirect URI with https:// needs a certificate, and the library that makes one is not installed."
    )
    assert "webex-token-cli[https]" in raised.value.hint
    assert "--tls-cert" in raised.value.hint


def test_ones_own_certificate_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = write_pair(tmp_path)
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)  # what the extra brings is not needed for it
    given = certificate_from_files(certificate, key, "localhost")
    monkeypatch.undo()
    told = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert (served(given.context), given.names_host) == (told, True)
    assert not certificate_from_files(certificate, key, "127.0.0.1").names_host
    assert not certificate_from_files(certificate, key, "other.example").names_host


def test_one_file_may_hold_both(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert certificate_from_files(both, both, "localhost").names_host


def test_what_is_wrong_with_ones_own_certificate_is_said(tmp_path: Path) -> None:
    good, key = write_pair(tmp_path / "good")
    other = write_pair(tmp_path / "other")
    old, old_key = write_pair(tmp_path / "old", ends=NOW - timedelta(hours=1))
    early, early_key = write_pair(tmp_path / "early", starts=NOW + timedelta(hours=1))
    locked, locked_key = write_pair(tmp_path / "locked", passphrase=b"secret")
    text = tmp_path / "text"
    text.write_text("hello")
    missing = tmp_path / "missing"
    table = {
        (good, other[1]): f"The TLS certificate {good} and the key {other[1]} do not belong together.",
        (missing, key): f"The TLS certificate {missing} cannot be read (No such file or directory).",
        (good, missing): f"The TLS key {missing} cannot be read (No such file or directory).",
        (good, tmp_path): f"The TLS key {tmp_path} cannot be read (it is not a regular file).",
        (text, key): f"{text} and {key} are not a TLS certificate and its key in PEM form.",
        (good, text): f"{good} and {text} are not a TLS certificate and its key in PEM form.",
        (old, old_key): f"The TLS certificate {old} has expired.",
        (early, early_key): f"The TLS certificate {early} is not valid yet.",
        (locked, locked_key): f"The TLS key {locked_key} is protected by a passphrase.",
    }
    said = {}
    for pair in table:
        with pytest.raises(ConfigurationError) as raised:
            certificate_from_files(*pair, "localhost")
        said[pair] = raised.value.message
    assert said == table


def test_a_key_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path)
    tmp_path.chmod(0o755)
    key.chmod(0)
    try:
        key.read_bytes()
    except PermissionError:
        user = None
    else:
        user = 65534  # root may read everything, nobody may not
    code = (
        "import sys; from pathlib import Path\n"
        "from webex_token_cli.signin.loopback.certificate import certificate_from_files\n"
        "from webex_token_cli.errors import ConfigurationError\n"
        "import os\n"
        "if len(sys.argv) > 3: os.setuid(int(sys.argv[3]))\n"
        "try: certificate_from_files(Path(sys.argv[1]), Path(sys.argv[2]), 'localhost')\n"
        "except ConfigurationError as error: print(error.message)\n"
    )
    reachable = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        reachable.chmod(0o755)
        for file in (certificate, key):
            (reachable / file.name).write_bytes(b"" if file is key else file.read_bytes())
        (reachable / "key.pem").chmod(0)
        arguments = [str(reachable / "cert.pem"), str(reachable / "key.pem"), *([str(user)] if user else [])]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, encoding="utf-8", check=True
        )
    finally:
        for file in reachable.iterdir():
            file.unlink()
        reachable.rmdir()
    assert done.stdout == f"The TLS key {reachable}/key.pem cannot be read (Permission denied).\n"


def test_a_certificate_that_no_browser_would_take_is_said(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, curve=ec.SECP256K1())
    with pytest.raises(ConfigurationError) as raised:
        certificate_from_files(certificate, key, "localhost")
    assert raised.value.message.startswith(
        f"The TLS certificate {certificate} or its key is not accepted by browsers ("
    )
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ConfigurationError, match=r"cannot be read \(it is not a regular file\)"):
        certificate_from_files(certificate, pipe, "localhost")
