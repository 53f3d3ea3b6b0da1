"""Another store than before: the new record is what matters, and an old one that cannot be removed is named."""

from pathlib import Path

import pytest

from tests.support.program import Program
from webex_token_cli.sandbox.accepting_browser import answer

LEFT_BEHIND = (
    "Warning: The entry 'default' of the earlier sign-in could not be removed from the keyring store. This machine has "
    "no keyring to store tokens in: no Secret Service, KWallet, macOS Keychain or Windows Credential Manager answers. "
    "Remove it by hand once that store works again; its service is 'webex-token'.\n"
)


@pytest.fixture
def without_keyring(program: Program) -> Program:
    """The program after a sign-in in a keyring that is not there any more."""
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    home.mkdir(mode=0o700)
    (home / "config.ini").write_text("[default]\nstore = keyring\n")
    return program.having(WEBEX_TOKEN_STORE=None, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")


def test_a_sign_in_succeeds_though_the_old_keyring_is_gone(without_keyring: Program) -> None:
    with without_keyring.started("login", "--no-browser", "--store", "file") as login:
        page = answer(login.url())
        done = login.finish()
    assert "You are signed in" in page
    assert (done.status, done.out.splitlines()[0]) == (
        0,
        "Signed in as Ada Lovelace <ada@example.com> (profile default).",
    )
    assert done.err.endswith(LEFT_BEHIND)
    assert without_keyring.run("get").status == 0


def test_an_import_succeeds_though_the_old_keyring_is_gone(signed_in: Program, tmp_path: Path) -> None:
    exported = signed_in.run("export").out
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.write_text(config.read_text().replace("store = file", "store = keyring"))
    program = signed_in.having(WEBEX_TOKEN_STORE=None, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    done = program.run("import", "--store", "file", stdin=exported)
    assert (done.status, done.err) == (0, LEFT_BEHIND)
    assert program.run("get").status == 0
