"""Output that nobody waits for, over real pipes."""

import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from io import StringIO, TextIOWrapper

import pytest

from tests.support.program import wait_until
from webex_token_cli.cli.patient_output import Destination, PatientWriter

pytestmark = pytest.mark.posix


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIOWrapper]]:
    """A pipe with room for one page, and its writing end as a stream."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield reader, stream
    os.close(reader)


def told(number: int, why: str) -> str:
    return f"{number} lost: {why}\n"


def waiting_in(reader: int) -> int:
    """The number of bytes that the pipe holds."""
    (size,) = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, b"\0" * 4))
    assert isinstance(size, int)
    return size


def everything(reader: int, end: str) -> str:
    text = ""
    while not text.endswith(end):
        text += os.read(reader, 65536).decode()
    return text


def test_what_waits_is_written_in_order_and_what_had_no_place_is_counted_afterwards(
    pipe: tuple[int, TextIOWrapper],
) -> None:
    reader, stream = pipe
    writer = PatientWriter(most_waiting=3)
    log = Destination(stream, told)
    writer.put(log, "x" * 5000 + "\n")  # more than the pipe takes, so the thread waits in the middle of it
    wait_until(lambda: waiting_in(reader) == 4096)
    for number in range(5):
        writer.put(log, f"line {number}\n")
    assert not writer.put_if_idle(log, "countdown")
    assert not writer.close(0.05)
    lines = everything(reader, "read it\n").splitlines()
    assert lines == ["x" * 5000, "line 0", "line 1", "line 2", "2 lost: nobody read it"]
    assert writer.close(5)
    assert writer.put_if_idle(log, "countdown")


def test_lines_for_a_full_disk_are_counted_once_there_is_room_again(pipe: tuple[int, TextIOWrapper]) -> None:
    _, stream = pipe
    writer = PatientWriter()
    log = Destination(stream, told)
    os.dup2(os.open("/dev/full", os.O_WRONLY), stream.fileno())
    for _ in range(3):
        writer.put(log, "line\n")
    assert writer.close(5)
    assert (log.lost, log.why) == (3, "No space left on device")
    reading, writing = os.pipe()
    os.dup2(writing, stream.fileno())
    writer.put(log, "line\n")
    assert everything(reading, "line\n") == "3 lost: No space left on device\nline\n"
    assert writer.close(5)
    assert log.lost == 0
    os.close(reading)
    os.close(writing)


def test_a_destination_that_is_closed_loses_what_it_is_given_and_waits_for_nothing() -> None:
    writer = PatientWriter()
    writer.put(Destination(None, told), "line\n")
    assert writer.close(5)


def test_a_stream_in_memory_is_written_to_as_well() -> None:
    writer, stream = PatientWriter(), StringIO()
    writer.put(Destination(stream, told), "line\n")
    assert writer.close(5)
    assert stream.getvalue() == "line\n"


def test_a_countdown_that_had_no_place_is_not_missed(pipe: tuple[int, TextIOWrapper]) -> None:
    reader, stream = pipe
    writer = PatientWriter(most_waiting=1)
    terminal = Destination(stream, told)
    writer.put(terminal, "x" * 5000 + "\n")
    wait_until(lambda: waiting_in(reader) == 4096)
    for text in ("line\n", "countdown"):
        writer.put(terminal, text)
    begun = everything(reader, "\n")
    assert writer.close(5)
    writer.put(terminal, "end\n")
    assert begun + everything(reader, "end\n") == "x" * 5000 + "\nline\nend\n"


def test_a_stream_that_another_program_made_non_blocking_loses_nothing(pipe: tuple[int, TextIOWrapper]) -> None:
    reader, stream = pipe
    os.set_blocking(stream.fileno(), False)
    writer = PatientWriter()
    log = Destination(stream, told)
    for text in ("x" * 5000 + "\n", "end\n"):
        writer.put(log, text)
    wait_until(lambda: waiting_in(reader) == 4096)
    assert not writer.close(0.05)
    assert everything(reader, "end\n") == "x" * 5000 + "\nend\n"
    assert writer.close(5)
