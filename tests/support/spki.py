"""Prints the SPKI fingerprint of the certificate at a host and port, in the form that Chromium's flag takes."""

import base64
import hashlib
import ssl
import sys

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def fingerprint(host: str, port: int) -> str:
    """Base64 of the SHA-256 of the SubjectPublicKeyInfo (RFC 7469 section 2.4)."""
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate((host, port)).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


if __name__ == "__main__":
    sys.stdout.write(fingerprint(sys.argv[1], int(sys.argv[2])))
