"""Room for an answer of Webex's is on the disk before Webex is asked."""

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import ConfigurationError, SignInNeeded, StoreUnavailable
from webex_token_cli.refresh.refresher import Refresher, Result
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.store.local.locks import locked
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.store.records import encode
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

LARGE = replace(FULL_RECORD, access_token="A" * 20_000)


def no_space(*_: object, **__: object) -> tuple[int, str]:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)
    return store


def names_in(folder: Path) -> list[str]:
    """The files in ``folder`` but for those of the lock, which Windows alone removes."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith("lock"))


def test_a_disk_that_fills_up_during_a_refresh_still_has_room_for_the_answer(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def redeem(_: TokenRecord) -> TokenResponse:
        sizes.extend(path.stat().st_size for path in (tmp_path / "credentials").glob("*.new"))
        monkeypatch.setattr(tempfile, "mkstemp", no_space)  # from now on, no file can be made
        return TokenResponse(LARGE.access_token, 1209599)

    outcome = Refresher(store, redeem).refresh("a")
    assert (outcome.result, store.load("a")) == (Result.RENEWED, outcome.record)
    assert outcome.record.access_token == LARGE.access_token
    assert sizes == [32 * 1024]
    assert names_in(tmp_path / "credentials") == ["webex-token+a.json"]
    assert (tmp_path / "credentials" / "webex-token+a.json").read_text() == encode(outcome.record)


def test_webex_is_not_asked_while_the_disk_is_full(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TokenRecord] = []
    monkeypatch.setattr(tempfile, "mkstemp", no_space)
    with pytest.raises(StoreUnavailable) as raised:
        Refresher(store, asked.append).refresh("a")  # type: ignore[arg-type]
    assert asked == []
    assert raised.value.message == (
        f"Room for a new record could not be reserved in the file store {tmp_path / 'credentials'}: "
        f"{tmp_path / 'credentials' / 'webex-token+a.json'}: No space left on device."
    )
    assert store.load("a") == FULL_RECORD


@pytest.mark.posix
def test_the_room_of_a_record_that_is_larger_already_is_twice_its_size(store: LocalStore, tmp_path: Path) -> None:
    with store.reserved("a", LARGE):
        (room,) = (tmp_path / "credentials").glob("*.new")
        assert room.stat().st_size == 2 * len(encode(LARGE))
        assert room.stat().st_mode & 0o777 == 0o600


def test_a_refused_refresh_gives_the_room_back(store: LocalStore, tmp_path: Path) -> None:
    def refuse(_: TokenRecord) -> TokenResponse:
        raise SignInNeeded("no", "no")

    with pytest.raises(SignInNeeded):
        Refresher(store, refuse).refresh("a")
    assert names_in(tmp_path / "credentials") == ["webex-token+a.json"]


@pytest.mark.posix
def test_a_record_is_stored_even_if_somebody_removed_what_was_reserved(store: LocalStore, tmp_path: Path) -> None:
    with store.reserved("a"):
        open_file_store(tmp_path / "credentials").save("a", FULL_RECORD)  # it removes unfinished files
        assert list((tmp_path / "credentials").glob("*.new")) == []
        store.save("a", LARGE)
    assert store.load("a") == LARGE
    assert names_in(tmp_path / "credentials") == ["webex-token+a.json"]


def test_settings_have_room_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ConfigFile(tmp_path / "config.ini", lambda: locked(tmp_path / "lock", print))
    config.save(Profile("a", client_id="a"))
    with config.reserved(), monkeypatch.context() as full:
        full.setattr(tempfile, "mkstemp", no_space)
        assert config.save(Profile("b", client_id="b"))
        with pytest.raises(ConfigurationError, match=r"could not be written \(No space left on device\)"):
            config.save(Profile("c", client_id="c"))
        with pytest.raises(ConfigurationError, match=r"could not be written \(No space left on device\)"):
            config.reserved().__enter__()
    assert config.names() == ["a", "b"]
    (tmp_path / ".config.ini.killed.new").write_text("of a process that was killed")
    with config.reserved():
        config.save(Profile("a", client_id="other"))
    assert names_in(tmp_path) == ["config.ini"]


def test_a_refresh_removes_the_room_that_a_killed_process_has_reserved(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "credentials" / ".webex-token+a.json.killed.new").write_text("padding")
    Refresher(store, lambda _: TokenResponse("new", 1209599)).refresh("a")
    assert names_in(tmp_path / "credentials") == ["webex-token+a.json"]
