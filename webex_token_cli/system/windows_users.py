"""Which user and which program a process of Windows belongs to."""

import struct
import sys
from pathlib import PureWindowsPath

from webex_token_cli.system.connections import CannotAsk

# Well-known security identifiers.
EVERYONE = "S-1-1-0"
SYSTEM = "S-1-5-18"
NOBODY = "S-1-0-0"

_SID_HEAD = struct.Struct(">BB6s")  # revision, number of subauthorities, authority


def sid_text(data: bytes, start: int = 0) -> str:
    """The text of the security identifier at ``start``, such as ``S-1-5-18`` ([MS-DTYP] 2.4.2).

    Raises ValueError if there is none.
    """
    try:
        revision, count, authority = _SID_HEAD.unpack_from(data, start)
        parts = struct.unpack_from(f"<{count}I", data, start + _SID_HEAD.size)
    except struct.error as error:
        raise ValueError("not a security identifier") from error
    return "-".join(["S", str(revision), str(int.from_bytes(authority)), *map(str, parts)])


def this_user() -> str:
    """The security identifier of the user who runs this process. Raises OSError, and CannotAsk on other systems."""
    if sys.platform == "win32":
        with own_token() as token:
            return _user_in(token)
    raise CannotAsk


def user_of(process: int) -> str:
    """The security identifier of the user who runs a process.

    It is NOBODY's if the process has ended or may not be asked, as those of other users may not. Raises CannotAsk on
    other systems.
    """
    if sys.platform == "win32":
        try:
            with _opened(process) as handle, _token(handle) as token:
                return _user_in(token)
        except OSError:
            return NOBODY
    raise CannotAsk


def program_of(process: int) -> str | None:
    """The file name of the program that a process runs; None if the process may not be asked, or has ended.

    Raises CannotAsk on other systems.
    """
    if sys.platform == "win32":
        path, length = ctypes.create_unicode_buffer(_LONGEST_PATH), wintypes.DWORD(_LONGEST_PATH)
        try:
            with _opened(process) as handle:
                found = ctypes.WinDLL("kernel32").QueryFullProcessImageNameW(handle, 0, path, ctypes.byref(length))
        except OSError:
            return None
        return PureWindowsPath(path.value).name if found else None
    raise CannotAsk


if sys.platform == "win32":
    import contextlib
    import ctypes
    from collections.abc import Iterator
    from ctypes import wintypes

    # winnt.h. This right suffices here, and is granted for a process of one's own that runs as administrator.
    _PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
    # winnt.h: the right to query a token, and the class of information that names its user.
    _TOKEN_QUERY, _TOKEN_USER = 0x0008, 1
    # SECURITY_MAX_SID_SIZE, and room for the structure in front of it.
    _LONGEST_TOKEN_USER = 128
    # The longest path that Windows knows, in characters.
    _LONGEST_PATH = 32_768

    @contextlib.contextmanager
    def own_token() -> Iterator[wintypes.HANDLE]:
        """The access token of this process, which says whose it is. Raises OSError."""
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        with _token(wintypes.HANDLE(kernel.GetCurrentProcess())) as token:
            yield token

    @contextlib.contextmanager
    def _opened(process: int) -> Iterator[wintypes.HANDLE]:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        opened = kernel.OpenProcess(_PROCESS_QUERY_LIMITED_INFORMATION, False, wintypes.DWORD(process))
        if not opened:
            raise ctypes.WinError(ctypes.get_last_error())
        handle = wintypes.HANDLE(opened)
        try:
            yield handle
        finally:
            kernel.CloseHandle(handle)

    @contextlib.contextmanager
    def _token(process: wintypes.HANDLE) -> Iterator[wintypes.HANDLE]:
        token = wintypes.HANDLE()
        security = ctypes.WinDLL("advapi32", use_last_error=True)
        if not security.OpenProcessToken(process, _TOKEN_QUERY, ctypes.byref(token)):
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            yield token
        finally:
            ctypes.WinDLL("kernel32").CloseHandle(token)

    def _user_in(token: wintypes.HANDLE) -> str:
        security = ctypes.WinDLL("advapi32", use_last_error=True)
        answer, length = ctypes.create_string_buffer(_LONGEST_TOKEN_USER), wintypes.DWORD()
        if not security.GetTokenInformation(token, _TOKEN_USER, answer, len(answer), ctypes.byref(length)):
            raise ctypes.WinError(ctypes.get_last_error())
        # TOKEN_USER is a pointer to the identifier, which follows in the same buffer.
        address = ctypes.c_void_p.from_buffer(answer).value or 0
        return sid_text(answer.raw[: length.value], address - ctypes.addressof(answer))
