"""The access lists of Windows: whom a file or folder is open to."""

import struct

import pytest

from webex_token_cli.system.access_lists import READ, WRITE, AccessList
from webex_token_cli.system.windows_users import EVERYONE

ME, SOMEBODY = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
SYSTEM, ADMINISTRATORS, USERS = "S-1-5-18", "S-1-5-32-544", "S-1-5-32-545"
FULL, MODIFY, READ_AND_EXECUTE, TRAVERSE = 0x1F01FF, 0x1301BF, 0x1200A9, 0x100020
ALLOWED, DENIED, ALLOWED_ON_CONDITION = 0, 1, 9


def sid(text: str) -> bytes:
    _, revision, authority, *numbers = text.split("-")
    head = struct.pack("<BB", int(revision), len(numbers)) + int(authority).to_bytes(6, "big")
    return head + b"".join(struct.pack("<I", int(number)) for number in numbers)


def descriptor(owner: str, entries: list[tuple[int, str, int]] | None) -> bytes:
    """A self-relative security descriptor; None stands for no list at all. Windows puts the list first."""
    body = b""
    if entries is not None:
        aces = b"".join(
            struct.pack("<BBHI", kind, 3, 8 + len(sid(who)), mask) + sid(who) for kind, who, mask in entries
        )
        body = struct.pack("<BBHHH", 2, 0, 8 + len(aces), len(entries), 0) + aces
    start = 0 if entries is None else 20
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 20 + len(body), 0, 0, start) + body + sid(owner)


def others(*entries: tuple[int, str, int], rights: int = READ | WRITE) -> list[str]:
    return AccessList.parse(descriptor(ME, list(entries))).others(ME, rights)


OURS = [(ALLOWED, SYSTEM, FULL), (ALLOWED, ADMINISTRATORS, FULL), (ALLOWED, ME, FULL)]


def test_a_folder_of_the_user_the_system_and_the_administrators_is_private() -> None:
    assert others(*OURS) == []
    python_s_own = [(ALLOWED, SYSTEM, FULL), (ALLOWED, ADMINISTRATORS, FULL), (ALLOWED, "S-1-3-4", FULL)]
    assert others(*python_s_own) == []  # what Python gives a folder of mode 0700
    assert others(*OURS, (ALLOWED, "S-1-3-0", 0x1000_0000)) == []
    assert others(*OURS, (ALLOWED, "S-1-5-21-9-9-9-512", FULL)) == []  # the administrators of the domain
    assert others(*OURS, (ALLOWED, "S-1-15-2-1", READ_AND_EXECUTE)) == []  # apps that the user starts


@pytest.mark.parametrize("who", [EVERYONE, USERS, "S-1-5-11", SOMEBODY, "S-1-5-21-1-2-3-513"])
def test_those_who_may_read_are_named(who: str) -> None:
    assert others(*OURS, (ALLOWED, who, READ_AND_EXECUTE)) == [who]
    assert others(*OURS, (ALLOWED_ON_CONDITION, who, READ_AND_EXECUTE)) == [who]
    assert others(*OURS, (ALLOWED, who, 0x8000_0000)) == [who]
    assert others(*OURS, (ALLOWED, who, READ_AND_EXECUTE), rights=WRITE) == []
    assert others(*OURS, (DENIED, who, FULL), (ALLOWED, who, TRAVERSE)) == []


@pytest.mark.parametrize("mask", [MODIFY, 0x2, 0x4, 0x40, 0x10000, 0x40000, 0x80000, 0x4000_0000, 0x1000_0000])
def test_whoever_may_write_replace_or_open_a_file_can_decide_what_is_in_it(mask: int) -> None:
    assert others(*OURS, (ALLOWED, SOMEBODY, mask), rights=WRITE) == [SOMEBODY]


def test_without_a_list_everyone_may_do_everything() -> None:
    found = AccessList.parse(descriptor(ME, None))
    assert (found.others(ME, READ), found.others(ME, WRITE)) == ([EVERYONE], [EVERYONE])


def test_whoever_is_the_owner_can_change_the_list() -> None:
    assert not AccessList.parse(descriptor(ME, OURS)).belongs_to_another(ME)
    assert not AccessList.parse(descriptor(ADMINISTRATORS, OURS)).belongs_to_another(ME)
    assert AccessList.parse(descriptor(SOMEBODY, OURS)).belongs_to_another(ME)
