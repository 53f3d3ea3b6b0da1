"""The store: what is kept, what a bad entry or a bad keyring comes to, and who may hold the lock."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.program import wait_until
from tests.support.records import FULL_RECORD
from webex_token_cli.errors import DamagedEntry, StoreUnavailable
from webex_token_cli.store.backends import open_file_store, open_keyring_store
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.store.file_keyring import FileKeyring, file_name
from webex_token_cli.store.locks import check_lock_folder, locked
from webex_token_cli.store.records import decode, encode
from webex_token_cli.store.secret_service import ReusedConnection, reuse_connection
from webex_token_cli.system.timeouts import TimeoutExceeded, with_timeout
from webex_token_cli.tokens import Person, TokenRecord


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


seconds = st.integers(0, 253402300799)
tokens = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)
records = st.builds(
    TokenRecord,
    access_token=tokens,
    access_expires_at=seconds,
    refresh_token=st.none() | tokens,
    refresh_expires_at=st.none() | seconds,
    changed_at=seconds,
    refreshed_at=seconds,
    client_id=st.text(),
    client_secret=st.text(),
    scopes=st.none() | st.lists(st.text()).map(tuple),
    person=st.none() | st.builds(Person, st.text(), st.text(), st.lists(st.text()).map(tuple), st.text(), st.text()),
)


@given(records)
def test_what_is_written_is_read_back_equal(record: TokenRecord) -> None:
    assert decode(encode(record), "entry") == record


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_gives_a_record_or_the_documented_error(text: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"^The entry"):
        decode(text, "The entry")


@given(
    st.sampled_from(sorted(asdict(FULL_RECORD))),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), min_size=1),
)
def test_any_wrong_value_gives_a_record_or_the_documented_error(key: str, value: object) -> None:
    entry = json.loads(encode(FULL_RECORD))
    try:
        decode(json.dumps({**entry, key: value}), "The entry")
    except DamagedEntry as error:
        said = error.message
    else:
        return
    assert said == f"The entry is damaged: {key} is missing or wrong."


@pytest.mark.parametrize(
    "key", [f for f in asdict(FULL_RECORD) if f not in {"refresh_token", "refresh_expires_at", "scopes", "person"}]
)
def test_a_missing_key_is_named(key: str) -> None:
    entry = json.loads(encode(FULL_RECORD))
    del entry[key]
    with pytest.raises(DamagedEntry, match=f"^The entry is damaged: {key} is missing or wrong.$"):
        decode(json.dumps(entry), "The entry")


def test_the_file_store_keeps_replaces_and_forgets(tmp_path: Path) -> None:
    store = open_file_store(tmp_path / "credentials")
    assert store.load("a") is None
    store.save("a", FULL_RECORD)
    store.save("b", replace(FULL_RECORD, access_token="other"))
    store.save("a", replace(FULL_RECORD, access_token="newer"))
    assert [r.access_token for r in (store.load("a"), store.load("b")) if r] == ["newer", "other"]
    assert (store.delete("a"), store.delete("a"), store.load("a")) == (True, False, None)
    assert names_in(tmp_path / "credentials") == ["webex-token+b.json"]


def test_the_gnome_keyring_keeps_replaces_and_forgets(
    keyring_session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends.SecretService import Keyring

    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring_session["DBUS_SESSION_BUS_ADDRESS"])
    store = open_keyring_store(backend=Keyring())  # type: ignore[no-untyped-call]
    assert store.load("keeps") is None
    store.save("keeps", FULL_RECORD)
    store.save("keeps", replace(FULL_RECORD, access_token="newer"))
    assert store.load("keeps") == replace(FULL_RECORD, access_token="newer")
    assert (store.delete("keeps"), store.delete("keeps"), store.load("keeps")) == (True, False, None)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)  # the one call that a test cannot make fail from outside
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        store.save("a", replace(FULL_RECORD, access_token="newer"))
    assert store.load("a") == FULL_RECORD
    assert names_in(tmp_path / "credentials") == ["webex-token+a.json"]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)
    (tmp_path / "credentials" / "webex-token+a.json").chmod(mode)
    with pytest.raises(StoreUnavailable, match=rf"others may use it \(mode {mode:04o}\)"):
        store.load("a")


def test_a_folder_that_others_may_use_or_a_link_is_refused(tmp_path: Path) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)
    (tmp_path / "credentials").chmod(0o750)
    with pytest.raises(StoreUnavailable, match="others may use it"):
        store.load("a")
    with pytest.raises(StoreUnavailable, match="others may use it"):
        store.save("a", FULL_RECORD)
    (tmp_path / "credentials").chmod(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "credentials")
    with pytest.raises(StoreUnavailable, match="symbolic link"):
        open_file_store(tmp_path / "link").load("a")


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20)),
        unique=True,
        min_size=2,
        max_size=2,
    )
)
def test_file_names_differ_even_where_capitals_do_not_count(entries: list[tuple[str, str]]) -> None:
    (one, other) = [file_name(*entry) for entry in entries]
    assert one.lower() != other.lower()
    assert all(c.islower() or c.isdigit() or c in "%+._@-" for c in one)


def test_the_file_keyring_is_never_found_by_the_library() -> None:
    from keyring.backend import get_all_keyring

    assert not [backend for backend in get_all_keyring() if isinstance(backend, FileKeyring)]


class Keyring:
    """A keyring that behaves in one bad way."""

    name = "Bad Keyring"

    def __init__(self, **behaviour: Any) -> None:
        self.behaviour = behaviour

    def get_password(self, service: str, username: str) -> str | None:
        found: str | None = self._do("get")
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        self._do("set")

    def delete_password(self, service: str, username: str) -> None:
        self._do("delete")

    def _do(self, what: str) -> Any:
        outcome = self.behaviour.get(what)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class ForeignError(Exception):
    """An exception type that the keyring library does not know, as Windows raises."""


@pytest.mark.parametrize(
    ("behaviour", "call", "message"),
    [
        (
            {"get": ForeignError("CredRead failed")},
            "load",
            "An entry could not be read in the keyring (Bad Keyring): CredRead failed.",
        ),
        ({"set": ForeignError()}, "save", "An entry could not be written in the keyring (Bad Keyring): ForeignError."),
        (
            {"set": ForeignError("cannot store access-token-value\n!")},
            "save",
            "An entry could not be written in the keyring (Bad Keyring): cannot store …alue !.",
        ),
        ({}, "save", "the keyring (Bad Keyring) accepted the record but did not store it."),
        (
            {"get": "{}", "delete": ForeignError("gone")},
            "delete",
            "An entry could not be removed in the keyring (Bad Keyring): gone.",
        ),
    ],
)
def test_a_keyring_that_fails_is_said_in_a_sentence(
    behaviour: dict[str, Any], call: str, message: str, tmp_path: Path
) -> None:
    store = open_keyring_store(backend=Keyring(**behaviour), lock_folder=tmp_path)
    arguments: tuple[Any, ...] = ("a", FULL_RECORD) if call == "save" else ("a",)
    with pytest.raises(StoreUnavailable) as raised:
        getattr(store, call)(*arguments)
    assert raised.value.message == message


def test_a_keyring_that_hangs_hangs_nobody() -> None:
    release = threading.Event()
    said: list[str] = []
    with pytest.raises(TimeoutExceeded):
        with_timeout(release.wait, 0.05, lambda: said.append("waiting"), patience=0.01)
    assert said == ["waiting"]

    class Hanging(Keyring):
        def get_password(self, service: str, username: str) -> str | None:
            release.wait()
            return None

    with pytest.raises(StoreUnavailable) as raised:
        open_keyring_store(backend=Hanging(), timeout=0.05).load("a")
    release.set()
    assert raised.value.message == "the keyring (Bad Keyring) did not answer within 0 seconds."


def test_what_a_killed_write_left_behind_is_swept(tmp_path: Path) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)
    leftover = tmp_path / "credentials" / ".webex-token+a.json.x1y2.new"
    others = tmp_path / "credentials" / ".webex-token+ab.json.x1y2.new"
    for file in (leftover, others):
        file.write_text("secret")
    store.save("a", FULL_RECORD)
    assert (leftover.exists(), others.exists()) == (False, True)
    leftover.write_text("secret")
    store.delete("a")
    assert names_in(tmp_path / "credentials") == [others.name]


def test_a_keyring_that_the_library_does_not_recommend_is_not_fallen_into(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.errors import PasswordDeleteError

    class PlainKeyring(KeyringBackend):
        priority = 0.5
        name = "Plain Keyring"

        def get_password(self, service: str, username: str) -> str | None:
            return None

        def set_password(self, service: str, username: str, password: str) -> None: ...

        def delete_password(self, service: str, username: str) -> None:
            raise PasswordDeleteError("none")

    monkeypatch.setattr(keyring, "get_keyring", PlainKeyring)  # as if an entry point had brought it
    with pytest.raises(StoreUnavailable, match="the one that was found, Plain Keyring, is not recommended"):
        open_keyring_store()
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")  # somebody has chosen
    assert open_keyring_store().delete("a") is False


def test_a_null_keyring_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends.null import Keyring as NullKeyring

    before = keyring.get_keyring()
    keyring.set_keyring(NullKeyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(StoreUnavailable, match="no keyring"):
            open_keyring_store()
    finally:
        keyring.set_keyring(before)


OWNER = """
import sys, time
from pathlib import Path
from webex_token_cli.store.locks import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_waited_for_said_and_freed_by_a_holder_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(path)], stdout=subprocess.PIPE, encoding="utf-8")
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    said: list[str] = []
    with (
        pytest.raises(StoreUnavailable, match=r"has held the lock .* for over 0 seconds"),
        locked(path, said.append, timeout=0.2, patience=0.1),
    ):
        pass
    assert said == [f"Waiting for another webex-token that holds {path} …"]
    owner.kill()
    owner.wait()
    owner.stdout.close()
    with locked(path, said.append, timeout=5):
        assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"
    assert len(said) == 1


