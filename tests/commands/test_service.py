"""``service``: the whole text of the unit and the agent, and the requests to the service manager."""

import os
import plistlib
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.requirements import require
from tests.support.systemctl import SINCE, FakeSystemd
from webex_token_cli.application import Application
from webex_token_cli.commands.service import _manager
from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.service.definition import (
    ServiceDefinition,
    inherited_environment,
    omitted_variables,
    this_program,
)
from webex_token_cli.service.launchd import Agent
from webex_token_cli.service.manager import CommandResult, ServiceStatus, run_command
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
# PrivateTmp= is not set: it would hide the lock in /tmp that keeps two webex-token processes of this user from
# redeeming one refresh token twice. ProtectSystem= and similar settings are not set: a user unit needs user
# namespaces for them, and where a system forbids those, the service would not start.

[Install]
WantedBy=default.target
"""

PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>webex-token</string>
	<key>ProgramArguments</key>
	<array>
		<string>/opt/A &amp; B/webex-token</string>
		<string>watch</string>
	</array>
	<key>EnvironmentVariables</key>
	<dict>
		<key>WEBEX_TOKEN_STORE</key>
		<string>file</string>
	</dict>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>3600</integer>
	<key>ProcessType</key>
	<string>Background</string>
	<key>Umask</key>
	<integer>63</integer>
	<key>StandardOutPath</key>
	<string>/Users/ada/Library/Logs/webex-token.log</string>
	<key>StandardErrorPath</key>
	<string>/Users/ada/Library/Logs/webex-token.log</string>
</dict>
</plist>
"""


def never(_: Sequence[str]) -> CommandResult:
    raise AssertionError("no command may be run")


USER_UNIT = UserUnit(Path("/nowhere"), never, "1000")


def test_the_unit() -> None:
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
def test_systemd_reads_a_quoted_word_unchanged(word: str, written: str) -> None:
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


AGENT = Agent(Path("/nowhere"), never, "501", Path("/Users/ada/Library/Logs/webex-token.log"))


def test_the_agent() -> None:
    definition = ServiceDefinition(("/opt/A & B/webex-token", "watch"), {"WEBEX_TOKEN_STORE": "file"})
    assert AGENT.text(definition) == PLIST
    read = plistlib.loads(AGENT.text(definition).encode())
    assert (read["ProgramArguments"], read["EnvironmentVariables"]) == (
        list(definition.command),
        definition.environment,
    )


