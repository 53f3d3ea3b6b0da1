"""Stands between the programs under test and the person's Windows, in each of their processes.

Nothing opens a browser by ``os.startfile``, which needs no variable of the environment. For the Credential Manager,
``install`` replaces four functions in the table of names that ``advapi32.dll`` exports, so that every caller that
looks them up later meets the replacements, through ``ctypes`` as well as through the keyring library's ``cffi``.
``sitecustomize`` of the programs under test calls it, and so does ``conftest``. The replacements

- refuse an entry of more than 2,560 bytes with error 1783, as Windows does and Wine does not;
- run one at a time below a prefix. Windows' calls do so as well: one process answers them, and ends what it has
  begun even if its caller is killed. Wine writes an entry in several steps, which another process sees;
- begin the name of each entry with the text in TEST_CREDENTIALS_PREFIX, so that no test meets an entry of the user;
- wait as many seconds before each call as TEST_CREDENTIALS_PAUSE says;
- end the process at once, with status 9, in place of the write or deletion whose number TEST_CREDENTIALS_DEATH is,
  counted from 1;
- append a line for each call to the file that TEST_CREDENTIALS_LOG names, before the pause: the function, the entry
  and the size in bytes of what is written.
"""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

PREFIX = "TEST_CREDENTIALS_PREFIX"
PAUSE = "TEST_CREDENTIALS_PAUSE"
DEATH = "TEST_CREDENTIALS_DEATH"
LOG = "TEST_CREDENTIALS_LOG"
VARIABLES = (PREFIX, PAUSE, DEATH, LOG)

# wincred.h: CRED_MAX_CREDENTIAL_BLOB_SIZE is 5 * 512.
LARGEST = 2560
# winerror.h: RPC_X_BAD_STUB_DATA, which CredWrite fails with if an entry is larger.
BAD_STUB_DATA = 1783

