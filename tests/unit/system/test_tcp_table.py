"""Windows' table of TCP sockets, as its bytes are read, and the owner of one connection in it."""

import ipaddress
import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.doctor.port_owner import owner_on_windows
from webex_token_cli.system.connections import CannotAsk
from webex_token_cli.system.tcp_table import (
    ESTABLISHED,
    LISTENING,
    Row,
    connection_owner,
    listening_processes,
    parse_table,
)

THIS_PROCESS, BROWSER, STRANGER = 100, 200, 300
OURS, BOB, NOBODY = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002", "S-1-0-0"
TIME_WAIT = 11

# What GetExtendedTcpTable wrote for a socket that listens on 127.0.0.1:45005 and a connection to it; the process
# numbers were put in, because the emulator that it ran on does not give them.
TABLE = bytes.fromhex(
    "03000000"
    "020000007f000001afcd00000000000000000000" "64000000"
    "050000007f00000195e800007f000001afcd0000" "c8000000"
    "050000007f000001afcd00007f00000195e80000" "64000000"
)  # fmt: skip


def port(number: int) -> bytes:
    return number.to_bytes(2)


def end(address: str, number: int) -> tuple[bytes, bytes]:
    return ipaddress.ip_address(address).packed, port(number)


def row(state: int, local: tuple[str, int], remote: tuple[str, int], process: int) -> Row:
    return Row(state, *end(*local), *end(*remote), process)


def test_a_table_of_windows_is_read() -> None:
    local, remote = ("127.0.0.1", 45005), ("127.0.0.1", 38376)
    assert list(parse_table(TABLE, socket.AF_INET)) == [
        row(LISTENING, local, ("0.0.0.0", 0), THIS_PROCESS),
        row(ESTABLISHED, remote, local, BROWSER),
        row(ESTABLISHED, local, remote, THIS_PROCESS),
    ]


NUMBERS = st.integers(0, 2**32 - 1)


def rows_of(addresses: int) -> st.SearchStrategy[list[Row]]:
    addresses_, ports = st.binary(min_size=addresses, max_size=addresses), st.binary(min_size=2, max_size=2)
    return st.lists(st.builds(Row, NUMBERS, addresses_, ports, addresses_, ports, NUMBERS), max_size=5)


@given(rows_of(4), st.binary(min_size=2, max_size=2), st.binary(max_size=9))
def test_every_table_of_ipv4_is_read_back_whatever_fills_the_gaps(rows: list[Row], gap: bytes, rest: bytes) -> None:
    table = struct.pack("<I", len(rows)) + b"".join(
        struct.pack("<I", row.state)
        + b"".join([row.local, row.local_port, gap, row.remote, row.remote_port, gap])
        + struct.pack("<I", row.process)
        for row in rows
    )
    assert list(parse_table(table + rest, socket.AF_INET)) == rows


@given(rows_of(16), st.binary(min_size=2, max_size=2), NUMBERS, st.binary(max_size=9))
def test_every_table_of_ipv6_is_read_back(rows: list[Row], gap: bytes, scope: int, rest: bytes) -> None:
    scope_ = struct.pack("<I", scope)
    table = struct.pack("<I", len(rows)) + b"".join(
        b"".join([row.local, scope_, row.local_port, gap, row.remote, scope_, row.remote_port, gap])
        + struct.pack("<II", row.state, row.process)
        for row in rows
    )
    assert list(parse_table(table + rest, socket.AF_INET6)) == rows


