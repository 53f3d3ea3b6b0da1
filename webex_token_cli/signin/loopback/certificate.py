"""The certificate for an ``https://localhost`` redirect URI: made for one login, or given by the person.

A certificate is checked as a browser checks it, in a handshake in memory with the context that the listener uses,
so that a problem is reported before the browser opens.
"""

import errno
import hashlib
import ipaddress
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.libraries import how_to_add

# The sign-in takes minutes. A clock that is off by a few hours must not make the browser refuse.
_LEEWAY = timedelta(hours=12)

# OpenSSL's numbers for what can be wrong with a certificate (X509_V_ERR_…).
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME = frozenset({62, 64})

# OpenSSL's reasons when a file does not hold PEM.
_NO_PEM = frozenset({None, "PEM_LIB", "NO_START_LINE", "PEM lib"})

# Handshake steps, alternating between the sides; TLS 1.2 and 1.3 take two or three on each side.
_TURNS = 10


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A TLS context for the listener, and what the browser's warning can be compared with.

    ``fingerprint`` is the certificate's SHA-256 in the form that browsers show; ``names_host`` says whether
    it is valid for the host that it was checked for.
    """

    context: ssl.SSLContext
    fingerprint: str
    names_host: bool


def certificate_for_this_login(host: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> ServerCertificate:
    """A self-signed certificate for ``host`` and this machine's loopback names, whose key is deleted at once.

    Raises ConfigurationError if the library that makes one is not installed.
    """
    certificate, key = _self_signed(host, now())
    # Python's ssl reads keys from files only. The folder has mode 0700 and the file 0600, and both are removed at once.
    with tempfile.TemporaryDirectory(prefix="webex-token-") as folder:
        pair = Path(folder, "pair.pem")
        pair.touch(mode=0o600)
        pair.write_bytes(certificate + key)
        return _checked(_context(pair, pair), pair, host)


def certificate_from_files(certificate: Path, key: Path, host: str) -> ServerCertificate:
    """The person's own certificate and key, both PEM.

    Raises ConfigurationError if a file cannot be read, the two do not belong together, the key has a
    passphrase, or the certificate has expired or is not valid yet.
    """
    for file, what in ((certificate, "certificate"), (key, "key")):
        try:
            if file.exists() and not file.is_file():
                raise OSError(errno.EINVAL, "it is not a regular file")
            file.open("rb").close()
        except OSError as error:
            raise ConfigurationError(
                f"The TLS {what} {file} cannot be read ({error.strerror}).",
                f"Give a PEM file that you may read with --tls-{'cert' if what == 'certificate' else 'key'}.",
            ) from None
    return _checked(_context(certificate, key), certificate, host)


def _self_signed(host: str, now: datetime) -> tuple[bytes, bytes]:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError:
        raise ConfigurationError(
            "A redirect URI with https:// needs a certificate, and the library that makes one is not installed.",
            f"{how_to_add('cryptography', 'https')} Or give a certificate with --tls-cert and --tls-key (mkcert makes "
            "one).",
        ) from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webex-token, for one login")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + _LEEWAY)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address(each)) if _is_address(each) else x509.DNSName(each)
                    for each in dict.fromkeys(("localhost", "127.0.0.1", "::1", host.lower()))
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])

    def passphrase() -> str:
        raise ConfigurationError(
            f"The TLS key {key} is protected by a passphrase.",
            "Give a key without one; it is needed for this one login only.",
        )

    try:
        context.load_cert_chain(certificate, key, password=passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"The TLS certificate {certificate} and the key {key} do not belong together.",
                "Give the pair that was made together.",
            ) from None
        if error.reason not in _NO_PEM:
            raise _not_accepted(certificate, error) from None
        raise ConfigurationError(
            f"{certificate} and {key} are not a TLS certificate and its key in PEM form.",
            "Give two PEM files, such as those that mkcert makes.",
        ) from None
    return context


def _checked(context: ssl.SSLContext, certificate: Path, host: str) -> ServerCertificate:
    """The certificate as a browser sees it. Raises ConfigurationError if every browser would refuse it."""
    try:
        der = _handshake(context, certificate, host, check_host=False)
    except ssl.SSLCertVerificationError as error:
        why = {_EXPIRED: "has expired", _NOT_YET_VALID: "is not valid yet"}.get(
            error.verify_code, f"would be refused ({error.verify_message})"
        )
        raise ConfigurationError(
            f"The TLS certificate {certificate} {why}.", "Make a new one (mkcert localhost 127.0.0.1 ::1)."
        ) from None
    except ssl.SSLError as error:
        raise _not_accepted(certificate, error) from None
    try:
        _handshake(context, certificate, host, check_host=True)
        names_host = True
    except ssl.SSLCertVerificationError as error:
        names_host = error.verify_code not in _OTHER_NAME
    return ServerCertificate(context, _fingerprint_text(hashlib.sha256(der).digest()), names_host)


def _not_accepted(certificate: Path, error: ssl.SSLError) -> ConfigurationError:
    why = (error.reason or "refused").replace("_", " ").lower()
    return ConfigurationError(
        f"The TLS certificate {certificate} or its key is not accepted by browsers ({why}).",
        "Make a new pair (mkcert localhost 127.0.0.1 ::1).",
    )


def _handshake(server: ssl.SSLContext, certificate: Path, host: str, check_host: bool) -> bytes:
    """Do a handshake in memory with a client that trusts ``certificate``; the certificate that it received, in DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_host
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = context.wrap_bio(back, there, server_hostname=host)
    listener = server.wrap_bio(there, back, server_side=True)
    for turn in range(_TURNS):
        side = (browser, listener)[turn % 2]
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return browser.getpeercert(binary_form=True) or b""


def _fingerprint_text(digest: bytes) -> str:
    return ":".join(f"{byte:02X}" for byte in digest)