def test_a_lock_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").write_text("")
    for name, why in (("open", "others may use it"), ("link", "symbolic link"), ("file", "File exists")):
        with pytest.raises(StoreUnavailable, match=f"cannot be trusted with locks: .*{why}"):
            check_lock_folder(tmp_path / name)


def test_the_keyrings_lock_is_the_same_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webex_token_cli.store.locks import lock_folder_of_this_user

    before = lock_folder_of_this_user()
    for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "WEBEX_TOKEN_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert lock_folder_of_this_user() == before


def test_two_threads_do_not_hold_one_lock(tmp_path: Path) -> None:
    store: CredentialStore = open_file_store(tmp_path / "credentials")
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(5):
            with store.lock("a"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: not any(thread.is_alive() for thread in threads))
    assert (max(most), len(most)) == (1, 20)


def test_while_a_call_hangs_no_other_is_begun_and_the_late_write_is_the_last_no_more() -> None:
    release = threading.Event()
    written: list[str] = []

    class Locked(Keyring):
        def get_password(self, service: str, username: str) -> str | None:
            return written[-1] if written else None

        def set_password(self, service: str, username: str, password: str) -> None:
            release.wait()
            written.append(password)

    locked_keyring = Locked()
    store = open_keyring_store(backend=locked_keyring, timeout=0.05)
    before = threading.active_count()
    for _ in range(5):
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            store.save("a", FULL_RECORD)
    assert threading.active_count() == before + 1
    patient = replace(store, timeout=10.0)  # as the same store is, a moment after the password was typed
    threading.Timer(0.1, release.set).start()
    patient.save("a", replace(FULL_RECORD, access_token="newest"))
    assert [decode(text, "it").access_token for text in written] == [FULL_RECORD.access_token, "newest"]
    assert patient.load("a") == replace(FULL_RECORD, access_token="newest")


