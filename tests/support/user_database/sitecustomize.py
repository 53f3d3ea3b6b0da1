"""Gives the user of the tests a home folder of their own in the user database, or no entry there at all.

Python imports this at the start of each program under test, whose PYTHONPATH names this folder. Windows has no such
database; there, it puts the replacements of ``credential_manager`` in place.
"""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pwd

HOME = "TEST_USER_DATABASE_HOME"


def entry_with(home: str) -> "Callable[[int], pwd.struct_passwd]":
    """A ``pwd.getpwuid`` that gives this user the folder ``home``; if it is empty, this user has no entry."""
    import pwd

    original = pwd.getpwuid

    def getpwuid(uid: int) -> pwd.struct_passwd:
        if uid == os.getuid() and not home:
            raise KeyError(f"getpwuid(): uid not found: {uid}")
        entry = original(uid)
        return pwd.struct_passwd((*entry[:5], home, entry[6])) if uid == os.getuid() else entry

    return getpwuid


if sys.platform == "win32":
    from tests.support import credential_manager

    credential_manager.install()
elif HOME in os.environ:
    import pwd

    pwd.getpwuid = entry_with(os.environ[HOME])
