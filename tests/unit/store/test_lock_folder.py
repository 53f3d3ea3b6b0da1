"""Where the locks of keyring entries are: at one place for each user that nobody else can take."""

import os
import pwd
from pathlib import Path

import pytest

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.file.keyring import FileKeyring
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.local.locks import check_lock_folder, lock_folder_of, lock_folder_of_this_user

pytestmark = pytest.mark.posix

ME = os.getuid()


def at_home(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    """Give every user the folder ``home`` in the user database; None gives them no entry there."""

    def getpwuid(uid: int) -> pwd.struct_passwd:
        if home is None:
            raise KeyError(uid)
        return pwd.struct_passwd(("ada", "x", uid, uid, "", home, "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwuid", getpwuid)


def test_the_locks_are_in_the_home_folder_that_the_user_database_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_home(monkeypatch, str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert lock_folder_of_this_user() == tmp_path / ".local/state/webex-token/locks"
    monkeypatch.setattr("sys.platform", "darwin")
    assert lock_folder_of_this_user() == tmp_path / "Library/Application Support/webex-token/locks"


@pytest.mark.parametrize("home", [None, "", "ada", "/nonexistent", "/dev/null", "of another user"])
def test_a_user_without_a_home_of_their_own_has_the_locks_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    """Another uid than this process's owns nothing here, but the folder at its place in ``runtime``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ada").mkdir()
    uid = ME + 1 if home == "of another user" else ME
    at_home(monkeypatch, str(tmp_path) if home == "of another user" else home)
    runtime, temporary = tmp_path / "run", tmp_path / "tmp"
    assert lock_folder_of(uid, runtime, temporary) == temporary / f"webex-token-{uid}"
    (runtime / str(uid)).mkdir(parents=True)
    if uid == ME:
        assert lock_folder_of(uid, runtime, temporary) == runtime / str(uid) / "webex-token/locks"
    else:
        assert lock_folder_of(uid, runtime, temporary) == temporary / f"webex-token-{uid}"


def test_a_home_folder_that_does_not_answer_is_not_replaced_by_another_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that took another place for a moment would not meet the others."""
    at_home(monkeypatch, f"{tmp_path}/{'x' * 300}")  # as with a network drive, the system gives an error of its own
    with pytest.raises(StoreUnavailable, match=r"The home folder .* cannot be examined \(File name too long\)."):
        lock_folder_of(ME)


def test_a_read_asks_no_user_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The database may be on a server, and is needed only for the lock around a change."""
    monkeypatch.delattr(pwd, "getpwuid")
    store = open_keyring_store(backend=FileKeyring(tmp_path))
    assert store.load("default") is None
    with pytest.raises(AttributeError, match="getpwuid"), store.changing("default"):
        pass


def test_a_lock_folder_that_can_only_be_read_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    check_lock_folder(folder)
    monkeypatch.setattr(os, "access", lambda *_: False)  # what a process learns of a home that it may only read
    with pytest.raises(StoreUnavailable, match="cannot be trusted with locks: it cannot be written"):
        check_lock_folder(folder)


@pytest.mark.skipif(ME != 0, reason="only root can run a check as somebody else")
def test_a_folder_that_another_user_took_first_stands_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_home(monkeypatch, str(tmp_path))
    taken = tmp_path / "tmp" / f"webex-token-{ME}"
    taken.mkdir(parents=True)
    os.chown(taken, 65534, 65534)
    check_lock_folder(lock_folder_of(ME, tmp_path / "run", tmp_path / "tmp"))
