"""The Credential Manager that the programs under test meet: real entries, with the limits that Windows has."""

import subprocess
import sys
from pathlib import Path

import keyring
import pytest
from keyring.backends.Windows import WinVaultKeyring

from tests.support import credential_manager
from tests.support.program import Program

assert sys.platform == "win32"

SERVICE, LARGEST = "webex-token-tests", "x" * 1280


def test_it_is_the_keyring_of_windows() -> None:
    assert isinstance(keyring.get_keyring(), WinVaultKeyring)


def test_an_entry_of_2560_bytes_is_the_largest() -> None:
    keyring.set_password(SERVICE, "user", LARGEST)
    assert keyring.get_password(SERVICE, "user") == LARGEST
    with pytest.raises(Exception, match="1783"):
        keyring.set_password(SERVICE, "another", LARGEST + "x")
    assert keyring.get_password(SERVICE, "another") is None


def test_entries_have_names_that_no_other_program_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.set_password(SERVICE, "user", "secret")
    prefix = credential_manager.prefix()
    assert credential_manager.entries() == [SERVICE]
    monkeypatch.delenv(credential_manager.PREFIX)
    assert prefix + SERVICE in credential_manager.entries()
    assert keyring.get_password(SERVICE, "user") is None


def test_a_process_dies_in_place_of_the_write_that_is_asked_for(tmp_path: Path) -> None:
    variables = {credential_manager.DEATH: "3", credential_manager.LOG: str(tmp_path / "log")}
    code = "import keyring; [keyring.set_password(f'{number}', 'user', 'secret') for number in range(9)]"
    environment = Program(tmp_path, variables).environment
    status = subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode
    assert status == 9
    assert sorted(credential_manager.entries()) == ["0", "1"]
    writes = [line for line in (tmp_path / "log").read_text().splitlines() if "Write" in line]
    assert writes == ["CredWriteW 0 12", "CredWriteW 1 12", "CredWriteW 2 12"]
