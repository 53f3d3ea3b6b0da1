"""A process that runs for long finds a keyring that comes after it, and one that comes back."""

import os
from pathlib import Path

import pytest
from keyring.backends.SecretService import Keyring

from tests.support.desktop import REQUIRED, desktop_at
from tests.support.keyring_choice import library_found_none
from tests.support.records import FULL_RECORD
from tests.support.requirements import require
from webex_token_cli.application import Application
from webex_token_cli.errors import StoreUnavailable

pytestmark = pytest.mark.long

PROFILE = "late-keyring"
NO_KEYRING = (
    "This machine has no keyring to store tokens in: no Secret Service, KWallet, macOS Keychain or Windows Credential "
    "Manager answers."
)


def test_a_keyring_that_starts_later_ends_and_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require(*REQUIRED, "dbus-daemon")
    address = f"unix:path={tmp_path}/bus"
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    library_found_none(monkeypatch, Keyring)
    application = Application(os.environ)

    def failure() -> str:
        with pytest.raises(StoreUnavailable) as raised:
            application.store("keyring").load(PROFILE)
        return raised.value.message

    assert failure() == NO_KEYRING
    with desktop_at(address, tmp_path / "desktop"):
        application.store("keyring").save(PROFILE, FULL_RECORD)
        assert application.store("keyring").load(PROFILE) == FULL_RECORD
    assert failure().startswith("An entry could not be read in the keyring (SecretService Keyring): ")
    with desktop_at(address, tmp_path / "desktop"):
        assert application.store("keyring").load(PROFILE) == FULL_RECORD
