"""The encryption of secrets on D-Bus, compared with the implementation of the secretstorage library."""

import pytest
from secretstorage.dhcrypto import Session
from secretstorage.util import format_secret

from webex_token_cli.store.keyring.session_encryption import KeyAgreement, decrypt, encrypt

pytestmark = pytest.mark.posix


def test_both_sides_agree_on_the_key_that_secretstorage_computes() -> None:
    ours, theirs = KeyAgreement(), Session()
    theirs.set_server_public_key(int.from_bytes(ours.public, "big"))
    assert ours.key(theirs.my_public_key.to_bytes(128, "big")) == theirs.aes_key


@pytest.mark.parametrize("secret", [b"", b"x", b"fifteen letters", b"sixteen letters!", "Ærøskøbing".encode()])
def test_a_secret_that_secretstorage_encrypted_is_decrypted(secret: bytes) -> None:
    session = Session()
    session.aes_key = bytes(range(16))
    session.object_path = "/"
    _, vector, ciphertext, _ = format_secret(session, secret, "text/plain")
    assert decrypt(session.aes_key, vector, ciphertext) == secret
    assert decrypt(session.aes_key, *encrypt(session.aes_key, secret)) == secret


def test_a_secret_is_encrypted_differently_each_time() -> None:
    assert encrypt(bytes(16), b"secret") != encrypt(bytes(16), b"secret")


def test_a_secret_of_another_key_is_refused() -> None:
    # Fixed bytes, because one in 256 random ciphertexts has a padding that looks right by chance.
    vector, ciphertext = bytes(16), bytes(range(48))
    with pytest.raises(ValueError, match="padding"):
        decrypt(bytes([1] * 16), vector, ciphertext)


def test_a_ciphertext_without_any_block_is_refused() -> None:
    with pytest.raises(ValueError, match="padding"):
        decrypt(bytes(16), bytes(16), b"")
