"""The text of the systemd unit."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from webex_token_cli.service.definition import (
    ServiceDefinition,
)
from webex_token_cli.service.manager import CommandResult, ServiceStatus
from webex_token_cli.service.systemd import UserUnit, quoted

UNIT = """\
# Written by `webex-token service install`, which overwrites this file when a setting changes.
# Put your own settings into `systemctl --user edit webex-token`; they are never overwritten.

[Unit]
Description=Keep Webex tokens fresh

# There is no After=, because D-Bus starts the keyring on demand. While the keyring is locked or the network
# is down, watch tries again.

[Service]
Type=notify
NotifyAccess=main
Environment=WEBEX_TOKEN_STORE=file
Environment="HTTPS_PROXY=http://proxy.example.com:3128/?a b"
ExecStart=/home/ada/.local/bin/webex-token watch --profile=work
# A refresh may wait for a lock, a keyring and Webex. Each wait has a timeout, so a longer silence is a hang.
TimeoutStartSec=5min
WatchdogSec=5min
Restart=on-failure
RestartSec=60
# Exit status 2: a setting is wrong. 3: every profile needs a sign-in. A restart repairs neither.
RestartPreventExitStatus=2 3

UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# For D-Bus (the keyring), for Webex, and for the C library's look-up of addresses.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
# PrivateTmp= and ProtectHome= are not set: they can hide the lock that keeps two webex-token processes of a user from
# redeeming one refresh token twice. ProtectSystem= and similar settings are not set: a user unit needs user
# namespaces for them, and where a system forbids those, the service would not start.

[Install]
WantedBy=default.target
"""


def test_a_file_that_systemd_does_not_know_is_disabled_and_not_stopped(tmp_path: Path) -> None:
    asked = list[list[str]]()

    def systemctl(command: Sequence[str]) -> CommandResult:
        asked.append(list(command[2:]))
        return CommandResult(0)

    unit = UserUnit(tmp_path / "webex-token.service", systemctl, "1000")
    unit.path.touch()
    unit.stop(ServiceStatus())
    assert asked == [["disable", "webex-token.service"]]


def no_command(_: Sequence[str]) -> CommandResult:
    raise AssertionError("The test expects no command.")


USER_UNIT = UserUnit(Path("/nowhere"), no_command, "1000")


def test_the_text_of_the_unit() -> None:
    definition = ServiceDefinition(
        ("/home/ada/.local/bin/webex-token", "watch", "--profile=work"),
        {"WEBEX_TOKEN_STORE": "file", "HTTPS_PROXY": "http://proxy.example.com:3128/?a b"},
    )
    assert USER_UNIT.text(definition) == UNIT


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/usr/bin/webex-token", "/usr/bin/webex-token"),
        ("--profile=ada@example.com", "--profile=ada@example.com"),
        ("", '""'),
        (";", '";"'),
        ("a b", '"a b"'),
        ("100%h", '"100%%h"'),
        ("$HOME", '"$HOME"'),
        ('it\'s "so" \\n', '"it\'s \\"so\\" \\\\n"'),
        ("a\nb\t\x01", '"a\\x0ab\\x09\\x01"'),
        ("Zoë/\udcff\u00a0", '"Zoë/\\xff\\xc2\\xa0"'),
    ],
)
def test_a_word_is_quoted_as_systemd_reads_it(word: str, written: str) -> None:
    assert quoted(word) == written


@pytest.mark.parametrize(
    ("program", "started"),
    [
        ("/home/$USER/webex-token", 'ExecStart=:"/home/$USER/webex-token" watch'),
        ("/home/it's/webex-token", 'ExecStart=/usr/bin/env "/home/it\'s/webex-token" watch'),
        ("/a\\b/webex-token", 'ExecStart=/usr/bin/env "/a\\\\b/webex-token" watch'),
    ],
)
def test_a_program_with_an_unusual_path_is_started(program: str, started: str) -> None:
    text = USER_UNIT.text(ServiceDefinition((program, "watch"), {}))
    assert [line for line in text.splitlines() if line.startswith("Exec")] == [started]