def test_the_service_gets_its_variables_without_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {
        "WEBEX_TOKEN_HOME": "here/it is",
        "XDG_DATA_HOME": "/data",
        "REQUESTS_CA_BUNDLE": "~/ca.pem",
        "CURL_CA_BUNDLE": "",
        "WEBEX_TOKEN_STORE": "file",
        "HTTPS_PROXY": "http://proxy:3128",
        "http_proxy": "http://ada:hunter2@proxy:3128",
        "NO_PROXY": "example.com",
        "WEBEX_CLIENT_SECRET": "hunter2",
        "WEBEX_ACCESS_TOKEN": "hunter2",
        "WEBEX_CLIENT_ID": "C9",
        "PATH": "/bin",
    }
    assert inherited_environment(environment) == {
        "WEBEX_TOKEN_HOME": f"{tmp_path}/here/it is",
        "XDG_DATA_HOME": "/data",
        "REQUESTS_CA_BUNDLE": "~/ca.pem",
        "WEBEX_TOKEN_STORE": "file",
        "HTTPS_PROXY": "http://proxy:3128",
        "NO_PROXY": "example.com",
    }
    assert omitted_variables(environment) == ["http_proxy"]


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        ("/home/ada/bin/webex-token", ("/home/ada/bin/webex-token",)),
        ("bin/webex-token", ("/work/bin/webex-token",)),
        ("/gone/webex-token", ("/venv/bin/python", "-m", "webex_token_cli")),
        ("/venv/lib/webex_token_cli/__main__.py", ("/venv/bin/python", "-m", "webex_token_cli")),
        ("-c", ("/venv/bin/python", "-m", "webex_token_cli")),
    ],
)
def test_the_service_runs_the_command_that_was_typed(
    argument: str, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    expected = tuple(word.replace("/work", str(folder)) for word in command)
    assert this_program(argument, "/venv/bin/python", lambda path: "gone" not in path.parts) == expected


def test_a_command_that_is_missing_or_fails_raises_nothing() -> None:
    assert (run_command(["/nowhere/systemctl"]).status, run_command(["/nowhere/systemctl"]).reason) == (
        127,
        "/nowhere/systemctl: No such file or directory",
    )
    assert run_command(["sh", "-c", "echo out; echo 'First line.' >&2; echo second >&2; exit 4"]) == CommandResult(
        4, "out\n", "First line.\nsecond\n"
    )
    assert CommandResult(4, "out\n", "First line.\nsecond\n").reason == "First line"
    assert CommandResult(4).reason == "exit status 4"


# The command, with a fake systemd.


@pytest.fixture
def systemd(program: Program, tmp_path: Path) -> FakeSystemd:
    systemd = FakeSystemd(tmp_path / "fake", program.home / ".config/systemd/user/webex-token.service")
    systemd.prepare()
    return systemd


@pytest.fixture
def there(program: Program, systemd: FakeSystemd) -> Program:
    """The program on a machine with the fake systemd."""
    return program.having(PATH=f"{systemd.folder}{os.pathsep}{os.environ['PATH']}")


def status_report(systemd: FakeSystemd, service: str, *more: str) -> str:
    """What `service status` prints."""
    return "".join(
        f"{line}\n"
        for line in (
            f"Service  {service}",
            *more,
            "Lasts    until your last session ends (linger is off); `loginctl enable-linger` keeps it running",
            f"File     {systemd.unit}",
            "Log      journalctl --user -u webex-token",
        )
    )


@pytest.mark.parametrize("subcommand", ["install", "uninstall", "status"])
def test_each_subcommand_has_help(program: Program, subcommand: str) -> None:
    helped = program.run("service", subcommand, "--help")
    assert (helped.status, helped.err) == (0, "")
    for part in (f"webex-token service {subcommand}", "Example:", "Exit status:", "--verbose", "--debug", "-h, --help"):
        assert part in helped.out


SAYS = "Reports  1 profile is fresh, next check in 60 minutes"
RUNS = (f"running since {SINCE}", SAYS, "Starts   automatically")
START = ["daemon-reload", "enable webex-token.service", "restart webex-token.service"]


def test_install_shows_writes_and_starts_and_a_second_one_does_nothing(there: Program, systemd: FakeSystemd) -> None:
    done = there.run("service", "install", "--interval", "30m")
    assert (done.status, done.out, systemd.calls()) == (0, status_report(systemd, *RUNS), START)
    text = systemd.unit.read_text()
    assert done.err == f"Writing {systemd.unit}:\n\n{text}\n"
    assert f"\nExecStart={WEBEX_TOKEN} watch --interval=1800\n" in text
    assert (systemd.unit.stat().st_mode & 0o777, list(systemd.unit.parent.iterdir())) == (0o644, [systemd.unit])
    before = systemd.unit.stat()
    again = there.run("service", "install", "--interval", "1800")
    assert again == Finished(
        0, f"Already installed and running. Nothing was changed.\n{status_report(systemd, *RUNS)}", ""
    )
    assert (systemd.calls(), systemd.unit.stat()) == ([], before)


def test_install_repairs_whatever_differs(there: Program, systemd: FakeSystemd) -> None:
    assert there.run("service", "install").status == 0
    assert systemd.calls() == START
    text = systemd.unit.read_text()
    repairs = {}
    spoils: dict[str, Callable[[], object]] = {
        "another setting": lambda: systemd.unit.write_text(text.replace("watch", "watch --interval=60")),
        "written, not loaded": lambda: systemd.set(loaded="what was there before"),
        "disabled": lambda: systemd.set(enabled=False),
        "stopped": lambda: systemd.set(state="inactive"),
        "failed": lambda: systemd.set(state="failed", status=1),
        "file lost": systemd.unit.unlink,
    }
    for name, spoil in spoils.items():
        spoil()
        assert there.run("service", "install").status == 0
        repairs[name] = systemd.calls()
        now = systemd.get()
        assert (systemd.unit.read_text(), now["loaded"], now["enabled"], now["state"]) == (text, text, True, "active")
    assert repairs == {
        "another setting": ["daemon-reload", "restart webex-token.service"],
        "written, not loaded": ["daemon-reload", "restart webex-token.service"],
        "disabled": ["enable webex-token.service"],
        "stopped": ["restart webex-token.service"],
        "failed": ["restart webex-token.service"],
        "file lost": START,
    }


def test_the_options_and_variables_of_watch_are_handed_on(there: Program) -> None:
    def started(program: Program, *options: str) -> str:
        printed = program.run("service", "install", "--print", *options)
        found = re.search(r"^ExecStart=\S+ (.*)$", printed.out, re.MULTILINE)
        assert found, printed.err
        return found[1]

    both = there.having(WEBEX_TOKEN_INTERVAL="2h", WEBEX_TOKEN_MAX_AGE="12h", WEBEX_TOKEN_PROFILE="a b")
    assert [
        started(there),
        started(there, "-p", "x", "-p", "a@b.c", "-p", "x", "--interval", "1.5s", "--max-age", "2d"),
        started(both),
        started(both, "-p", "c", "--interval", "1h", "--max-age", "90m"),
        started(there.having(EVENT_LOOP_DAYS="0.5", EVENT_LOOP_SLEEP_SECONDS="1800")),
        started(there, "--on-change", 'vault kv put "webex-$WEBEX_TOKEN_PROFILE" token=-', "--log-format", "json"),
        started(there, "--on-attention", "tell"),
    ] == [
        "watch",
        "watch --profile=x --profile=a@b.c --interval=1.5 --max-age=172800",
        "watch --profile=a --profile=b --interval=7200 --max-age=43200",
        "watch --profile=c --max-age=5400",
        "watch --interval=1800 --max-age=43200",
        r'watch "--on-change=vault kv put \"webex-$WEBEX_TOKEN_PROFILE\" token=-" --log-format=json',
        "watch --on-attention=tell",
    ]


@pytest.mark.parametrize(
    ("variables", "options", "said"),
    [
        ({}, ["--interval", "0"], "Error: Invalid value for '--interval': a duration must be at least a second."),
        ({}, ["-p", "../x"], "Error: '../x' cannot name a profile."),
        ({"WEBEX_TOKEN_INTERVAL": "soon"}, [], "Error: The environment variable WEBEX_TOKEN_INTERVAL is wrong:"),
        ({"WEBEX_TOKEN_STORE": "cloud"}, [], "Error: 'cloud' is not a credential store"),
        ({"WEBEX_TOKEN_API_URL": "http://webex.example"}, [], "Error: 'http://webex.example' cannot be the API base"),
    ],
)
def test_a_setting_that_watch_would_refuse_is_refused_before_anything_is_written(
    there: Program, systemd: FakeSystemd, variables: dict[str, str], options: list[str], said: str
) -> None:
    done = there.having(**variables).run("service", "install", *options)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert (systemd.unit.exists(), systemd.calls()) == (False, [])


def test_print_changes_nothing(there: Program, systemd: FakeSystemd) -> None:
    printed = there.run("service", "install", "--print")
    assert (printed.status, printed.err, systemd.unit.exists(), systemd.calls()) == (0, "", False, [])
    there.run("service", "install")
    assert systemd.unit.read_text() == printed.out


def test_no_secret_of_the_environment_is_written_or_shown(there: Program, systemd: FakeSystemd) -> None:
    secrets = {
        "WEBEX_CLIENT_SECRET": "hunter2-client",
        "WEBEX_ACCESS_TOKEN": "hunter2-access",
        "HTTPS_PROXY": "http://ada:hunter2-proxy@proxy.example.com:3128",
        "all_proxy": "socks5://hunter2-token@proxy.example.com",
    }
    done = there.having(**secrets).run("--debug", "service", "install")
    assert done.status == 0
    assert "hunter2" not in done.out + done.err + systemd.unit.read_text()
    assert done.err.startswith(
        "Warning: HTTPS_PROXY holds a password, so it is not written to the file. Write [Service] and "
        "Environment=HTTPS_PROXY=… into the file that `systemctl --user edit webex-token` opens.\n"
        "Warning: all_proxy holds a password"
    )


def test_a_failed_start_says_why_and_a_later_install_repairs_it(there: Program, systemd: FakeSystemd) -> None:
    systemd.set(start_fails_with=3)
    assert there.run("service", "install").status == 3
    done = there.run("service", "install")
    assert (done.status, done.out, done.err) == (
        3,
        "",
        "Error: webex-token.service is installed, but ended at once because "
        "no profile is signed in.\nSign in with `webex-token login`, then run `webex-token service install` again.\n",
    )
    state = "ended, because a sign-in is needed: `webex-token login`, then `webex-token service install`"
    assert there.run("service", "status") == Finished(3, status_report(systemd, state, "Starts   automatically"), "")
    systemd.set(start_fails_with=1)
    done = there.run("service", "install")
    assert (done.status, done.err) == (
        1,
        "Error: systemctl --user restart webex-token.service failed: Job for webex-token.service failed because the "
        "control process exited with error code.\nSee why with `journalctl --user -u webex-token -n 20`, then try "
        "again.\n",
    )
    state = "not running (failed, ended with exit status 1)"
    assert there.run("service", "status") == Finished(1, status_report(systemd, state, "Starts   automatically"), "")
    systemd.set(start_fails_with=None)
    assert there.run("service", "install").status == 0


def test_status(there: Program, systemd: FakeSystemd) -> None:
    assert there.run("service", "status") == Finished(
        1, "Not installed. Install it with `webex-token service install`.\n", ""
    )
    there.run("service", "install")
    assert there.run("service", "status") == Finished(0, status_report(systemd, *RUNS), "")
    systemd.set(enabled=False, says="")
    by_hand = "Starts   only by hand; `webex-token service install` changes that"
    assert there.run("service", "status") == Finished(0, status_report(systemd, RUNS[0], by_hand), "")
    systemd.set(enabled=True, state="inactive")
    assert there.run("service", "status") == Finished(
        1, status_report(systemd, "not running (dead)", "Starts   automatically"), ""
    )
    lasts = {}
    for linger in ("yes", ""):
        systemd.set(linger=linger)
        lasts[linger] = re.findall(r"^Lasts +(.*)$", there.run("service", "status").out, re.MULTILINE)
    assert lasts == {
        "yes": ["from boot on, whether you are logged in or not (linger is on)"],
        "": ["until your last session ends, unless linger is on (`loginctl enable-linger`)"],
    }


def test_uninstall_removes_it_and_a_second_one_does_nothing(there: Program, systemd: FakeSystemd) -> None:
    nothing = Finished(0, "Not installed. Nothing was changed.\n", "")
    assert there.run("service", "uninstall") == nothing
    there.run("service", "install")
    systemd.calls()
    done = there.run("service", "uninstall")
    assert done == Finished(0, f"Stopped, and removed {systemd.unit}. The profiles stay signed in.\n", "")
    assert systemd.calls() == [
        "stop webex-token.service",
        "disable webex-token.service",
        "daemon-reload",
        "reset-failed webex-token.service",
    ]
    now = systemd.get()
    assert (now["loaded"], now["enabled"], now["state"], systemd.unit.exists()) == (None, False, "inactive", False)
    assert (there.run("service", "uninstall"), systemd.calls()) == (nothing, [])


def test_a_service_without_its_file_is_stopped(there: Program, systemd: FakeSystemd) -> None:
    there.run("service", "install")
    systemd.unit.unlink()
    assert there.run("service", "uninstall").status == 0
    assert (systemd.get()["state"], systemd.get()["loaded"]) == ("inactive", None)


def test_a_masked_unit_is_left_alone(there: Program, systemd: FakeSystemd) -> None:
    systemd.unit.parent.mkdir(parents=True)
    systemd.unit.symlink_to("/dev/null")
    systemd.set(masked=True)
    done = there.run("service", "install")
    assert (done.status, done.err) == (
        2,
        "Error: webex-token.service is masked.\nAllow it with `systemctl --user unmask webex-token`, then try again.\n",
    )
    assert (systemd.unit.is_symlink(), systemd.calls()) == (True, [])


def test_a_file_that_cannot_be_written(there: Program, systemd: FakeSystemd) -> None:
    systemd.unit.parent.parent.mkdir(parents=True)
    systemd.unit.parent.write_text("a file where the folder should be")
    done = there.run("service", "install")
    assert done.status == 1
    assert f"Error: {systemd.unit} could not be " in done.err
    assert systemd.calls() == []


NO_SESSION = re.compile(
    r"Error: systemd does not answer for this user: [^\n]+[^.]\.\n"
    r"After sudo or su, sign in as that user instead\. In a container, have it run `webex-token watch` itself; with "
    r"another init or cron, `webex-token watch --once` every hour\. `webex-token service install --print` prints the "
    r"unit\.\n"
)


@pytest.mark.parametrize("arguments", [("install",), ("status",), ("uninstall",)])
@pytest.mark.parametrize("kind", ["real", "fake", "missing"])
def test_without_a_systemd_of_the_user_nothing_is_written(
    there: Program, program: Program, systemd: FakeSystemd, tmp_path: Path, kind: str, arguments: tuple[str, ...]
) -> None:
    if kind == "real":
        require("systemctl")
    systemd.set(session=False)
    # A runtime folder with no systemd in it, as in a container; never the one of the person who runs the tests.
    nobody = program.having(XDG_RUNTIME_DIR=str(tmp_path / "runtime"))
    machine = {"real": nobody, "fake": there, "missing": program.having(PATH="/nowhere")}[kind]
    done = machine.run("service", *arguments)
    assert (done.status, done.out) == (2, "")
    assert NO_SESSION.fullmatch(done.err), done.err
    assert not systemd.unit.exists()
    assert machine.run("service", "install", "--print").status == 0


@pytest.mark.parametrize("name", ["plain", "a b%h$HOME;ë", 'it\'s "so" \\n'])
def test_systemd_analyze_accepts_the_unit(program: Program, tmp_path: Path, name: str) -> None:
    require("systemd-analyze")
    folder = tmp_path / name
    folder.mkdir()
    script = folder / "webex-token"
    shutil.copy(WEBEX_TOKEN, script)
    unit = tmp_path / "webex-token.service"
    environment = {**program.environment, "WEBEX_TOKEN_HOME": f"{folder}\n%", "NO_PROXY": "$HOME ${HOME}"}
    with unit.open("w") as file:
        asked = [str(script), "service", "install", "--print", "-p", "a+b@c"]
        subprocess.run(asked, env=environment, stdout=file, check=True)
    assert verified(unit, tmp_path) == (0, [])
    if "'" not in name:  # a unit for such a path starts env
        script.unlink()
        status, said = verified(unit, tmp_path)
        assert status != 0
        assert str(script) in said[0]  # so the path that was found before is the one that was meant


def verified(unit: Path, folder: Path) -> tuple[int, list[str]]:
    """What systemd-analyze thinks of the unit, and says of it."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(unit)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    # systemd-analyze also loads the machine's own units, whose warnings do not concern this test.
    return done.returncode, [line for line in done.stderr.splitlines() if "webex-token" in line]


# macOS, with a fake launchctl, so that these tests run on every system.


class FakeLaunchd:
    """A ``launchctl`` for one agent, and a ``ps``."""

    def __init__(self) -> None:
        self.session, self.known, self.pid, self.ended, self.busy = True, False, "", "", 0
        self.calls: list[str] = []

    def __call__(self, command: Sequence[str]) -> CommandResult:
        match list(command):
            case ["ps", "-o", "lstart=", "-p", "4711"]:
                return CommandResult(0, "Mon Nov 23 14:05:12 2026\n")
            case ["launchctl", "print", "gui/501"]:
                return CommandResult(0 if self.session else 113, err="Could not find domain for user gui: 501")
            case ["launchctl", "print", "gui/501/webex-token"]:
                return (
                    CommandResult(0, self._printed())
                    if self.known
                    else CommandResult(113, err="Could not find service")
                )
            case ["launchctl", *asked]:
                self.calls.append(" ".join(asked))
                return self._do(asked)
        raise AssertionError(command)

    def _printed(self) -> str:
        pid = f"\tpid = {self.pid}\n" if self.pid else ""
        ended = f"\tlast exit code = {self.ended or '(never exited)'}\n"
        state = "running" if pid else "not running"
        return f"gui/501/webex-token = {{\n\tstate = {state}\n\tsub = {{\n\t\tpid = 1\n\t}}\n{pid}{ended}}}\n"

    def _do(self, asked: list[str]) -> CommandResult:
        match asked:
            case ["enable", "gui/501/webex-token"]:
                return CommandResult(0)
            case ["bootstrap", "gui/501", "/agents/webex-token.plist"] if self.busy:
                self.busy -= 1
                return CommandResult(37, err="Bootstrap failed: 37: Operation already in progress")
            case ["bootstrap", "gui/501", "/agents/webex-token.plist"] if not self.known:
                self.known, self.pid = True, "4711"
                return CommandResult(0)
            case ["kickstart", "gui/501/webex-token"] if self.known:
                self.pid = "4711"
                return CommandResult(0)
            case ["bootout", "gui/501/webex-token"] if self.known:
                self.known, self.pid = False, ""
                return CommandResult(0)
        return CommandResult(5, err="Input/output error")


@pytest.fixture
def launchd() -> FakeLaunchd:
    return FakeLaunchd()


@pytest.fixture
def agent(launchd: FakeLaunchd) -> Agent:
    return Agent(Path("/agents/webex-token.plist"), launchd, "501", Path("/logs/webex-token.log"), lambda _: None)


RUNNING = ServiceStatus(known=True, enabled=True, running=True, since="Mon Nov 23 14:05:12 2026", state="running")
LOAD = ["enable gui/501/webex-token", "bootstrap gui/501 /agents/webex-token.plist"]


def test_an_agent_is_started_restarted_and_stopped(agent: Agent, launchd: FakeLaunchd) -> None:
    assert agent.status() == ServiceStatus()
    assert agent.start(agent.status(), changed=True) is True
    assert (agent.status(), launchd.calls) == (RUNNING, LOAD)
    launchd.calls.clear()
    assert (agent.start(agent.status(), changed=False), launchd.calls) == (False, [])
    launchd.busy = 3
    assert agent.start(agent.status(), changed=True) is True
    assert launchd.calls == ["bootout gui/501/webex-token", *LOAD, LOAD[1], LOAD[1], LOAD[1]]
    launchd.calls.clear()
    launchd.pid, launchd.ended = "", "3"
    assert agent.status() == ServiceStatus(known=True, enabled=True, state="not running", ended_with=3)
    assert agent.start(agent.status(), changed=False) is True
    assert launchd.calls == ["kickstart gui/501/webex-token"]
    agent.stop(agent.status())
    assert agent.status() == ServiceStatus()
    launchd.calls.clear()
    agent.stop(agent.status())
    assert launchd.calls == []


def test_an_error_of_launchd_is_reported(agent: Agent, launchd: FakeLaunchd) -> None:
    launchd.busy = 99
    with pytest.raises(WebexTokenError) as refused:
        agent.start(agent.status(), changed=True)
    assert refused.value.message == (
        "launchctl bootstrap gui/501 /agents/webex-token.plist failed: "
        "Bootstrap failed: 37: Operation already in progress."
    )
    launchd.session = False
    with pytest.raises(ConfigurationError, match="launchd has no session for this user: Could not"):
        agent.status()


def test_each_system_has_its_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/Users/ada")
    agent = _manager(Application({}), "darwin")
    assert isinstance(agent, Agent)
    assert (str(agent.path), agent.log) == (
        "/Users/ada/Library/LaunchAgents/webex-token.plist",
        "tail -f /Users/ada/Library/Logs/webex-token.log",
    )
    unit = _manager(Application({}), "linux")
    assert str(unit.path) == "/Users/ada/.config/systemd/user/webex-token.service"
    for platform in ("win32", "freebsd14"):
        with pytest.raises(ConfigurationError) as refused:
            _manager(Application({}), platform)
        assert "`webex-token watch --once` every hour; on Windows that is the Task Scheduler" in refused.value.hint
