"""Temporary files that a killed process left are removed by a later write, also in a folder with many files."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from webex_token_cli.system.files import UnfinishedWrites, replace_in_room


def leave(folder: Path, name: str) -> Path:
    leftover = folder / name
    leftover.write_text("secret")
    return leftover


def fill(folder: Path, number: int) -> None:
    for each in range(number):
        (folder / f"entry-{each}.json").touch()


def test_leftovers_of_a_file_are_told_from_those_of_others(tmp_path: Path) -> None:
    mine = {leave(tmp_path, f".a.json.{end}.new") for end in ("x1_y", "z2")}
    leave(tmp_path, ".ab.json.x1.new")
    leave(tmp_path, ".json.x1.new")
    (tmp_path / "a.json").touch()
    assert set(UnfinishedWrites(tmp_path).beside(tmp_path / "a.json")) == mine


def test_a_folder_that_does_not_exist_has_no_leftovers(tmp_path: Path) -> None:
    assert UnfinishedWrites(tmp_path / "missing").beside(tmp_path / "missing" / "a.json") == []


def test_in_a_folder_with_few_files_the_next_write_removes_a_leftover(tmp_path: Path) -> None:
    unfinished = UnfinishedWrites(tmp_path, clock=lambda: 0.0)
    path = tmp_path / "a.json"
    replace_in_room(path, "1", None, unfinished.beside)
    leftover = leave(tmp_path, ".a.json.x1y2.new")
    replace_in_room(path, "2", None, unfinished.beside)
    assert (leftover.exists(), path.read_text()) == (False, "2")


@pytest.mark.posix  # on Windows, it means that another process uses the file
def test_a_leftover_that_cannot_be_removed_is_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    path = tmp_path / "a.json"
    path.write_text("old")
    leave(tmp_path, ".a.json.x1y2.new")
    monkeypatch.setattr(Path, "unlink", refuse)  # root may remove everything
    with pytest.raises(PermissionError):
        replace_in_room(path, "new", None)
    assert path.read_text() == "old"


def test_in_a_folder_with_many_files_a_write_a_minute_later_removes_a_leftover(tmp_path: Path) -> None:
    now = 0.0
    fill(tmp_path, 1000)
    unfinished = UnfinishedWrites(tmp_path, clock=lambda: now)
    path = tmp_path / "entry-0.json"
    replace_in_room(path, "1", None, unfinished.beside)
    leftover = leave(tmp_path, ".entry-0.json.x1y2.new")
    now = 61.0
    replace_in_room(path, "2", None, unfinished.beside)
    assert (leftover.exists(), path.read_text()) == (False, "2")


def test_a_folder_with_many_files_is_not_listed_for_each_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 1000)
    unfinished = UnfinishedWrites(tmp_path, clock=lambda: 0.0)
    listed: list[Path] = []
    iterdir = Path.iterdir

    def counted(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", counted)
    for each in range(10):
        unfinished.beside(tmp_path / f"entry-{each}.json")
    assert listed == [tmp_path]
