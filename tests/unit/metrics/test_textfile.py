"""The metrics file: whole at every moment, readable for others, and never in the way of the watch."""

import threading
import time
from pathlib import Path

import pytest

from tests.support.program import PROMPT, wait_until
from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.metrics import textfile
from webex_token_cli.metrics.textfile import MetricsFile


def nobody(why: str) -> None:
    raise AssertionError(why)


@pytest.mark.posix  # Windows has other words for errors, and no modes
def test_it_is_written_when_asked_and_once_more_at_the_end(tmp_path: Path) -> None:
    texts = ["one\n"]
    path = tmp_path / "webex-token.prom"
    file = MetricsFile(path, lambda: texts[-1].encode(), nobody)
    assert not path.exists()
    file.update()
    wait_until(lambda: path.exists())
    assert path.read_text() == "one\n"
    texts.append("two\n")
    file.close()
    file.close()
    assert path.read_text() == "two\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".webex-token.prom.abc.new"
    left.write_text("half")
    MetricsFile(tmp_path / "webex-token.prom", lambda: b"whole\n", nobody).close()
    assert [each.name for each in tmp_path.iterdir()] == ["webex-token.prom"]


@pytest.mark.posix  # Windows has other words for errors, and no modes
def test_a_row_of_failures_is_warned_of_once(tmp_path: Path) -> None:
    folder, warnings = tmp_path / "folder", list[str]()
    folder.mkdir()
    path = folder / "webex-token.prom"
    written = threading.Semaphore(0)

    def text() -> bytes:
        written.release()
        return b"text\n"

    def update() -> None:
        file.update()
        assert written.acquire(timeout=PROMPT)

    file = MetricsFile(path, text, warnings.append)
    for _ in range(2):
        path.mkdir()
        for _ in range(2):
            update()
            wait_until(lambda: file._failure is not None)  # so that nothing is written once the folder is gone
        path.rmdir()
        update()
        wait_until(path.is_file)
        path.unlink()
    assert warnings == ["Is a directory"] * 2


@pytest.mark.posix  # Windows has other words for errors, and no modes
def test_one_round_ends_with_an_error_if_it_could_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "webex-token.prom"
    file = MetricsFile(path, lambda: b"text\n", nobody)
    path.mkdir()
    with pytest.raises(WebexTokenError, match=r"The metrics could not be written to .*webex-token\.prom \(Is a dir"):
        file.close_after_one_round(lambda: False)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_disk_that_hangs_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(textfile, "write_whole", lambda *_, **__: hanging.wait(30))
    monkeypatch.setattr(textfile, "_LAST_TEXT", 0.5)
    file = MetricsFile(tmp_path / "webex-token.prom", lambda: b"text\n", nobody)
    began = time.monotonic()
    file.update()
    if stopped:
        file.close_after_one_round(lambda: True)
    else:
        file.close()
    assert time.monotonic() - began < 0.5 + PROMPT / 2
    hanging.set()


@pytest.mark.posix  # Windows has other words for errors, and no modes
def test_a_folder_or_a_missing_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="because it is a folder"):
        MetricsFile(tmp_path, lambda: b"", nobody)
    with pytest.raises(ConfigurationError, match=r"because there is no folder .*/nowhere"):
        MetricsFile(tmp_path / "nowhere/webex-token.prom", lambda: b"", nobody)
    assert list(tmp_path.iterdir()) == []