def test_a_record_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is on the disk before it takes the old one's place, and then the folder that says so."""
    done: list[str] = []
    sync, replace_ = os.fsync, Path.replace

    def syncing(handle: int) -> None:
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")  # noqa: PTH112
        sync(handle)

    def replacing(self: Path, target: Path) -> Path:
        done.append("replace")
        return replace_(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", replacing)
    open_file_store(tmp_path / "credentials").save("a", FULL_RECORD)
    assert done == ["file", "replace", "folder"]


def test_a_connection_that_is_lost_to_the_gnome_keyring_is_made_again(
    keyring_session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends.SecretService import Keyring

    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring_session["DBUS_SESSION_BUS_ADDRESS"])
    kept = reuse_connection(Keyring())  # type: ignore[no-untyped-call]
    assert isinstance(kept, ReusedConnection)
    store = open_keyring_store(backend=kept)
    store.save("lost", FULL_RECORD)
    for session_too in (False, True):
        first = kept._collection
        assert first is not None
        assert store.load("lost") == FULL_RECORD
        assert kept._collection is first
        if session_too:  # as a daemon that was started anew has forgotten it
            assert first.session is not None
            first.session.object_path = "/org/freedesktop/secrets/session/none"
        else:
            first.connection.close()
        store.save("lost", replace(FULL_RECORD, access_token="newer"))
        assert store.load("lost") == replace(FULL_RECORD, access_token="newer")
        assert kept._collection is not first
        store.save("lost", FULL_RECORD)
    assert store.delete("lost")


def test_only_the_librarys_own_secret_service_is_reuse_connection() -> None:
    small = Keyring()
    assert reuse_connection(small) is small
