"""What the checks find in tokens, answers, clocks and the kernel's tables, and that slow checks run side by side."""

import os
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.stored import DAY
from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.settings import Overrides, Profile
from webex_token_cli.doctor.examination import Machine
from webex_token_cli.doctor.findings import Level
from webex_token_cli.doctor.network import check_clock, check_webex
from webex_token_cli.doctor.port_owner import port_owner
from webex_token_cli.doctor.profiles import check_profile
from webex_token_cli.doctor.run import examine
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.signin.flows import Situation
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.store.local.locks import locked
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session

NOW = 1_800_000_000.0


LIVES = "the access token expires <time> (in 13 days)"
DIED = "the access token expired <time> (2 days ago)"


@pytest.mark.parametrize(
    ("access", "refresh", "level", "message"),
    [
        (13, 89, Level.OK, f"{LIVES}, the refresh token <time> (in 89 days)."),
        (13, "unknown", Level.OK, f"{LIVES}; Webex did not say when the refresh token expires."),
        (13, 9, Level.WARNING, f"{LIVES}, the refresh token <time> (in 9 days)."),
        (-2, 70, Level.WARNING, f"{DIED}, the refresh token <time> (in 70 days)."),
        (13, None, Level.WARNING, f"{LIVES}, and there is no refresh token."),
        (13, -9, Level.WARNING, f"{LIVES}, and the refresh token <time> (9 days ago)."),
        (-2, None, Level.PROBLEM, f"{DIED}, and there is no refresh token."),
        (-2, -9, Level.PROBLEM, f"{DIED}, and the refresh token <time> (9 days ago)."),
    ],
)
def test_the_state_of_a_profiles_tokens(
    tmp_path: Path, access: int, refresh: int | str | None, level: Level, message: str
) -> None:
    record = TokenRecord(
        access_token="a" * 40,
        access_expires_at=int(NOW) + access * DAY + (access > 0),
        refresh_token=None if refresh is None else "r" * 40,
        refresh_expires_at=int(NOW) + refresh * DAY + (refresh > 0) if isinstance(refresh, int) else None,
        changed_at=0,
        refreshed_at=0,
        client_id="c",
        client_secret="s" * 40,
    )
    store = open_file_store(tmp_path / "credentials")
    store.save("work", record)
    found = check_profile("work", store, NOW)
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+", "<time>", found.message) == f"Profile work: {message}"
    assert (found.level, found.exit_status) == (level, 3 if level is Level.PROBLEM else 0)
    assert (found.fix is None) == (level is Level.OK)


@pytest.mark.parametrize(
    ("theirs", "before", "after", "message"),
    [
        (1000.0, 1000.5, 1000.6, "This machine's clock agrees with Webex's."),
        (1000.0, 1000.9, 1040.0, "This machine's clock agrees with Webex's."),
        (1000.0, 1061.0, 1061.1, "This machine's clock agrees with Webex's."),
        (1000.0, 940.0, 940.0, "This machine's clock agrees with Webex's."),
        (1000.0, 1072.0, 1073.0, "This machine's clock is 60 seconds ahead of Webex's."),
        (1000.0, 849.0, 851.0, "This machine's clock is 2 minutes behind Webex's."),
        (1000.0, 1000.0 + 36 * 3600, 1001.0 + 36 * 3600, "This machine's clock is 36 hours ahead of Webex's."),
        (None, 1000.0, 1001.0, "Webex did not say what time it is."),
    ],
)
def test_a_clock_may_differ_by_a_minute(theirs: float | None, before: float, after: float, message: str) -> None:
    assert check_clock("", theirs, before, after).message == message


def client(api_url: str) -> WebexClient:
    return WebexClient(api_url, new_session(api_url))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (None, ["<webex> answers.", "This machine's clock agrees with Webex's."]),
        (
            Answer("", 404, {}, '{"message": "no such document"}'),
            ["<webex> answers.", "This machine's clock agrees with Webex's."],
        ),
        (
            Answer("", 200, {}, "<html>Welcome to our hotel"),
            ["The answer (HTTP 200) did not come from Webex, <id>.", "Webex's time is not known."],
        ),
        (
            Answer("", 302, {"Location": "http://portal.example/"}, ""),
            ["The answer (HTTP 302) did not come from Webex, <id>.", "Webex's time is not known."],
        ),
        (Answer("", 503), ["Webex cannot answer now (HTTP 503, <id>).", "Webex's time is not known."]),
        (
            Answer("", 429, {"Retry-After": "9"}),
            ["Webex cannot answer now (HTTP 429, <id>).", "Webex's time is not known."],
        ),
    ],
)
def test_only_webex_counts_as_an_answer(sandbox: Sandbox, fault: Answer | None, message: list[str]) -> None:
    if fault is not None:
        sandbox.order(replace(fault, path="/v1/.well-known/openid-configuration"))
    found = check_webex(sandbox.api_url, client, sandbox.now)
    settled_messages = [
        re.sub(r"tracking ID ROUTER_[0-9A-F-]+", "<id>", each.message.replace(sandbox.api_url, "<webex>"))
        for each in found
    ]
    assert settled_messages == message
    assert [each.exit_status for each in found] == [4 if "not" in message[1] else 0, 0]


def test_webex_is_asked_while_the_store_is_tried(tmp_path: Path, sandbox: Sandbox) -> None:
    asked, tried = threading.Event(), threading.Event()

    def slow_store(_: str) -> LocalStore:
        tried.set()
        assert asked.wait(10)
        raise StoreUnavailable("no", "no")

    def slow_client(api_url: str) -> WebexClient:
        asked.set()
        assert tried.wait(10)
        return client(api_url)

    machine = Machine(
        config=lambda: ConfigFile(tmp_path / "config.ini", lambda: locked(tmp_path / "lock", print)),
        overrides=Overrides(redirect_uri="https://elsewhere.example/oauth", api_url=sandbox.api_url),
        variables=(),
        names=list,
        section=Profile,
        store=slow_store,
        store_of=lambda settings: slow_store(settings.store),
        client=slow_client,
        situation=Situation("linux", {"BROWSER": "x"}, interactive=True),
        find_browser=lambda: "x",
        port_owner=lambda _: None,
        clock=sandbox.now,
    )
    found = examine(machine, [])
    assert {each.check: each.exit_status for each in found} == {
        "config": 0, "store": 5, "port": 0, "browser": 0, "network": 0, "clock": 0, "profile": 0,
    }  # fmt: skip


# The owner of the port.


def fake_proc(folder: Path, owner: int, port: int, *, shown: bool) -> Path:
    """A /proc in which process 77 of user ``owner`` listens on ``port``, and shows its open files only if ``shown``."""
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        f"   0: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {owner:5} 0 4711 1\n"
    )
    descriptors = folder / "77" / "fd"
    descriptors.mkdir(parents=True)
    (folder / "77" / "comm").write_text("other\x1b[2J\n")
    if shown:
        (descriptors / "3").symlink_to("socket:[4711]")
    return folder


@pytest.mark.parametrize(
    ("owner", "port", "shown", "message"),
    [
        (4321, 8000, True, "other [2J (process 77)"),
        (1, 8000, False, "a program of user daemon"),
        (4_000_000, 8000, False, "a program of user 4000000"),
        ("me", 8000, False, None),
        (4321, 8001, True, None),
    ],
)
@pytest.mark.posix
def test_the_owner_of_a_port(tmp_path: Path, owner: int | str, port: int, shown: bool, message: str | None) -> None:
    uid = os.getuid() if owner == "me" else int(owner)
    assert port_owner(8000, fake_proc(tmp_path / "proc", uid, port, shown=shown)) == message
