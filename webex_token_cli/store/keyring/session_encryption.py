"""How secrets are encrypted on D-Bus: the Secret Service algorithm ``dh-ietf1024-sha256-aes128-cbc-pkcs7``.

Both sides agree on a key by Diffie-Hellman, so that whoever records the bus sees no secret. The keyring library's own
Secret Service backend uses the same algorithm.
Source: https://specifications.freedesktop.org/secret-service, "Transfer of Secrets".
"""

import os

ALGORITHM = "dh-ietf1024-sha256-aes128-cbc-pkcs7"

# The second Oakley group (RFC 2409, section 6.2), whose numbers have 1024 bits. Its generator is 2.
_GROUP_BYTES = 128
_PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)
_GENERATOR = 2

# A private number of 256 bits is as hard to find as one of 1,024, because the group has no small subgroups but one and
# is weaker than 128 bits itself (RFC 7919, section 5.2); and computing with it takes a quarter of the time.
_PRIVATE_BYTES = 32

# AES works on blocks of 16 bytes, and AES-128 has a key of 16 bytes.
_BLOCK = 16
_AES_KEY_BYTES = 16


class KeyAgreement:
    """Our side of a Diffie-Hellman key agreement, with a new private number."""

    def __init__(self) -> None:
        self._private = int.from_bytes(os.urandom(_PRIVATE_BYTES), "big")

    @property
    def public(self) -> bytes:
        """The number that the service is sent."""
        return pow(_GENERATOR, self._private, _PRIME).to_bytes(_GROUP_BYTES, "big")

    def key(self, service_public: bytes) -> bytes:
        """The AES key that the number of the service leads to: HKDF (RFC 5869) with SHA-256 and no salt."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        shared = pow(int.from_bytes(service_public, "big"), self._private, _PRIME).to_bytes(_GROUP_BYTES, "big")
        return HKDF(algorithm=SHA256(), length=_AES_KEY_BYTES, salt=None, info=b"").derive(shared)


def encrypt(key: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """The initialization vector and the ciphertext of ``secret``."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    padding = _BLOCK - len(secret) % _BLOCK  # PKCS #7 (RFC 5652, section 6.3)
    vector = os.urandom(_BLOCK)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return vector, encryptor.update(secret + bytes([padding]) * padding) + encryptor.finalize()


def decrypt(key: bytes, vector: bytes, ciphertext: bytes) -> bytes:
    """The secret. Raises ValueError if it was not encrypted with ``key``."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    padding = padded[-1] if padded else 0
    if not 0 < padding <= _BLOCK or padded[-padding:] != bytes([padding]) * padding:
        raise ValueError("the padding of the secret is wrong")
    return padded[:-padding]
