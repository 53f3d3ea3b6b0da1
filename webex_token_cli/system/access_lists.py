"""The access lists of Windows: who may read and write a file or folder, and whose it is. Pure.

Source: "Security Descriptor Definition" in the documentation of Windows, and winnt.h.
"""

import struct
from dataclasses import dataclass

from webex_token_cli.system.windows_users import EVERYONE, SYSTEM, sid_text

# Bits of an access mask (winnt.h). Who may remove or rename a file, or change its list or owner, can replace its text.
READ = 0x0000_0001 | 0x8000_0000 | 0x1000_0000  # FILE_READ_DATA, GENERIC_READ, GENERIC_ALL
WRITE = (
    0x0000_0002  # FILE_WRITE_DATA, which is FILE_ADD_FILE in a folder
    | 0x0000_0004  # FILE_APPEND_DATA, which is FILE_ADD_SUBDIRECTORY in a folder
    | 0x0000_0040  # FILE_DELETE_CHILD
    | 0x0001_0000  # DELETE
    | 0x0004_0000  # WRITE_DAC
    | 0x0008_0000  # WRITE_OWNER
    | 0x1000_0000  # GENERIC_ALL
    | 0x4000_0000  # GENERIC_WRITE
)

# Who can read everything on the machine in any case, and whom no list of a file keeps out.
_ADMINISTRATORS = "S-1-5-32-544"
_TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
_ADMINISTERING = frozenset({SYSTEM, _ADMINISTRATORS, _TRUSTED_INSTALLER})
# The last numbers of Domain Admins and Enterprise Admins, which administer each machine of their domain.
_ADMINISTERING_GROUPS = ("-512", "-519")
# Creator owner and owner rights stand for the owner, who is examined as well.
_OWNER = frozenset({"S-1-3-0", "S-1-3-4"})
# App packages: such an entry only restricts what an app may do that the user starts.
_APP_PACKAGES = "S-1-15-"

_DACL_PRESENT = 0x0004
# Entries that allow: ACCESS_ALLOWED_ACE_TYPE, and the same with a condition.
_ALLOWING = (0, 9)


@dataclass(frozen=True, slots=True)
class AccessList:
    """Whose a file is, and the access masks of those who are allowed something, by their security identifiers."""

    owner: str
    allowed: tuple[tuple[str, int], ...]

    @classmethod
    def parse(cls, descriptor: bytes) -> "AccessList":
        """The list in a self-relative security descriptor. Without a list, everyone may do everything."""
        _, _, control, owner, _, _, start = struct.unpack_from("<BBHIIII", descriptor)
        if not control & _DACL_PRESENT or start == 0:
            return cls(sid_text(descriptor, owner), ((EVERYONE, READ | WRITE),))
        (count,) = struct.unpack_from("<H", descriptor, start + 4)
        allowed, position = [], start + 8
        for _ in range(count):
            kind, _, size, mask = struct.unpack_from("<BBHI", descriptor, position)
            if kind in _ALLOWING:
                allowed.append((sid_text(descriptor, position + 8), mask))
            position += size
        return cls(sid_text(descriptor, owner), tuple(allowed))

    def others(self, user: str, rights: int) -> list[str]:
        """Who may do some of ``rights`` besides ``user``, the owner and those who administer the machine.

        What an entry denies is not taken into account: that only leads to a file that is said to be open and is not.
        """
        return list(dict.fromkeys(sid for sid, mask in self.allowed if mask & rights and not _is_trusted(sid, user)))

    def belongs_to_another(self, user: str) -> bool:
        """Whether somebody else than ``user`` and those who administer the machine is the owner."""
        return not _is_trusted(self.owner, user)


def _is_trusted(sid: str, user: str) -> bool:
    of_domain = sid.startswith("S-1-5-21-") and sid.endswith(_ADMINISTERING_GROUPS)
    return sid == user or sid in _ADMINISTERING | _OWNER or of_domain or sid.startswith(_APP_PACKAGES)
