"""The file store: what it stores, what it refuses, and what a failed or killed write leaves behind."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.records import FULL_RECORD
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.store.local.file_names import file_name


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_records_are_saved_replaced_and_deleted(tmp_path: Path) -> None:
    store = open_file_store(tmp_path / "credentials")
    assert store.load("a") is None
    store.save("a", FULL_RECORD)
    store.save("b", replace(FULL_RECORD, access_token="other"))
    store.save("a", replace(FULL_RECORD, access_token="newer"))
    assert store.load("a") == replace(FULL_RECORD, access_token="newer")
    assert store.load("b") == replace(FULL_RECORD, access_token="other")
    assert (store.delete("a"), store.delete("a"), store.load("a")) == (True, False, None)
    assert names_in(tmp_path / "credentials") == ["webex-token+b.json"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)  # a test has no other way to make this call fail
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        store.save("a", replace(FULL_RECORD, access_token="newer"))
    assert store.load("a") == FULL_RECORD
    assert names_in(tmp_path / "credentials") == ["webex-token+a.json"]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602])
@pytest.mark.posix
def test_a_file_that_other_users_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)
    (tmp_path / "credentials" / "webex-token+a.json").chmod(mode)
    with pytest.raises(StoreUnavailable, match=rf"others may use it \(mode {mode:04o}\)"):
        store.load("a")


@pytest.mark.posix
def test_a_folder_that_other_users_may_enter_and_a_symbolic_link_are_refused(tmp_path: Path) -> None:
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


@pytest.mark.posix  # Windows names another reason
def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    entry = tmp_path / "credentials" / "webex-token+a.json"
    entry.mkdir(mode=0o700, parents=True)
    entry.parent.chmod(0o700)
    with pytest.raises(StoreUnavailable) as raised:
        open_file_store(entry.parent).load("a")
    assert raised.value.message == (
        f"An entry could not be read in the file store {entry.parent}: {entry}: Is a directory."
    )


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)
    os.chown(tmp_path / "credentials" / "webex-token+a.json", 65534, 0)
    with pytest.raises(StoreUnavailable, match="json: it belongs to another user; secrets in it may be known"):
        store.load("a")


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20)),
        unique=True,
        min_size=2,
        max_size=2,
    )
)
def test_two_entries_have_different_file_names_even_if_case_is_ignored(entries: list[tuple[str, str]]) -> None:
    one, other = (file_name(*entry) for entry in entries)
    assert one.lower() != other.lower()
    assert all(c.islower() or c.isdigit() or c in "%+._@-" for c in one)


def test_temporary_files_of_a_killed_write_are_removed_later(tmp_path: Path) -> None:
    store = open_file_store(tmp_path / "credentials")
    store.save("a", FULL_RECORD)
    leftover = tmp_path / "credentials" / ".webex-token+a.json.x1y2.new"
    of_another_entry = tmp_path / "credentials" / ".webex-token+ab.json.x1y2.new"
    for file in (leftover, of_another_entry):
        file.write_text("secret")
    store.save("a", FULL_RECORD)
    assert (leftover.exists(), of_another_entry.exists()) == (False, True)
    leftover.write_text("secret")
    store.delete("a")
    assert names_in(tmp_path / "credentials") == [of_another_entry.name]


@pytest.mark.posix
def test_a_record_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file is written to the disk before it replaces the old one, and the folder is written after that."""
    steps: list[str] = []
    original_fsync, original_replace = os.fsync, Path.replace

    def recording_fsync(handle: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")  # noqa: PTH112
        original_fsync(handle)

    def recording_replace(self: Path, target: Path) -> Path:
        steps.append("replace")
        return original_replace(self, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(Path, "replace", recording_replace)
    open_file_store(tmp_path / "credentials").save("a", FULL_RECORD)
    assert steps == ["file", "replace", "folder"]
