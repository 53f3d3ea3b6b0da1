"""The lock of an entry: one process at a time, a wait that is announced and ends, and a folder that can be trusted."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.program import wait_until
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.store.local.locks import check_lock_folder, lock_folder_of_this_user, locked

HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from webex_token_cli.store.local.locks import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_wait_for_a_lock_is_announced_and_ends_when_its_owner_dies(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    owner = subprocess.Popen([sys.executable, "-c", HOLD_THE_LOCK, str(path)], stdout=subprocess.PIPE, encoding="utf-8")
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    messages: list[str] = []
    with (
        pytest.raises(StoreUnavailable, match=r"has held the lock .* for over 0 seconds"),
        locked(path, messages.append, timeout=0.2, patience=0.1),
    ):
        pass
    assert messages == [f"Waiting for another webex-token that holds {path} …"]
    owner.kill()
    owner.wait()
    owner.stdout.close()
    with locked(path, messages.append, timeout=5):
        if os.name == "posix":
            assert oct(path.stat().st_mode & 0o777) == "0o600"
            assert oct(path.parent.stat().st_mode & 0o777) == "0o700"
    assert len(messages) == 1


@pytest.mark.posix
def test_a_lock_folder_that_cannot_be_trusted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").write_text("")
    for name, reason in (("open", "others may use it"), ("link", "symbolic link"), ("file", "File exists")):
        with pytest.raises(StoreUnavailable, match=f"cannot be trusted with locks: .*{reason}"):
            check_lock_folder(tmp_path / name)


def test_the_lock_folder_of_keyring_entries_does_not_depend_on_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lock_folder_of_this_user()
    for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "WEBEX_TOKEN_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert lock_folder_of_this_user() == before


def test_two_threads_never_hold_one_lock_at_once(tmp_path: Path) -> None:
    store = open_file_store(tmp_path / "credentials")
    owners: list[int] = []
    counts: list[int] = []

    def work() -> None:
        for _ in range(5):
            with store.lock("a"):
                owners.append(1)
                counts.append(len(owners))
                time.sleep(0.002)
                owners.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: not any(thread.is_alive() for thread in threads))
    assert (max(counts), len(counts)) == (1, 20)