if sys.platform == "win32":
    from ctypes import wintypes

    class Credential(ctypes.Structure):
        """CREDENTIALW of wincred.h."""

        _fields_ = (
            ("Flags", wintypes.DWORD),
            ("Type", wintypes.DWORD),
            # Addresses: what is read is freed by its owner as one block, whatever its fields say.
            ("TargetName", ctypes.c_void_p),
            ("Comment", ctypes.c_void_p),
            ("LastWritten", wintypes.FILETIME),
            ("CredentialBlobSize", wintypes.DWORD),
            ("CredentialBlob", ctypes.c_void_p),
            ("Persist", wintypes.DWORD),
            ("AttributeCount", wintypes.DWORD),
            ("Attributes", ctypes.c_void_p),
            ("TargetAlias", ctypes.c_void_p),
            ("UserName", ctypes.c_void_p),
        )

    _Pointer = ctypes.POINTER(Credential)
    _READ = ctypes.WINFUNCTYPE(
        wintypes.BOOL,
        wintypes.LPCWSTR,
        wintypes.DWORD,
        wintypes.DWORD,
        ctypes.POINTER(_Pointer),
        use_last_error=True,
    )
    _WRITE = ctypes.WINFUNCTYPE(wintypes.BOOL, _Pointer, wintypes.DWORD, use_last_error=True)
    _DELETE = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, use_last_error=True)
    _ENUMERATE = ctypes.WINFUNCTYPE(
        wintypes.BOOL,
        wintypes.LPCWSTR,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.DWORD),
        ctypes.POINTER(ctypes.POINTER(_Pointer)),
        use_last_error=True,
    )

    def install() -> None:
        """Replace the functions in this process. Callers that looked them up before are not affected."""
        os.startfile = _refuse_to_start
        if getattr(ctypes, "_credential_manager_of_tests", None) is None:
            # What is called from C must live as long as the process, however often this module is loaded.
            ctypes._credential_manager_of_tests = _Replacements()  # type: ignore[attr-defined]

    def _refuse_to_start(*what: object, **_: object) -> None:
        raise OSError(f"a test may not start {what}")

    class _Replacements:
        """The four functions, what they replaced, and how many writes and deletions there were."""

        def __init__(self) -> None:
            library = ctypes.WinDLL("advapi32", use_last_error=True)
            self._changes = 0
            self._original_read = _READ(("CredReadW", library))
            self._original_write = _WRITE(("CredWriteW", library))
            self._original_delete = _DELETE(("CredDeleteW", library))
            self._original_enumerate = _ENUMERATE(("CredEnumerateW", library))
            self._callbacks = {
                "CredReadW": _READ(self._read),
                "CredWriteW": _WRITE(self._write),
                "CredDeleteW": _DELETE(self._delete),
                "CredEnumerateW": _ENUMERATE(self._enumerate),
            }
            _replace_exports(library._handle, self._callbacks)

        def _read(self, target: str, kind: int, flags: int, found: object) -> int:
            self._before("CredReadW", target)
            with one_at_a_time():
                done: int = self._original_read(prefix() + target, kind, flags, found)
            if done:
                _cut_prefix(found[0])  # type: ignore[index]
            return done

        def _write(self, credential: object, flags: int) -> int:
            entry = credential[0]  # type: ignore[index]
            target = ctypes.wstring_at(entry.TargetName)
            self._before("CredWriteW", f"{target} {entry.CredentialBlobSize}")
            self._count_change()
            if entry.CredentialBlobSize > LARGEST:
                ctypes.set_last_error(BAD_STUB_DATA)
                return 0
            name = ctypes.create_unicode_buffer(prefix() + target)
            copy = Credential.from_buffer_copy(entry)
            copy.TargetName = ctypes.addressof(name)
            with _alone():
                done: int = self._original_write(ctypes.pointer(copy), flags)
            return done

        def _delete(self, target: str, kind: int, flags: int) -> int:
            self._before("CredDeleteW", target)
            self._count_change()
            with _alone():
                done: int = self._original_delete(prefix() + target, kind, flags)
            return done

        def _enumerate(self, pattern: str | None, flags: int, count: object, found: object) -> int:
            self._before("CredEnumerateW", pattern or "*")
            # Without a prefix, "no pattern" and "every entry" are told apart by the flags.
            wanted = prefix() + (pattern or "*") if prefix() else pattern
            with _alone():
                done: int = self._original_enumerate(wanted, 0 if prefix() else flags, count, found)
            if done:
                for number in range(count[0]):  # type: ignore[index]
                    _cut_prefix(found[0][number])  # type: ignore[index]
            return done

        def _before(self, function: str, about: str) -> None:
            if LOG in os.environ:
                with Path(os.environ[LOG]).open("a", encoding="utf-8") as log:
                    log.write(f"{function} {about}\n")
            time.sleep(float(os.environ.get(PAUSE, "0")))

        def _count_change(self) -> None:
            self._changes += 1
            if os.environ.get(DEATH) == str(self._changes):
                os.kill(os.getpid(), 9)  # on Windows, this ends the process at once, with this status

    def one_at_a_time() -> contextlib.AbstractContextManager[None]:
        """While the context is open, no other thread or process is within one of the functions, below the same prefix.

        Whoever kills a process here kills it between two calls.
        """
        # One for each prefix, so that tests that run at once do not wait for each other's killers.
        return _owning(f"webex-token-tests {prefix()}")

    @contextlib.contextmanager
    def _alone() -> Iterator[None]:
        """The same, and no other test changes an entry either: Wine asks twice for all entries when it lists them, and
        writes beyond its memory if one was added between."""
        with one_at_a_time(), _owning("webex-token-tests"):
            yield

    @contextlib.contextmanager
    def _owning(mutex_name: str) -> Iterator[None]:
        kernel = ctypes.WinDLL("kernel32")
        kernel.CreateMutexW.restype = ctypes.c_void_p
        mutex = ctypes.c_void_p(kernel.CreateMutexW(None, False, mutex_name))
        assert mutex
        kernel.WaitForSingleObject(mutex, 0xFFFFFFFF)  # INFINITE; if its owner was killed, it is given all the same
        try:
            yield
        finally:
            kernel.ReleaseMutex(mutex)
            kernel.CloseHandle(mutex)

    def prefix() -> str:
        """What the name of each entry begins with."""
        return os.environ.get(PREFIX, "")

    def _cut_prefix(pointer: object) -> None:
        """The caller reads a name that begins after the prefix."""
        pointer[0].TargetName += 2 * len(prefix())  # type: ignore[index]

    def entries() -> list[str]:
        """The names of all entries below the prefix."""
        return [name for name, _, _ in _stored()]

    def remove_entries() -> None:
        """Remove all entries below the prefix; there must be one, so that no entry of the user is removed."""
        assert prefix()
        library = ctypes.WinDLL("advapi32", use_last_error=True)
        for name, kind, _ in list(_stored()):
            library.CredDeleteW(ctypes.c_wchar_p(name), kind, 0)

    def _stored() -> Iterator[tuple[str, int, int]]:
        """Name, type and size in bytes of each entry below the prefix."""
        library = ctypes.WinDLL("advapi32", use_last_error=True)
        count, found = wintypes.DWORD(), ctypes.POINTER(_Pointer)()
        if library.CredEnumerateW(None, 0, ctypes.byref(count), ctypes.byref(found)):
            try:
                for number in range(count.value):
                    entry = found[number][0]
                    yield ctypes.wstring_at(entry.TargetName), entry.Type, entry.CredentialBlobSize
            finally:
                library.CredFree(found)

    def _replace_exports(module: int, functions: Mapping[str, object]) -> None:
        """Let the names in the table of exports lead to ``functions``. The format is that of PE files, section 6.3."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.VirtualAlloc.restype = ctypes.c_void_p
        kernel.VirtualAlloc.argtypes = (ctypes.c_void_p, ctypes.c_size_t, wintypes.DWORD, wintypes.DWORD)
        kernel.VirtualProtect.argtypes = (
            ctypes.c_void_p,
            ctypes.c_size_t,
            wintypes.DWORD,
            ctypes.POINTER(wintypes.DWORD),
        )
        header = module + _number(module + 0x3C)
        exports = module + _number(header + 24 + 112)
        addresses, names, ordinals = (module + _number(exports + offset) for offset in (28, 32, 36))
        jumps = _room_above(kernel, module)
        for number in range(_number(exports + 24)):
            name = ctypes.string_at(module + _number(names + 4 * number)).decode("ascii")
            if name not in functions:
                continue
            # mov rax, function; jmp rax
            code = b"\x48\xb8" + _address(functions[name]).to_bytes(8, "little") + b"\xff\xe0"
            ctypes.memmove(jumps, code, len(code))
            slot = addresses + 4 * int.from_bytes(ctypes.string_at(ordinals + 2 * number, 2), "little")
            previous = wintypes.DWORD()
            assert kernel.VirtualProtect(slot, 4, 0x04, ctypes.byref(previous))  # PAGE_READWRITE
            ctypes.memmove(slot, (jumps - module).to_bytes(4, "little"), 4)
            kernel.VirtualProtect(slot, 4, previous, ctypes.byref(previous))
            jumps += 16

    def _room_above(kernel: "ctypes.WinDLL", module: int) -> int:
        """Memory for code, within the four gigabytes above ``module`` that an entry of its table can lead to."""
        for distance in range(0x1000000, 0xF0000000, 0x1000000):
            found = kernel.VirtualAlloc(module + distance, 4096, 0x3000, 0x40)  # reserve, commit; execute, read, write
            if found:
                return int(found)
        raise OSError("no memory above the library")

    def _number(address: int) -> int:
        return int.from_bytes(ctypes.string_at(address, 4), "little")

    def _address(function: object) -> int:
        value = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
        assert value is not None
        return value
