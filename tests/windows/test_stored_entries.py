"""The entries of Credential Manager: their names, those of earlier versions, and the lock that belongs to them."""

import os
import sys
from collections.abc import Callable

import keyring
import pytest
from keyring.backends.Windows import WinVaultKeyring

from tests.support import credential_manager
from tests.support.program import Program
from tests.support.records import FULL_RECORD
from tests.support.store_worker import is_whole, numbered
from tests.support.workers import PATIENCE, python, working
from webex_token_cli.application import Application
from webex_token_cli.config.settings import Profile
from webex_token_cli.store.keyring.credential_manager import BACKEND
from webex_token_cli.store.keyring.splitting import SplittingKeyring
from webex_token_cli.store.records import decode, encode

assert sys.platform == "win32"


# The longest record, while that of the first save is of another length.
EARLIER = numbered(FULL_RECORD, 2)


def _stored_by_an_earlier_version() -> None:
    """Two profiles of an earlier version, in the keyring library's own entries."""
    library = SplittingKeyring(WinVaultKeyring(), 1280)  # type: ignore[no-untyped-call]
    for profile in ("default", "ada"):
        library.set_password("webex-token", profile, encode(EARLIER))


@pytest.fixture
def moving(program: Program) -> Program:
    """The program with two profiles that an earlier version has stored."""
    program = program.having(WEBEX_TOKEN_STORE=None)
    _stored_by_an_earlier_version()
    config = Application(program.environment).config
    for profile in ("default", "ada"):
        settings = (FULL_RECORD.client_id, None, "spark:all", "https://webexapis.com/v1", "keyring", BACKEND)
        config.save(Profile(profile, *settings))
    return program


def test_a_death_in_place_of_any_change_leaves_a_whole_record(
    moving: Program, is_full: bool, say: Callable[[object], None]
) -> None:
    """What is changed is an entry of an earlier version, which the first write moves."""
    application, numbers = Application(moving.environment), []
    for change in range(1, 100, 1 if is_full else 6):
        credential_manager.remove_entries()
        _stored_by_an_earlier_version()
        dying = moving.having(**{credential_manager.DEATH: str(change)})
        with working(dying, "save", 0, "ada") as process:
            process.communicate(timeout=PATIENCE)
        record, other = application.stored("ada")[1], application.stored("default")[1]
        assert is_whole(record)
        assert other == EARLIER
        numbers.append((process.returncode, len(record.access_token)))
        if process.returncode == 0:
            break
    say(f"status and characters of the record after a death at each change: {numbers}")
    assert numbers[-1][0] == 0


def test_an_entry_of_an_earlier_version_is_moved_and_then_removed(moving: Program) -> None:
    application = Application(moving.environment)
    store = application.store("keyring")
    assert application.stored("ada")[1] == application.stored("default")[1] == EARLIER
    store.save("ada", numbered(FULL_RECORD, 0))
    assert keyring.get_password("webex-token:ada", "ada") == encode(numbered(FULL_RECORD, 0))
    assert keyring.get_password("webex-token", "ada") is None
    assert application.stored("default")[1] == EARLIER
    assert store.delete("ada")
    assert store.delete("default")
    assert credential_manager.entries() == []


def test_a_remembered_keyring_is_the_one_that_the_library_finds(program: Program) -> None:
    """The store is then opened without the keyring library."""
    application = Application(program.environment)
    found = application.store("keyring")
    found.save("default", FULL_RECORD)
    remembered = application.store("keyring", BACKEND)
    assert remembered.load("default") == FULL_RECORD
    assert (remembered.place, remembered.backend) == (found.place, found.backend)
    code = (
        "import os, sys; from webex_token_cli.application import Application; "
        f"record = Application(os.environ).store('keyring', '{BACKEND}').load('default'); "
        "print(record is None, 'keyring' in sys.modules)"
    )
    with python(program, "-c", code) as process:
        assert process.communicate(timeout=PATIENCE) == ("False False\n", "")


def test_a_person_finds_the_entry_of_a_profile_with_the_keyring_command(program: Program) -> None:
    found = program.having(PYTHONIOENCODING="utf-8")
    Application(found.environment).store("keyring").save("doctor", FULL_RECORD)
    with python(found, "-m", "keyring", "get", "webex-token:doctor", "doctor") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert decode(out, "The entry") == FULL_RECORD, err


def test_the_lock_folder_is_in_the_profile_folder_whatever_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from webex_token_cli.store.local.locks import lock_folder_of_this_user
    from webex_token_cli.system.windows import profile_folder

    expected = lock_folder_of_this_user()
    assert expected == profile_folder() / "AppData/Local/webex-token/locks"
    assert profile_folder().is_dir()
    for name in ("USER", "USERNAME", "LOGNAME", "HOME", "USERPROFILE", "LOCALAPPDATA", "WIN_PD_OVERRIDE_LOCAL_APPDATA"):
        monkeypatch.setenv(name, "C:\\elsewhere")
    assert lock_folder_of_this_user() == expected
    assert os.environ["USERPROFILE"] != str(profile_folder())
