"""Which program listens on a port, on macOS, where lsof tells. Its output is that of lsof -F (lsof(8))."""

import pytest

from webex_token_cli.doctor.port_owner import port_owner


@pytest.mark.posix  # Windows is asked whatever ``platform`` says
@pytest.mark.parametrize(
    ("reported", "owner"),
    [
        ("p4711\ncPython\nf3\n", "Python (process 4711)"),
        ("p4711\ncGoogle Chrome Helper\x1b[2J\nf3\nf4\np4712\ncother\n", "Google Chrome Helper [2J (process 4711)"),
        ("", None),  # nobody listens, or a program of another user
        ("lsof: illegal option\n", None),
    ],
)
def test_a_mac_names_the_program_that_lsof_reports(reported: str, owner: str | None) -> None:
    def lsof(port: int) -> str:
        assert port == 8000
        return reported

    assert port_owner(8000, platform="darwin", ask_lsof=lsof) == owner


@pytest.mark.posix
def test_another_system_does_not_tell() -> None:
    assert port_owner(8000, platform="freebsd14") is None