@given(st.binary(max_size=200), st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_other_bytes_are_a_table_or_a_value_error(table: bytes, family: int) -> None:
    try:
        rows = list(parse_table(table, family))
    except ValueError:
        return
    assert len(rows) == int.from_bytes(table[:4], "little")


@pytest.mark.parametrize("length", [0, 3, 4, len(TABLE) - 1])
def test_a_table_that_ends_early_is_a_value_error(length: int) -> None:
    with pytest.raises(ValueError, match="table"):
        list(parse_table(TABLE[:length], socket.AF_INET))


# Our listener on port 8000, and connections to it from the browser and from another user's program.
LISTENER = [
    row(LISTENING, ("127.0.0.1", 8000), ("0.0.0.0", 0), THIS_PROCESS),
    row(ESTABLISHED, ("127.0.0.1", 8000), ("127.0.0.1", 50000), THIS_PROCESS),
    row(ESTABLISHED, ("127.0.0.1", 50000), ("127.0.0.1", 8000), BROWSER),
    row(ESTABLISHED, ("127.0.0.1", 50001), ("127.0.0.1", 8000), STRANGER),
    row(ESTABLISHED, ("127.0.0.1", 50001), ("127.0.0.1", 9000), BROWSER),
    row(TIME_WAIT, ("127.0.0.1", 50002), ("127.0.0.1", 8000), 0),
]
LISTENER_IPV6 = [
    row(LISTENING, ("::1", 8000), ("::", 0), THIS_PROCESS),
    row(ESTABLISHED, ("::1", 50000), ("::1", 8000), STRANGER),
    row(ESTABLISHED, ("::ffff:127.0.0.1", 50003), ("::ffff:127.0.0.1", 8000), STRANGER),
]


def tables(family: int) -> list[Row]:
    return LISTENER if family == socket.AF_INET else LISTENER_IPV6


def user_of(process: int) -> str:
    return {BROWSER: OURS, STRANGER: BOB}.get(process, NOBODY)


def owner(near: object, far: object, rows: Callable[[int], list[Row]] = tables) -> str | None:
    return connection_owner(near, far, rows, user_of, THIS_PROCESS)


@pytest.mark.parametrize(
    ("near", "far", "user"),
    [
        (("127.0.0.1", 50000), ("127.0.0.1", 8000), OURS),
        (("127.0.0.1", 50001), ("127.0.0.1", 8000), BOB),
        (("127.0.0.1", 50002), ("127.0.0.1", 8000), None),
        (("127.0.0.1", 50009), ("127.0.0.1", 8000), None),
        (("::1", 50000, 0, 0), ("::1", 8000, 0, 0), BOB),
        (("::1", 50009, 0, 0), ("::1", 8000, 0, 0), None),
        (("127.0.0.1", 50003), ("127.0.0.1", 8000), BOB),
        (("::1", 50000, 0, 0), ("127.0.0.1", 8000), None),
    ],
)
def test_the_owner_of_a_connection_is_the_user_of_the_process_at_its_other_end(
    near: object, far: object, user: str | None
) -> None:
    assert owner(near, far) == user


def test_a_system_that_lists_sockets_without_processes_cannot_be_asked() -> None:
    for near, far in ((("127.0.0.1", 50000), ("127.0.0.1", 8000)), (("::1", 50000, 0, 0), ("::1", 8000, 0, 0))):
        with pytest.raises(CannotAsk):
            owner(near, far, lambda family: [each._replace(process=0) for each in tables(family)])
        with pytest.raises(CannotAsk):
            owner(near, far, lambda _: [])


def test_what_listens_on_a_port_is_named() -> None:
    assert listening_processes(8000, tables) == [THIS_PROCESS]
    assert owner_on_windows(8000, lambda _: [77], lambda _: "other\x1b[2J.exe") == "other [2J.exe (process 77)"
    assert owner_on_windows(8000, lambda _: [0, 77], lambda _: None) == "process 77"
    assert owner_on_windows(8000, lambda _: [0], lambda _: "never asked") is None
    assert owner_on_windows(8000, lambda _: [], lambda _: None) is None


def test_a_table_that_cannot_be_read_names_no_program() -> None:
    def refused(_: int) -> list[int]:
        raise OSError(5, "Access is denied")

    assert owner_on_windows(8000, refused, lambda _: None) is None
