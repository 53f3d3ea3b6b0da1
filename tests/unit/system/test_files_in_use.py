"""Files that Windows does not replace, remove or read while another process has them open."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.settings import Profile
from webex_token_cli.store.file.keyring import FileKeyring
from webex_token_cli.system.files import IN_USE_TIMEOUT, ReservedFile, while_in_use, write_private


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)


def in_use(number: int = 32) -> PermissionError:
    """The error of Windows for a file that another process has open."""
    error = PermissionError(13, "Sharing violation")
    error.winerror = number  # type: ignore[attr-defined,unused-ignore]
    return error


def failing(times: int, error: PermissionError, result: str = "done") -> Callable[[], str]:
    left = iter([error] * times)

    def call() -> str:
        for each in left:
            raise each
        return result

    return call


@pytest.mark.parametrize("number", [5, 32])
def test_a_call_is_made_again_while_another_process_has_the_file_open(number: int) -> None:
    clock = Clock()
    assert while_in_use(failing(9, in_use(number)), clock, clock.sleep) == "done"
    assert clock.pauses[:3] == [0.001, 0.002, 0.004]
    assert max(clock.pauses) == 0.05  # a file that is soon free is not waited for much longer than it is in use


def test_the_attempts_end_after_a_while() -> None:
    clock = Clock()
    with pytest.raises(PermissionError, match="Sharing violation"):
        while_in_use(failing(10**6, in_use()), clock, clock.sleep)
    assert IN_USE_TIMEOUT <= clock.now < IN_USE_TIMEOUT + 0.1


@pytest.mark.parametrize(
    "error",
    [in_use(19), pytest.param(PermissionError(13, "Permission denied"), marks=pytest.mark.posix)],
)
def test_another_refusal_is_final(error: PermissionError) -> None:
    clock = Clock()
    with pytest.raises(PermissionError):
        while_in_use(failing(1, error), clock, clock.sleep)
    assert clock.pauses == []


def test_on_windows_an_open_that_is_refused_may_succeed_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """open() tells no number of Windows."""
    monkeypatch.setattr("sys.platform", "win32")
    clock = Clock()
    assert while_in_use(failing(2, PermissionError(13, "Permission denied")), clock, clock.sleep) == "done"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each replacement and removal of a file is refused twice, as if a reader had the file open. Returns its name."""
    names: list[str] = []

    def refuse_twice(call: Callable[..., None]) -> Callable[..., None]:
        def replacement(path: Path, *rest: Path) -> None:
            name = os.fspath(rest[0] if rest else path)
            if Path(name).suffix != ".new":
                names.append(name)
                if names.count(name) <= 2:
                    raise in_use()
            call(path, *rest)

        return replacement

    monkeypatch.setattr(os, "replace", refuse_twice(os.replace))
    monkeypatch.setattr(os, "unlink", refuse_twice(os.unlink))
    return names


def test_every_file_is_replaced_although_somebody_reads_it(refused: list[str], tmp_path: Path) -> None:
    write_private(tmp_path / "written", "new")
    ReservedFile.beside(tmp_path / "reserved", 10).replace("new")
    keyring = FileKeyring(tmp_path / "keyring")
    keyring.set_password("webex-token", "default", "new")
    ConfigFile(tmp_path / "config.ini", nullcontext).save(Profile("default", client_id="C1"))
    assert sorted({Path(name).name for name in refused}) == sorted(
        ["written", "reserved", "webex-token+default.json", "config.ini"]
    )
    assert (tmp_path / "written").read_text() == (tmp_path / "reserved").read_text() == "new"
    assert keyring.get_password("webex-token", "default") == "new"


def test_an_entry_is_removed_although_somebody_reads_it(refused: list[str], tmp_path: Path) -> None:
    keyring = FileKeyring(tmp_path / "keyring")
    keyring.set_password("webex-token", "default", "text")
    refused.clear()
    keyring.delete_password("webex-token", "default")
    assert len(refused) == 3
    assert keyring.get_password("webex-token", "default") is None


def test_an_entry_is_written_although_another_process_has_reserved_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keyring, path = FileKeyring(tmp_path / "keyring"), tmp_path / "keyring" / "webex-token+default.json"
    other = ReservedFile.beside(path, 10)
    unlink = os.unlink

    def refuse_open_files(file: Path) -> None:
        if Path(file) == other.temporary:
            raise in_use()
        unlink(file)

    monkeypatch.setattr(os, "unlink", refuse_open_files)
    keyring.set_password("webex-token", "default", "text")
    assert keyring.get_password("webex-token", "default") == "text"
    assert other.temporary.exists()
    monkeypatch.undo()
    other.remove()
