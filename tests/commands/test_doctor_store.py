"""``doctor``: the check of the store, which leaves no entry behind."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.desktop import desktop, lock
from tests.support.doctor_report import END_OF_PROBLEM, HEALTHY, NOT_CHECKED, report, settled
from tests.support.keyring_choice import using
from tests.support.program import Program
from tests.support.stored import record_file
from webex_token_cli.sandbox import Sandbox
from webex_token_cli.store.local.probe import ENTRY, RECORD
from webex_token_cli.store.local.store import SERVICE

pytestmark = [pytest.mark.posix, pytest.mark.long]  # it needs D-Bus

# The user names of all entries in the keyring.
ITEMS = """
import json, secretstorage
items = secretstorage.get_default_collection(secretstorage.dbus_init()).get_all_items()
print(json.dumps([item.get_attributes()["username"] for item in items]))
"""

NO_KEYRING = (
    "✗ problem store    This machine has no keyring to store tokens in: no Secret Service, KWallet, macOS Keychain or "
    "Windows Credential Manager answers.\n"
    "> On Linux install and start gnome-keyring with D-Bus (apt install gnome-keyring dbus), or KWallet, or turn on "
    "KeePassXC's Secret Service Integration; if that is not possible, `--store file` (or WEBEX_TOKEN_STORE=file) "
    "stores them unencrypted in a file that only you can read."
)


def test_a_machine_without_a_keyring(program: Program, sandbox: Sandbox) -> None:
    without = program.having(WEBEX_TOKEN_STORE=None)
    assert settled(without.run("doctor"), program, sandbox) == (
        5,
        report(
            "problem",
            END_OF_PROBLEM,
            config="✓ ok config   <home>/config.ini names no profile yet; `webex-token login` adds one.",
            store=NO_KEYRING,
            profile=NOT_CHECKED.format("default"),
        ),
        "",
    )


def test_a_gnome_keyring_that_works_and_one_that_is_locked(
    program: Program, sandbox: Sandbox, keyring_session: dict[str, str], tmp_path: Path
) -> None:
    with desktop(tmp_path / "desktop") as variables:
        on_desktop = program.having(**variables, WEBEX_TOKEN_STORE=None)
        assert on_desktop.run("login", "-p", "person").status == 0
        profile = HEALTHY["profile"].replace("default", "person")
        store = HEALTHY["store"].replace("file store <home>/credentials", "keyring (SecretService Keyring)")
        assert settled(on_desktop.run("doctor"), program, sandbox) == (
            0,
            report("ok", "\nNo problems found.\n", store=store, profile=profile),
            "",
        )
        entries = subprocess.run(
            [sys.executable, "-c", ITEMS], env=on_desktop.environment, capture_output=True, check=True
        )
        assert json.loads(entries.stdout) == ["person"]
        lock(on_desktop.environment)
        locked_store = (
            "✗ problem store    An entry could not be written in the keyring (SecretService Keyring): Failed to unlock "
            "the collection!.\n> Unlock the keyring and try again; on a machine without one, see --store file."
        )
        assert settled(on_desktop.run("doctor"), program, sandbox) == (
            5,
            report("problem", END_OF_PROBLEM, store=locked_store, profile=NOT_CHECKED.format("person")),
            "",
        )


def test_a_store_folder_that_other_users_may_read_is_a_problem(signed_in: Program) -> None:
    record_file(signed_in).parent.chmod(0o755)
    done = signed_in.run("doctor")
    assert done.status == 5
    assert "others may use it (mode 0755)" in done.out


# The probe, an entry that is written, read and removed.


@pytest.mark.parametrize(
    ("keyring", "status", "message"),
    [
        ("Shelf", 0, "An entry of 2,706 characters was written to the keyring (Shelf), read and removed."),
        ("Limited", 0, "An entry of 2,706 characters was written to the keyring (Limited), read and removed."),
        ("Locked", 5, "An entry could not be written in the keyring (Shelf): Failed to unlock the collection!."),
        ("Foreign", 5, "An entry could not be written in the keyring (Shelf): 0x8007: cannot keep "),
        ("Forgetful", 5, "The keyring (Shelf) accepted the record but did not store it."),
        ("Unreadable", 5, "An entry could not be read back in the keyring (Shelf): the daemon was restarted."),
    ],
)
def test_the_probe_entry_is_removed_whether_the_keyring_works_or_fails(
    program: Program, tmp_path: Path, keyring: str, status: int, message: str
) -> None:
    done = using(keyring, program, tmp_path).run("doctor", "--json")
    store = next(each for each in json.loads(done.out)["findings"] if each["check"] == "store")
    assert store["message"].replace(keyring, "Shelf").startswith(message.replace(keyring, "Shelf"))
    assert store["exit_status"] == status
    assert (store["fix"] is None) == (status == 0)
    shelf = tmp_path / "shelf.json"
    assert not shelf.exists() or json.loads(shelf.read_text()) == {}


def test_a_keyring_that_does_not_remove_the_probe_entry_is_a_problem(program: Program, tmp_path: Path) -> None:
    done = using("Clinging", program, tmp_path).run("doctor")
    assert done.status == 5
    assert "did not remove an entry, but reported success." in done.out
    assert f"Remove the entry '{ENTRY}' of '{SERVICE}' there by hand" in done.out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_during_the_probe_removes_its_entry(program: Program, tmp_path: Path, number: signal.Signals) -> None:
    shelf = tmp_path / "shelf.json"
    with using("Dawdling", program, tmp_path).started("doctor") as doctor:
        doctor.wait_for("Waiting for the keyring")
        assert list(json.loads(shelf.read_text())) == [ENTRY]
        doctor.process.send_signal(number)
        done = doctor.finish()
    assert done.status == (130 if number == signal.SIGINT else -number)
    assert json.loads(shelf.read_text()) == {}


def test_a_probe_entry_left_by_an_earlier_run_is_removed(program: Program, tmp_path: Path) -> None:
    with using("Dawdling", program, tmp_path).started("doctor") as doctor:
        doctor.wait_for("Waiting for the keyring")
    shelf = tmp_path / "shelf.json"
    assert list(json.loads(shelf.read_text())) == [ENTRY]
    assert using("Shelf", program, tmp_path).run("doctor").status == 3
    assert json.loads(shelf.read_text()) == {}


def test_two_runs_at_once_do_not_remove_each_others_probe_entry(program: Program, tmp_path: Path) -> None:
    with using("Dawdling", program, tmp_path).started("doctor") as first:
        first.wait_for("Waiting for the keyring")
        with using("Shelf", program, tmp_path).started("doctor") as second:
            second.wait_for("Waiting for another webex-token that holds")
            first.process.terminate()
            assert second.finish().status == 3
    assert json.loads((tmp_path / "shelf.json").read_text()) == {}


def test_no_profile_can_have_the_probes_name(program: Program) -> None:
    assert program.run("show", "-p", ENTRY).status == 2


def test_the_probe_is_as_large_as_a_record_with_a_jwt() -> None:
    assert len(RECORD.access_token) == 2000
