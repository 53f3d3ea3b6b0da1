"""Which user and which program a process of Windows belongs to."""

import struct
import sys
from pathlib import PureWindowsPath

from webex_token_cli.system.connections import CannotAsk

# Well-known security identifiers.
SYSTEM = "S-1-5-18"
NOBODY = "S-1-0-0"

# winnt.h. This right suffices for both questions, and is granted for a process of one's own that runs as administrator.
_PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
_TOKEN_QUERY = 0x0008
_TOKEN_USER = 1  # of TOKEN_INFORMATION_CLASS
# SECURITY_MAX_SID_SIZE, and room for the structure in front of it.
_LONGEST_TOKEN_USER = 128
# The longest path that Windows knows, in characters.
_LONGEST_PATH = 32_768

_SID_HEAD = struct.Struct(">BB6s")  # revision, number of subauthorities, authority


def sid_text(sid: bytes) -> str:
    """The text of a security identifier, such as ``S-1-5-18`` ([MS-DTYP] 2.4.2). Raises ValueError if it is none."""
    try:
        revision, count, authority = _SID_HEAD.unpack_from(sid)
        parts = struct.unpack_from(f"<{count}I", sid, _SID_HEAD.size)
    except struct.error as error:
        raise ValueError("not a security identifier") from error
    return "-".join(["S", str(revision), str(int.from_bytes(authority)), *map(str, parts)])


def user_of(process: int) -> str:
    """The security identifier of the user who runs a process.

    It is NOBODY's if the process has ended or may not be asked, as those of other users may not. Raises CannotAsk on
    other systems.
    """
    if sys.platform != "win32":
        raise CannotAsk
    import ctypes
    from ctypes import wintypes

    kernel, security = ctypes.WinDLL("kernel32"), ctypes.WinDLL("advapi32")
    kernel.OpenProcess.restype = wintypes.HANDLE
    opened = kernel.OpenProcess(_PROCESS_QUERY_LIMITED_INFORMATION, False, wintypes.DWORD(process))
    if not opened:
        return NOBODY
    handle, token = wintypes.HANDLE(opened), wintypes.HANDLE()
    try:
        if not security.OpenProcessToken(handle, _TOKEN_QUERY, ctypes.byref(token)):
            return NOBODY
        answer, length = ctypes.create_string_buffer(_LONGEST_TOKEN_USER), wintypes.DWORD()
        if not security.GetTokenInformation(token, _TOKEN_USER, answer, len(answer), ctypes.byref(length)):
            return NOBODY
        # TOKEN_USER is a pointer to the identifier, which follows in the same buffer.
        start = ctypes.c_void_p.from_buffer(answer).value or 0
        return sid_text(answer.raw[start - ctypes.addressof(answer) : length.value])
    finally:
        if token:
            kernel.CloseHandle(token)
        kernel.CloseHandle(handle)


def program_of(process: int) -> str | None:
    """The file name of the program that a process runs; None if the process may not be asked, or has ended.

    Raises CannotAsk on other systems.
    """
    if sys.platform != "win32":
        raise CannotAsk
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32")
    kernel.OpenProcess.restype = wintypes.HANDLE
    opened = kernel.OpenProcess(_PROCESS_QUERY_LIMITED_INFORMATION, False, wintypes.DWORD(process))
    if not opened:
        return None
    handle = wintypes.HANDLE(opened)
    try:
        path, length = ctypes.create_unicode_buffer(_LONGEST_PATH), wintypes.DWORD(_LONGEST_PATH)
        found = kernel.QueryFullProcessImageNameW(handle, 0, path, ctypes.byref(length))
        return PureWindowsPath(path.value).name if found else None
    finally:
        kernel.CloseHandle(handle)
