"""What other code prints is held back, and this program's own streams are as they were afterwards."""

import contextlib
import errno
import os
import subprocess
import sys

import pytest

from webex_token_cli.system.output import held_back_output


def print_everywhere() -> None:
    os.write(1, b"library")
    os.write(2, b"library")
    subprocess.run(
        [sys.executable, "-c", "import os; os.write(1, b'program\\n'); os.write(2, b'program\\n')"], check=True
    )


def test_nothing_is_printed_while_output_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(1, b"before\n")
    with held_back_output() as output:
        print_everywhere()
        os.write(2, b"the last line\n\n")
        assert output.last_line() == "the last line"
    os.write(1, b"after\n")
    assert capfd.readouterr() == ("before\nafter\n", "")


def test_what_was_held_back_is_printed_as_soon_as_it_is_released(capfd: pytest.CaptureFixture[str]) -> None:
    with held_back_output() as output:
        os.write(1, b"What is your password?\n")
        output.release()
        assert capfd.readouterr() == ("", "What is your password?\n")
        os.write(1, b"one\n")
        os.write(2, b"two\n")
        output.release()
        assert (output.last_line(), capfd.readouterr()) == ("", ("one\n", "two\n"))


def test_one_call_within_another_and_an_error_restore_the_streams(capfd: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(RuntimeError), held_back_output(), held_back_output():
        print_everywhere()
        raise RuntimeError
    os.write(1, b"after\n")
    assert capfd.readouterr() == ("after\n", "")


@pytest.mark.posix
def test_output_is_held_back_in_a_file_where_there_is_none_in_memory(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with held_back_output() as output:
        os.write(1, b"library\n")
        assert output.last_line() == "library"
    assert capfd.readouterr() == ("", "")


@pytest.mark.posix
def test_without_a_place_for_it_output_is_let_through(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_space(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "memfd_create", no_space, raising=False)
    with held_back_output() as output:
        os.write(1, b"What is your password?\n")
        output.release()
        assert output.last_line() == ""
    assert capfd.readouterr() == ("What is your password?\n", "")


@pytest.mark.posix
def test_pythons_own_streams_are_held_back_and_a_closed_one_stays_closed() -> None:
    script = """
import os
from webex_token_cli.system.output import held_back_output
print("before")
with held_back_output():
    print("python")
    os.write(1, b"library")
print("after")
try:
    os.fstat(2)
except OSError:
    print("closed")
"""
    closing = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
    done = subprocess.run([*closing, sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"before\nafter\nclosed\n"
