"""``service`` with the Task Scheduler: what it prints and writes. A fake ``schtasks`` answers, on every system."""

import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.schtasks import NOT_YET_RUN, SID, SINCE, START_IGNORED, TASK, TERMINATED, FakeTaskScheduler
from webex_token_cli.commands import service

pytestmark = pytest.mark.long


@pytest.fixture
def scheduler(tmp_path: Path) -> FakeTaskScheduler:
    """The fake Task Scheduler, with nothing installed."""
    scheduler = FakeTaskScheduler(tmp_path / "Windows")
    scheduler.prepare()
    return scheduler


@pytest.fixture
def windows(program: Program, scheduler: FakeTaskScheduler, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program, which takes this system for Windows where it chooses the service manager."""
    monkeypatch.setattr(service, "_manager", functools.partial(service._manager, platform="win32"))
    monkeypatch.setattr("webex_token_cli.service.task_scheduler._PAUSE", 0.0)
    return program.having(
        SYSTEMROOT=str(scheduler.folder),
        LOCALAPPDATA=str(program.home / "AppData/Local"),
        USERDOMAIN="DESKTOP",
        USERNAME="ada",
        PATH=os.environ["PATH"],
    )


def folder(program: Program) -> Path:
    return program.home / "AppData/Local/webex-token"


def status_report(program: Program, state: str, starts: str = "automatically") -> str:
    """What `service status` prints."""
    return (
        f"Service  {state}\n"
        f"Starts   {starts}\n"
        "Lasts    until you sign out of Windows\n"
        f"File     {folder(program)}/webex-token.xml\n"
        f"Log      Get-Content -Wait '{folder(program)}/Logs/webex-token.log'\n"
    )


def content(program: Program) -> str:
    return (folder(program) / "webex-token.xml").read_bytes().decode("utf-16")


RUNNING = f"running since {SINCE}"
RUN, END, DELETE = f"/Run /TN {TASK}", f"/End /TN {TASK}", f"/Delete /TN {TASK} /F"


def create(program: Program) -> str:
    return f"/Create /TN {TASK} /XML {folder(program)}/webex-token.xml /F"


def test_install_shows_writes_and_starts_the_task_and_a_second_one_changes_nothing(
    windows: Program, scheduler: FakeTaskScheduler
) -> None:
    done = run_in_process(windows, "service", "install", "--interval", "30m")
    assert (done.status, done.out) == (0, status_report(windows, RUNNING))
    assert scheduler.calls() == [create(windows), RUN]
    text = content(windows)
    assert (done.err, scheduler.get()["xml"]) == (f"Writing {folder(windows)}/webex-token.xml:\n\n{text}\n", text)
    assert text.count(f"<UserId>{SID}</UserId>") == 2
    assert f" -- {WEBEX_TOKEN} watch --interval=1800</Arguments>" in text
    assert list(folder(windows).iterdir()) == [folder(windows) / "webex-token.xml"]
    again = run_in_process(windows, "service", "install", "--interval", "1800")
    assert again == Finished(
        0, f"Already installed and running. Nothing was changed.\n{status_report(windows, RUNNING)}", ""
    )
    assert scheduler.calls() == []


def test_print_shows_the_xml_and_changes_nothing(windows: Program, scheduler: FakeTaskScheduler) -> None:
    printed = run_in_process(windows, "service", "install", "--print")
    assert (printed.status, printed.err, scheduler.calls(), folder(windows).exists()) == (0, "", [], False)
    run_in_process(windows, "service", "install")
    assert content(windows) == printed.out


def test_the_task_gets_the_variables_that_decide_where_tokens_are(
    windows: Program, scheduler: FakeTaskScheduler
) -> None:
    secrets = {"WEBEX_CLIENT_SECRET": "hunter2-client", "HTTPS_PROXY": "http://ada:hunter2-proxy@proxy.example.com"}
    having = windows.having(WEBEX_TOKEN_STORE="file", WEBEX_TOKEN_HOME="/srv/Ada & B", NO_PROXY="a%b", **secrets)
    done = run_in_process(having, "service", "install")
    assert done.status == 0
    arguments = re.search("<Arguments>(.*)</Arguments>", content(windows))
    assert arguments
    assert arguments[1].startswith(
        f'-m webex_token_cli.cli.supervised {folder(windows)}/Logs/webex-token.log "WEBEX_TOKEN_HOME=/srv/Ada &amp; B" '
    )
    assert " WEBEX_TOKEN_STORE=file " in arguments[1]
    assert arguments[1].endswith(f" NO_PROXY=a^25;b -- {WEBEX_TOKEN} watch")
    assert "hunter2" not in done.out + done.err + content(windows)
    assert done.err.startswith(
        "Warning: HTTPS_PROXY holds a secret, so it is not written to the file. Give it to all your programs with "
        "`setx HTTPS_PROXY …`, then sign out of Windows and in again.\n"
    )


def test_install_repairs_only_what_differs(windows: Program, scheduler: FakeTaskScheduler) -> None:
    assert run_in_process(windows, "service", "install").status == 0
    text = content(windows)
    file = folder(windows) / "webex-token.xml"
    changes: dict[str, Callable[[], object]] = {
        "another setting": lambda: file.write_text(text.replace("watch", "watch --interval=60"), encoding="utf-16"),
        "disabled": lambda: scheduler.set(enabled=False),
        "ended": lambda: scheduler.set(last_result=TERMINATED),
        "disabled and ended": lambda: scheduler.set(enabled=False, last_result=1),
        "task deleted": lambda: scheduler.set(xml=None),
        "file lost": file.unlink,
    }
    repairs = {}
    scheduler.calls()
    for name, change in changes.items():
        change()
        done = run_in_process(windows, "service", "install")
        assert (done.status, done.out) == (0, status_report(windows, RUNNING)), name
        repairs[name] = scheduler.calls()
        assert (content(windows), scheduler.get()["xml"], scheduler.get()["enabled"]) == (text, text, True)
    enable = f"/Change /TN {TASK} /ENABLE"
    assert repairs == {
        "another setting": [END, create(windows), RUN],
        "disabled": [enable],
        "ended": [RUN],
        "disabled and ended": [enable, RUN],
        "task deleted": [create(windows), RUN],
        "file lost": [END, create(windows), RUN],
    }


def test_a_start_and_an_end_that_take_a_moment_are_waited_for(windows: Program, scheduler: FakeTaskScheduler) -> None:
    scheduler.set(slow=3)
    assert run_in_process(windows, "service", "install").out == status_report(windows, RUNNING)
    done = run_in_process(windows, "service", "install", "--interval", "2h")
    assert (done.status, done.out) == (0, status_report(windows, RUNNING))


def test_status(windows: Program, scheduler: FakeTaskScheduler) -> None:
    def status() -> Finished:
        return run_in_process(windows, "service", "status")

    assert status() == Finished(1, "Not installed. Install it with `webex-token service install`.\n", "")
    run_in_process(windows, "service", "install")
    assert status() == Finished(0, status_report(windows, RUNNING), "")
    by_hand = "only by hand; `webex-token service install` changes that"
    scheduler.set(enabled=False)
    assert status() == Finished(0, status_report(windows, RUNNING, by_hand), "")
    scheduler.set(enabled=True, last_result=START_IGNORED)
    assert status() == Finished(0, status_report(windows, RUNNING), "")
    sign_in = "ended, because a sign-in is needed: `webex-token login`, then `webex-token service install`"
    states = {
        3: (3, sign_in),
        2: (1, "not running (Bereit, ended with exit status 2)"),
        TERMINATED: (1, "not running (Bereit)"),
        NOT_YET_RUN: (1, "not running (Bereit)"),
    }
    for last_result, (exit_status, state) in states.items():
        scheduler.set(last_result=last_result)
        assert status() == Finished(exit_status, status_report(windows, state), "")


def test_a_task_that_ends_at_once_is_reported(windows: Program, scheduler: FakeTaskScheduler) -> None:
    scheduler.set(start_ends_with=3)
    done = run_in_process(windows, "service", "install")
    assert (done.status, done.out.splitlines()[0]) == (
        3,
        "Service  ended, because a sign-in is needed: `webex-token login`, then `webex-token service install`",
    )


def test_uninstall_removes_the_task_and_its_file_and_a_second_one_changes_nothing(
    windows: Program, scheduler: FakeTaskScheduler
) -> None:
    nothing = Finished(0, "Not installed. Nothing was changed.\n", "")
    assert run_in_process(windows, "service", "uninstall") == nothing
    run_in_process(windows, "service", "install")
    scheduler.calls()
    done = run_in_process(windows, "service", "uninstall")
    file = folder(windows) / "webex-token.xml"
    assert done == Finished(0, f"Stopped, and removed {file}. The profiles stay signed in.\n", "")
    assert (scheduler.calls(), scheduler.get()["xml"], file.exists()) == ([END, DELETE], None, False)
    assert (run_in_process(windows, "service", "uninstall"), scheduler.calls()) == (nothing, [])


@pytest.mark.parametrize(
    ("subcommand", "refused"),
    [("install", "/Create"), ("install", "/Run"), ("uninstall", "/End"), ("uninstall", "/Delete")],
)
def test_a_refusal_of_the_task_scheduler_is_reported_and_a_later_try_succeeds(
    windows: Program, scheduler: FakeTaskScheduler, subcommand: str, refused: str
) -> None:
    if subcommand == "uninstall":
        run_in_process(windows, "service", "install")
    scheduler.set(refuses={refused: [1, "ERROR: Access is denied."]})
    done = run_in_process(windows, "service", subcommand)
    assert (done.status, done.out) == (1, "")
    assert done.err.endswith(
        f"Error: schtasks {refused} failed: Access is denied.\n"
        f"See the task `{TASK}` in the Task Scheduler (show hidden tasks), then try again.\n"
    )
    scheduler.set(refuses={})
    assert run_in_process(windows, "service", subcommand).status == 0
    assert (scheduler.get()["xml"] is None) == (subcommand == "uninstall")


def test_a_replacement_that_was_refused_is_tried_again(windows: Program, scheduler: FakeTaskScheduler) -> None:
    run_in_process(windows, "service", "install")
    scheduler.set(refuses={"/Create": [1, "ERROR: Access is denied."]})
    assert run_in_process(windows, "service", "install", "--interval", "2h").status == 1
    scheduler.set(refuses={})
    assert run_in_process(windows, "service", "install", "--interval", "2h").status == 0
    assert "--interval=7200" in scheduler.get()["xml"]


@pytest.mark.parametrize("subcommand", ["install", "status", "uninstall"])
def test_without_schtasks_nothing_is_written(windows: Program, scheduler: FakeTaskScheduler, subcommand: str) -> None:
    schtasks = scheduler.folder / "System32" / "schtasks.exe"
    schtasks.unlink()
    done = run_in_process(windows, "service", subcommand)
    assert done == Finished(
        2,
        "",
        f"Error: The Task Scheduler cannot be asked: {schtasks}: No such file or directory.\n"
        "Check that schtasks works here, or run `webex-token watch` from the Startup folder.\n",
    )
    assert not folder(windows).exists()


def test_a_single_file_cannot_be_installed(windows: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "single_file", lambda: Path("webex-token.pyz"))
    assert run_in_process(windows, "service", "install") == Finished(
        2,
        "",
        "Error: The Task Scheduler cannot run webex-token from a single file.\n"
        "Install the program (`pipx install webex-token-cli`), then run `webex-token service install`.\n",
    )
    assert not folder(windows).exists()


def test_a_user_whose_sid_is_unknown_is_named(windows: Program, scheduler: FakeTaskScheduler) -> None:
    scheduler.set(sid="")
    printed = run_in_process(windows, "service", "install", "--print")
    assert printed.out.count("<UserId>DESKTOP\\ada</UserId>") == 2


def test_the_task_runs_this_python(windows: Program) -> None:
    printed = run_in_process(windows, "service", "install", "--print")
    assert f"<Command>{sys.executable}</Command>" in printed.out
