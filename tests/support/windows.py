"""The program on Windows' Python, its console, and the events that Windows sends to the processes of a console."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import Finished, wait_until

# The program is started with the interpreter, because nothing installs a command beside it.
WEBEX_TOKEN = (sys.executable, "-m", "webex_token_cli")


@dataclass(frozen=True)
class Seen:
    """What the one who started a command sees of it."""

    status: int
    out: bytes
    err: bytes


def run(command: list[str], environment: dict[str, str], reads: bytes = b"") -> Seen:
    """Run ``command`` to its end. Its standard streams are pipes."""
    done = subprocess.run(command, env=environment, input=reads, capture_output=True, timeout=60, check=False)
    return Seen(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Started:
    """A process whose output is read while it runs."""

    process: subprocess.Popen[bytes]
    _chunks: list[bytes]
    _reader: threading.Thread

    @property
    def out(self) -> str:
        """What it has printed so far, on both streams."""
        return b"".join(self._chunks).decode("utf-8", "replace").replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Wait until it has printed ``text``."""
        wait_until(lambda: text in self.out, lambda: self.out, process=self.process)

    def finish(self) -> Finished:
        """Wait for its end."""
        status = self.process.wait(60)
        self._reader.join(10)
        return Finished(status, self.out, "")


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[Started]:
    """A process that is killed if it still runs at the end."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    chunks: list[bytes] = []
    assert process.stdout is not None
    read = process.stdout.fileno()
    reader = threading.Thread(target=lambda: chunks.extend(iter(lambda: os.read(read, 4096), b"")), daemon=True)
    reader.start()
    try:
        yield Started(process, chunks, reader)
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def batch_file(path: Path, *lines: str) -> Path:
    """Write a batch file."""
    path.write_text("@echo off\n" + "\n".join(lines) + "\n", encoding="ascii")
    return path


def own_console() -> None:
    """Give this process a console, so that its children have one. Not every process that starts tests has one."""
    if sys.platform != "win32":
        raise NotImplementedError
    kernel32 = ctypes.WinDLL("kernel32")
    kernel32.FreeConsole()
    assert kernel32.AllocConsole()


def interrupt_console() -> None:
    """Send Ctrl-C to every process of this console. This process itself should ignore it."""
    if sys.platform != "win32":
        raise NotImplementedError
    os.kill(0, signal.CTRL_C_EVENT)


def send(event: int, process: "subprocess.Popen[bytes]") -> None:
    """Have Windows call the handlers of ``process`` for a console event, in a thread of its own there.

    The thread runs the function of the system that a console starts for each event. ``GenerateConsoleCtrlEvent``
    takes no other events than Ctrl-C and Ctrl-Break, and Wine's takes no other than Ctrl-C.
    """
    if sys.platform != "win32":
        raise NotImplementedError
    kernel32 = ctypes.WinDLL("kernel32")
    pointer, number = ctypes.c_void_p, ctypes.c_uint
    for function in (kernel32.GetModuleHandleW, kernel32.GetProcAddress, kernel32.CreateRemoteThread):
        function.restype = pointer
    kernel32.GetModuleHandleW.argtypes = [ctypes.c_wchar_p]
    kernel32.GetProcAddress.argtypes = [pointer, ctypes.c_char_p]
    kernel32.CreateRemoteThread.argtypes = [pointer, pointer, ctypes.c_size_t, pointer, pointer, number, pointer]
    kernel32.CloseHandle.argtypes = [pointer]
    kernel32.OpenProcess.restype = pointer
    all_access = 0x1FFFFF
    handle = kernel32.OpenProcess(all_access, False, process.pid)
    routine = kernel32.GetProcAddress(kernel32.GetModuleHandleW("kernelbase.dll"), b"CtrlRoutine")
    thread = kernel32.CreateRemoteThread(handle, None, 0, routine, event, 0, None)
    assert thread
    kernel32.CloseHandle(thread)
    kernel32.CloseHandle(handle)
