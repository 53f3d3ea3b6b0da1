"""Keyrings as they are out there: what a person sees with each, and that what was stored stays."""

import json
from pathlib import Path

import pytest

from tests.support.desktop import lock, unlock
from tests.support.keyring_choice import own_profile, using
from tests.support.program import Program
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox

# The locks of keyring entries are shared by all processes of a user: one worker runs these tests.


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, auto_approve=True, device_interval=1)


@pytest.fixture
def shelf(program: Program, tmp_path: Path) -> Program:
    """The program with a keyring that works, and somebody signed in with a token of two thousand characters."""
    program = using("Shelf", program, tmp_path, own_profile(tmp_path))
    assert program.run("login", "--flow", "device").status == 0
    return program


def first_error(err: str) -> str:
    return next((line for line in err.splitlines() if line.startswith("Error: ")), "")


SAVING = "Error: Webex answered the refresh, but its answer could not be stored: "
LOCKED = "An entry could not be read in the keyring (Shelf): Failed to unlock the collection!."


@pytest.mark.parametrize(
    ("keyring", "outcomes"),
    [
        ("Shelf", {"refresh": (0, ""), "get": (0, ""), "logout": (0, "")}),
        ("Limited", {"refresh": (0, ""), "get": (0, ""), "logout": (0, "")}),
        (
            "Locked",
            {"refresh": (5, f"Error: {LOCKED}"), "get": (5, f"Error: {LOCKED}"), "logout": (5, f"Error: {LOCKED}")},
        ),
        ("EveryThirdFails", {"refresh": (0, ""), "get": (0, ""), "logout": (0, "")}),
        (
            "Foreign",
            {
                "refresh": (5, f"{SAVING}An entry could not be written in the keyring (Shelf): 0x8007: cannot keep "),
                "get": (0, ""),
                "logout": (0, ""),
            },
        ),
        (
            "Forgetful",
            {
                "refresh": (5, f"{SAVING}the keyring (Shelf) accepted the record but did not store it."),
                "get": (0, ""),
                "logout": (0, ""),
            },
        ),
    ],
)
def test_what_a_keyring_does_and_what_is_said(
    shelf: Program, tmp_path: Path, sandbox: Sandbox, keyring: str, outcomes: dict[str, tuple[int, str]]
) -> None:
    program = using(keyring, shelf, tmp_path, own_profile(tmp_path))
    found = {}
    for command in outcomes:
        if command == "get":
            assert shelf.run("get", "--no-refresh").status == 0  # whatever happened, what is stored is whole
        done = program.run(command)
        found[command] = (done.status, first_error(done.err)[: len(outcomes[command][1])])
        assert not [secret for secret in sandbox.webex.issued if secret in done.err]
    assert found == outcomes
    left = json.loads((tmp_path / "shelf.json").read_text())
    assert set(left) == ({own_profile(tmp_path)} if keyring == "Locked" else set())


def test_a_token_of_two_thousand_characters_in_a_keyring_of_1280(program: Program, tmp_path: Path) -> None:
    limited = using("Limited", program, tmp_path, own_profile(tmp_path))
    assert limited.run("login", "--flow", "device").status == 0
    entries = json.loads((tmp_path / "shelf.json").read_text())
    assert len(entries) > 2
    assert max(map(len, entries.values())) <= 1280
    first = limited.run("get").out
    assert limited.run("refresh").status == 0
    assert limited.run("get").out not in {"", first}
    again = json.loads((tmp_path / "shelf.json").read_text())
    assert {name[-3:-2] for name in again} - {name[-3:-2] for name in entries}  # the other set, and not the first
    assert len(again) == len(entries)


@pytest.mark.parametrize(("keyring", "status"), [("Locked", 5), ("Foreign", 5), ("Forgetful", 5), ("Limited", 0)])
def test_signing_in_with_it(program: Program, tmp_path: Path, sandbox: Sandbox, keyring: str, status: int) -> None:
    done = using(keyring, program, tmp_path, own_profile(tmp_path)).run("login", "--flow", "device")
    assert done.status == status, done.err
    told = done.out + done.err
    # A part of one is enough: a keyring that holds little is given the record in parts.
    assert not [
        each for each in sandbox.webex.issued for start in range(0, len(each) - 32, 8) if each[start:][:32] in told
    ]


def test_a_locked_gnome_keyring(program: Program, own_desktop: dict[str, str]) -> None:
    there = program.having(**own_desktop, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_PROFILE="locked-test")
    assert there.run("login", "--flow", "device").status == 0
    token = there.run("get").out
    lock(there.environment)
    for command in ("get", "refresh", "show", "login"):
        done = there.run(command, timeout=60)
        assert (done.status, done.out) == (5, "")
        assert "in the keyring (SecretService Keyring): Failed to unlock the collection!." in first_error(done.err)
        assert "Unlock the keyring and try again; on a machine without one, see --store file." in done.err
    assert there.run("watch", "--once").status == 5
    unlock(there.environment)
    assert there.run("get", "--no-refresh").out == token
