"""Commands with keyrings that refuse, fail or lock: what a person sees, and that no stored record is lost."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.desktop import lock, unlock
from tests.support.in_process import run_in_process
from tests.support.keyring_choice import own_profile, using
from tests.support.program import Program
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long

SAVING = "Error: Webex answered the refresh, but its answer could not be stored: "
LOCKED = "Error: An entry could not be read in the keyring (Shelf): Failed to unlock the collection!."


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    long_tokens = Rules(redirect_uris=(redirect_uri,), devices_get_jwts=True)
    return replace(long_tokens, renew_after=0, auto_approve=True, device_interval=1)


# The access token of the device flow has about two thousand characters, more than some keyrings hold in one entry.
LOGIN = ("login", "--flow", "device")


def entries_in(folder: Path) -> dict[str, str]:
    """The entries of the keyring that ``using`` placed in ``folder``."""
    entries: dict[str, str] = json.loads((folder / "shelf.json").read_text())
    return entries


def first_error(err: str) -> str:
    return next((line for line in err.splitlines() if line.startswith("Error: ")), "")


@pytest.mark.parametrize(
    ("keyring", "outcomes", "profile_remains"),
    [
        ("Shelf", {"refresh": (0, ""), "get": (0, ""), "logout": (0, "")}, False),
        ("Limited", {"refresh": (0, ""), "get": (0, ""), "logout": (0, "")}, False),
        ("Locked", {"refresh": (5, LOCKED), "get": (5, LOCKED), "logout": (5, LOCKED)}, True),
        ("EveryThirdFails", {"refresh": (0, ""), "get": (0, ""), "logout": (0, "")}, False),
        (
            "Foreign",
            {
                "refresh": (5, f"{SAVING}An entry could not be written in the keyring (Shelf): 0x8007: cannot keep "),
                "get": (0, ""),
                "logout": (0, ""),
            },
            False,
        ),
        (
            "Forgetful",
            {
                "refresh": (5, f"{SAVING}the keyring (Shelf) accepted the record but did not store it."),
                "get": (0, ""),
                "logout": (0, ""),
            },
            False,
        ),
    ],
)
def test_a_command_reports_a_failing_keyring_and_loses_no_record(
    program: Program,
    tmp_path: Path,
    sandbox: Sandbox,
    keyring: str,
    outcomes: dict[str, tuple[int, str]],
    profile_remains: bool,
) -> None:
    profile = own_profile(tmp_path)
    working = using("Shelf", program, tmp_path, profile)
    assert run_in_process(working, *LOGIN).status == 0
    failing = using(keyring, program, tmp_path, profile)
    found = {}
    for command, (_, error) in outcomes.items():
        if command == "get":
            assert run_in_process(working, "get", "--no-refresh").status == 0  # the record is whole after a refresh
        done = run_in_process(failing, command)
        found[command] = (done.status, first_error(done.err)[: len(error)])
        assert not [secret for secret in sandbox.issued if secret in done.err]
    assert found == outcomes
    assert set(entries_in(tmp_path)) == ({profile} if profile_remains else set())


def test_a_record_is_split_for_a_keyring_of_1280_characters(program: Program, tmp_path: Path) -> None:
    limited = using("Limited", program, tmp_path, own_profile(tmp_path))
    assert run_in_process(limited, *LOGIN).status == 0
    entries = entries_in(tmp_path)
    assert len(entries) > 2
    assert max(map(len, entries.values())) <= 1280
    first_token = run_in_process(limited, "get").out
    assert run_in_process(limited, "refresh").status == 0
    assert run_in_process(limited, "get").out not in {"", first_token}
    new_entries = entries_in(tmp_path)
    # A write uses the other of the two sets of parts. The set is the digit before the point in an entry's name.
    assert {name[-3:-2] for name in new_entries} - {name[-3:-2] for name in entries}
    assert len(new_entries) == len(entries)


@pytest.mark.parametrize(("keyring", "status"), [("Locked", 5), ("Foreign", 5), ("Forgetful", 5), ("Limited", 0)])
def test_a_sign_in_with_a_failing_keyring_reveals_no_part_of_a_secret(
    program: Program, tmp_path: Path, sandbox: Sandbox, keyring: str, status: int
) -> None:
    done = run_in_process(using(keyring, program, tmp_path, own_profile(tmp_path)), *LOGIN)
    assert done.status == status, done.err
    # A keyring with a limit is given the record in parts, so each 32 characters of a secret must be missing.
    assert not [
        secret
        for secret in sandbox.issued
        for start in range(0, len(secret) - 32, 8)
        if secret[start : start + 32] in done.out + done.err
    ]


def test_commands_report_a_locked_gnome_keyring_until_it_is_unlocked(
    program: Program, own_desktop: dict[str, str]
) -> None:
    program = program.having(**own_desktop, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_PROFILE="locked-test")
    assert program.run(*LOGIN).status == 0
    token = program.run("get").out
    lock(program.environment)
    for command in ("get", "refresh", "show", "login"):
        done = program.run(command)
        assert (done.status, done.out) == (5, "")
        assert "in the keyring (SecretService Keyring): Failed to unlock the collection!." in first_error(done.err)
        assert "Unlock the keyring and try again; on a machine without one, see --store file." in done.err
    assert program.run("watch", "--once").status == 5
    unlock(program.environment)
    assert program.run("get", "--no-refresh").out == token
