"""A process and everything that it has started: Windows has job objects for that, and POSIX process groups."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    # JobObjectExtendedLimitInformation, and JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE (winnt.h).
    _EXTENDED_LIMITS, _KILL_ON_CLOSE = 9, 0x2000

    class _Limits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION: its basic part, IO_COUNTERS, and the limits of memory."""

        _fields_ = (
            ("times", ctypes.c_int64 * 2),
            ("flags", wintypes.DWORD),
            ("working_set", ctypes.c_size_t * 2),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("classes", wintypes.DWORD * 2),
            ("counters", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    @contextlib.contextmanager
    def ends_with_this_process(process: "subprocess.Popen[bytes]") -> Iterator[None]:
        """Have Windows end ``process`` and its children when this process ends, or when the block is left.

        A process of Windows survives the one that started it. If Windows gives no job, this does nothing.
        """
        with _job_of(process, _KILL_ON_CLOSE):
            yield

    @contextlib.contextmanager
    def killer_of(process: "subprocess.Popen[bytes]") -> Iterator[Callable[[], None]]:
        """A function that kills ``process`` and everything that it has started."""
        with _job_of(process) as job:

            def kill() -> None:
                ctypes.WinDLL("kernel32").TerminateJobObject(wintypes.HANDLE(job), 1)
                process.kill()  # if Windows gave no job

            yield kill

    @contextlib.contextmanager
    def _job_of(process: "subprocess.Popen[bytes]", flags: int = 0) -> Iterator[int | None]:
        kernel = ctypes.WinDLL("kernel32")
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
        kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
        kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
        job = kernel.CreateJobObjectW(None, None)
        limits = _Limits(flags=flags)
        kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
        kernel.AssignProcessToJobObject(job, int(process._handle))  # type: ignore[attr-defined]  # Popen's own handle
        try:
            yield job
        finally:
            if job:
                kernel.CloseHandle(job)

else:

    @contextlib.contextmanager
    def ends_with_this_process(process: "subprocess.Popen[bytes]") -> Iterator[None]:  # noqa: ARG001 - see above
        """Do nothing: only Windows has job objects."""
        yield

    @contextlib.contextmanager
    def killer_of(process: "subprocess.Popen[bytes]") -> Iterator[Callable[[], None]]:
        """A function that kills ``process``, which has a process group of its own, and everything in that group."""

        def kill() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        yield kill
