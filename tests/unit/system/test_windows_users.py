"""Security identifiers of Windows, as their bytes are read."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.system.windows_users import SYSTEM, sid_text


def test_a_security_identifier_is_written_as_windows_writes_it() -> None:
    assert sid_text(bytes.fromhex("010100000000000512000000")) == SYSTEM
    assert sid_text(bytes.fromhex("0105000000000005150000000100000002000000030000" + "00e9030000")) == (
        "S-1-5-21-1-2-3-1001"
    )


@given(st.lists(st.integers(0, 2**32 - 1), max_size=15), st.integers(0, 2**48 - 1), st.binary(max_size=5))
def test_every_security_identifier_is_read(parts: list[int], authority: int, rest: bytes) -> None:
    sid = bytes([1, len(parts)]) + authority.to_bytes(6) + struct.pack(f"<{len(parts)}I", *parts)
    assert sid_text(sid + rest) == "-".join(map(str, ["S", 1, authority, *parts]))


@pytest.mark.parametrize("sid", [b"", b"\1\1\0\0\0\0\0\5", b"\1\2\0\0\0\0\0\5\1\0\0\0"])
def test_what_is_too_short_is_a_value_error(sid: bytes) -> None:
    with pytest.raises(ValueError, match="security identifier"):
        sid_text(sid)
