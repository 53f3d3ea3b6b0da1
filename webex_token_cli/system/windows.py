"""What only Windows can tell: where the user's profile folder is, and who may use a file.

Nothing here depends on environment variables, which two processes of one user can have set differently.
"""

import sys

if sys.platform == "win32":
    import ctypes
    import os
    from ctypes import wintypes
    from pathlib import Path

    from webex_token_cli.system.access_lists import WRITE, AccessList
    from webex_token_cli.system.windows_users import EVERYONE, own_token, this_user

    # winnt.h: OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION
    _OWNER_AND_LIST = 0x1 | 0x4

    def profile_folder() -> Path:
        """The user's profile folder, as the system's list of profiles names it. Raises OSError.

        The shell's folders, which platformdirs asks for, follow the variable USERPROFILE, and platformdirs follows
        variables of its own.
        """
        library = ctypes.WinDLL("userenv", use_last_error=True)
        size = wintypes.DWORD(32_768)  # the longest path that Windows has
        path = ctypes.create_unicode_buffer(size.value)
        with own_token() as token:
            if not library.GetUserProfileDirectoryW(token, path, ctypes.byref(size)):
                raise ctypes.WinError(ctypes.get_last_error())
        return Path(path.value)

    def access_problem(path: Path, rights: int) -> str | None:
        """Why other users may do some of ``rights`` with ``path``, in a few words; None if they may not.

        The access list of the user's profile folder keeps others out of everything in it. Those who administer the
        machine are not others. A link is followed. Raises OSError.
        """
        real = Path(os.path.realpath(path))
        if real.is_relative_to(os.path.realpath(profile_folder())):
            return None
        user, found = this_user(), _access_list(real)
        if found.belongs_to_another(user):
            return f"it belongs to another user ({_account(found.owner)})"
        others = found.others(user, rights)
        if not others:
            return None
        verb = "write" if rights == WRITE else "use"
        return f"others may {verb} it ({', '.join(map(_account, others))})"

    def _access_list(path: Path) -> AccessList:
        library = ctypes.WinDLL("advapi32", use_last_error=True)
        size = wintypes.DWORD(0)
        name = ctypes.c_wchar_p(str(path))
        library.GetFileSecurityW(name, _OWNER_AND_LIST, None, 0, ctypes.byref(size))
        found = ctypes.create_string_buffer(size.value)
        if not size.value or not library.GetFileSecurityW(name, _OWNER_AND_LIST, found, size, ctypes.byref(size)):
            raise ctypes.WinError(ctypes.get_last_error())
        return AccessList.parse(found.raw)

    def _account(sid: str) -> str:
        """The name of the account ``sid``, or ``sid`` itself if Windows does not know it."""
        if sid == EVERYONE:
            return "everyone"
        library = ctypes.WinDLL("advapi32", use_last_error=True)
        binary, kind = ctypes.c_void_p(), wintypes.DWORD()
        name, domain = ctypes.create_unicode_buffer(257), ctypes.create_unicode_buffer(257)
        name_size, domain_size = wintypes.DWORD(257), wintypes.DWORD(257)
        if not library.ConvertStringSidToSidW(ctypes.c_wchar_p(sid), ctypes.byref(binary)):
            return sid
        try:
            known = library.LookupAccountSidW(
                None,
                binary,
                name,
                ctypes.byref(name_size),
                domain,
                ctypes.byref(domain_size),
                ctypes.byref(kind),
            )
        finally:
            ctypes.WinDLL("kernel32").LocalFree(binary)
        return f"{domain.value}\\{name.value}" if known and domain.value else name.value if known else sid
