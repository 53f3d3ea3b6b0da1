"""``service``: what it prints and writes, and what it asks of systemd. A fake ``systemctl`` answers."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.requirements import require
from tests.support.stored import config_file
from tests.support.systemctl import SINCE, FakeSystemd
from webex_token_cli.application import Application
from webex_token_cli.commands.service import _manager
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.service.launchd import Agent


@pytest.fixture
def systemd(program: Program, tmp_path: Path) -> FakeSystemd:
    """The fake systemd, with nothing installed."""
    systemd = FakeSystemd(tmp_path / "fake", program.home / ".config/systemd/user/webex-token.service")
    systemd.prepare()
    return systemd


@pytest.fixture
def with_systemd(program: Program, systemd: FakeSystemd) -> Program:
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
    shown = run_in_process(program, "service", subcommand, "--help")
    assert (shown.status, shown.err) == (0, "")
    for part in (f"webex-token service {subcommand}", "Example:", "Exit status:", "--verbose", "--debug", "-h, --help"):
        assert part in shown.out


REPORTS = "Reports  1 profile is fresh, next check in 60 minutes"
RUNNING = (f"running since {SINCE}", REPORTS, "Starts   automatically")
START = ["daemon-reload", "enable webex-token.service", "restart webex-token.service"]


def test_install_shows_writes_and_starts_the_unit_and_a_second_one_changes_nothing(
    with_systemd: Program, systemd: FakeSystemd
) -> None:
    done = with_systemd.run("service", "install", "--interval", "30m")
    assert (done.status, done.out, systemd.calls()) == (0, status_report(systemd, *RUNNING), START)
    text = systemd.unit.read_text()
    assert done.err == f"Writing {systemd.unit}:\n\n{text}\n"
    assert f"\nExecStart={WEBEX_TOKEN} watch --interval=1800\n" in text
    assert (systemd.unit.stat().st_mode & 0o777, list(systemd.unit.parent.iterdir())) == (0o644, [systemd.unit])
    before = systemd.unit.stat()
    again = with_systemd.run("service", "install", "--interval", "1800")
    assert again == Finished(
        0, f"Already installed and running. Nothing was changed.\n{status_report(systemd, *RUNNING)}", ""
    )
    assert (systemd.calls(), systemd.unit.stat()) == ([], before)


def test_install_repairs_only_what_differs(with_systemd: Program, systemd: FakeSystemd) -> None:
    assert run_in_process(with_systemd, "service", "install").status == 0
    assert systemd.calls() == START
    text = systemd.unit.read_text()
    repairs = {}
    changes: dict[str, Callable[[], object]] = {
        "another setting": lambda: systemd.unit.write_text(text.replace("watch", "watch --interval=60")),
        "written, not loaded": lambda: systemd.set(loaded="an earlier text"),
        "disabled": lambda: systemd.set(enabled=False),
        "stopped": lambda: systemd.set(state="inactive"),
        "failed": lambda: systemd.set(state="failed", status=1),
        "file lost": systemd.unit.unlink,
    }
    for name, change in changes.items():
        change()
        assert run_in_process(with_systemd, "service", "install").status == 0
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


def test_install_passes_the_options_and_variables_of_watch_on(with_systemd: Program) -> None:
    def started(program: Program, *options: str) -> str:
        printed = run_in_process(program, "service", "install", "--print", *options)
        found = re.search(r"^ExecStart=\S+ (.*)$", printed.out, re.MULTILINE)
        assert found, printed.err
        return found[1]

    metrics = with_systemd.having(WEBEX_TOKEN_METRICS="localhost:9464", WEBEX_TOKEN_METRICS_FILE="/var/lib/x.prom")
    both = with_systemd.having(WEBEX_TOKEN_INTERVAL="2h", WEBEX_TOKEN_MAX_AGE="12h", WEBEX_TOKEN_PROFILE="a b")
    assert [
        started(with_systemd),
        started(with_systemd, "-p", "x", "-p", "a@b.c", "-p", "x", "--interval", "1.5s", "--max-age", "2d"),
        started(both),
        started(both, "-p", "c", "--interval", "1h", "--max-age", "90m"),
        started(with_systemd.having(EVENT_LOOP_DAYS="0.5", EVENT_LOOP_SLEEP_SECONDS="1800")),
        started(
            with_systemd, "--on-change", 'vault kv put "webex-$WEBEX_TOKEN_PROFILE" token=-', "--log-format", "json"
        ),
        started(with_systemd, "--on-attention", "tell"),
        started(metrics),
        started(metrics, "--metrics", "[::1]:1", "--metrics-file", "/srv/y z.prom"),
    ] == [
        "watch",
        "watch --profile=x --profile=a@b.c --interval=1.5 --max-age=172800",
        "watch --profile=a --profile=b --interval=7200 --max-age=43200",
        "watch --profile=c --max-age=5400",
        "watch --interval=1800 --max-age=43200",
        r'watch "--on-change=vault kv put \"webex-$WEBEX_TOKEN_PROFILE\" token=-" --log-format=json',
        "watch --on-attention=tell",
        "watch --metrics=localhost:9464 --metrics-file=/var/lib/x.prom",
        'watch "--metrics=[::1]:1" "--metrics-file=/srv/y z.prom"',
    ]


@pytest.mark.parametrize(
    ("variables", "options", "message"),
    [
        ({}, ["--interval", "0"], "Error: Invalid value for '--interval': a duration must be at least a second."),
        ({}, ["-p", "../x"], "Error: '../x' cannot name a profile."),
        ({"WEBEX_TOKEN_INTERVAL": "soon"}, [], "Error: The environment variable WEBEX_TOKEN_INTERVAL is wrong:"),
        ({"WEBEX_TOKEN_METRICS": "9464"}, [], "Error: '9464' is not an address to listen on."),
        ({"WEBEX_TOKEN_STORE": "cloud"}, [], "Error: 'cloud' is not a credential store"),
        ({"WEBEX_TOKEN_API_URL": "http://webex.example"}, [], "Error: 'http://webex.example' cannot be the API base"),
    ],
)
def test_a_setting_that_watch_would_refuse_is_refused_before_anything_is_written(
    with_systemd: Program, systemd: FakeSystemd, variables: dict[str, str], options: list[str], message: str
) -> None:
    done = run_in_process(with_systemd.having(**variables), "service", "install", *options)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert (systemd.unit.exists(), systemd.calls()) == (False, [])


def test_print_changes_nothing(with_systemd: Program, systemd: FakeSystemd) -> None:
    printed = with_systemd.run("service", "install", "--print")
    assert (printed.status, printed.err, systemd.unit.exists(), systemd.calls()) == (0, "", False, [])
    with_systemd.run("service", "install")
    assert systemd.unit.read_text() == printed.out


def test_no_secret_of_the_environment_is_written_or_shown(with_systemd: Program, systemd: FakeSystemd) -> None:
    secrets = {
        "WEBEX_CLIENT_SECRET": "hunter2-client",
        "WEBEX_ACCESS_TOKEN": "hunter2-access",
        "HTTPS_PROXY": "http://ada:hunter2-proxy@proxy.example.com:3128",
        "all_proxy": "socks5://hunter2-token@proxy.example.com",
    }
    done = with_systemd.having(**secrets).run("--debug", "service", "install")
    assert done.status == 0
    assert "hunter2" not in done.out + done.err + systemd.unit.read_text()
    assert done.err.startswith(
        "Warning: HTTPS_PROXY holds a secret, so it is not written to the file. Write [Service] and "
        "Environment=HTTPS_PROXY=… into the file that `systemctl --user edit webex-token` opens.\n"
        "Warning: all_proxy holds a secret"
    )


def test_a_service_for_profiles_in_vault_gets_the_address_of_vault(with_systemd: Program) -> None:
    def installed(*options: str, **variables: str) -> tuple[int, str, bool]:
        done = run_in_process(with_systemd.having(**variables), "service", "install", "--print", *options)
        return done.status, done.err.partition(" Write ")[0].strip(), "VAULT_ADDR=https://v:8200" in done.out

    vault = {"VAULT_ADDR": "https://v:8200", "VAULT_TOKEN": "hunter2"}
    warned = 0, "Warning: VAULT_TOKEN holds a secret, so it is not written to the file.", True
    without_vault = 0, "", False
    config = config_file(with_systemd)
    config.parent.mkdir(parents=True)
    config.write_text("[damaged]\n?\n[shared]\nstore = vault\n[own]\nstore = file\n")
    with_systemd = with_systemd.having(WEBEX_TOKEN_STORE=None)
    assert [
        installed(**vault),
        installed(**vault, WEBEX_TOKEN_STORE="vault"),
        installed(**vault, WEBEX_TOKEN_STORE="file"),
        installed("-p", "own", **vault),
        installed("-p", "own"),
    ] == [warned, warned, without_vault, without_vault, without_vault]
    status, error, _ = installed()
    assert (status, error.splitlines()[0]) == (
        2,
        "Error: The store vault needs the address of Vault, and VAULT_ADDR is not set.",
    )


def test_a_failed_start_is_explained_and_a_later_install_repairs_it(
    with_systemd: Program, systemd: FakeSystemd
) -> None:
    systemd.set(start_fails_with=3)
    assert run_in_process(with_systemd, "service", "install").status == 3
    done = run_in_process(with_systemd, "service", "install")
    assert (done.status, done.out, done.err) == (
        3,
        "",
        "Error: webex-token.service is installed, but ended at once because "
        "no profile is signed in.\nSign in with `webex-token login`, then run `webex-token service install` again.\n",
    )
    state = "ended, because a sign-in is needed: `webex-token login`, then `webex-token service install`"
    assert run_in_process(with_systemd, "service", "status") == Finished(
        3, status_report(systemd, state, "Starts   automatically"), ""
    )
    systemd.set(start_fails_with=1)
    done = run_in_process(with_systemd, "service", "install")
    assert (done.status, done.err) == (
        1,
        "Error: systemctl --user restart webex-token.service failed: Job for webex-token.service failed because the "
        "control process exited with error code.\nSee why with `journalctl --user -u webex-token -n 20`, then try "
        "again.\n",
    )
    state = "not running (failed, ended with exit status 1)"
    assert run_in_process(with_systemd, "service", "status") == Finished(
        1, status_report(systemd, state, "Starts   automatically"), ""
    )
    systemd.set(start_fails_with=None)
    assert run_in_process(with_systemd, "service", "install").status == 0


def test_status(with_systemd: Program, systemd: FakeSystemd) -> None:
    assert run_in_process(with_systemd, "service", "status") == Finished(
        1, "Not installed. Install it with `webex-token service install`.\n", ""
    )
    run_in_process(with_systemd, "service", "install")
    assert run_in_process(with_systemd, "service", "status") == Finished(0, status_report(systemd, *RUNNING), "")
    systemd.set(enabled=False, says="")
    by_hand = "Starts   only by hand; `webex-token service install` changes that"
    assert run_in_process(with_systemd, "service", "status") == Finished(
        0, status_report(systemd, RUNNING[0], by_hand), ""
    )
    systemd.set(enabled=True, state="inactive")
    assert run_in_process(with_systemd, "service", "status") == Finished(
        1, status_report(systemd, "not running (dead)", "Starts   automatically"), ""
    )
    lasts = {}
    for linger in ("yes", ""):
        systemd.set(linger=linger)
        lasts[linger] = re.findall(
            r"^Lasts +(.*)$", run_in_process(with_systemd, "service", "status").out, re.MULTILINE
        )
    assert lasts == {
        "yes": ["from boot on, whether you are logged in or not (linger is on)"],
        "": ["until your last session ends, unless linger is on (`loginctl enable-linger`)"],
    }


def test_uninstall_removes_the_unit_and_a_second_one_changes_nothing(
    with_systemd: Program, systemd: FakeSystemd
) -> None:
    nothing = Finished(0, "Not installed. Nothing was changed.\n", "")
    assert run_in_process(with_systemd, "service", "uninstall") == nothing
    run_in_process(with_systemd, "service", "install")
    systemd.calls()
    done = run_in_process(with_systemd, "service", "uninstall")
    assert done == Finished(0, f"Stopped, and removed {systemd.unit}. The profiles stay signed in.\n", "")
    assert systemd.calls() == [
        "stop webex-token.service",
        "disable webex-token.service",
        "daemon-reload",
        "reset-failed webex-token.service",
    ]
    now = systemd.get()
    assert (now["loaded"], now["enabled"], now["state"], systemd.unit.exists()) == (None, False, "inactive", False)
    assert (run_in_process(with_systemd, "service", "uninstall"), systemd.calls()) == (nothing, [])


def test_a_service_without_its_file_is_stopped(with_systemd: Program, systemd: FakeSystemd) -> None:
    run_in_process(with_systemd, "service", "install")
    systemd.unit.unlink()
    assert run_in_process(with_systemd, "service", "uninstall").status == 0
    assert (systemd.get()["state"], systemd.get()["loaded"]) == ("inactive", None)


def test_a_masked_unit_is_left_alone(with_systemd: Program, systemd: FakeSystemd) -> None:
    systemd.unit.parent.mkdir(parents=True)
    systemd.unit.symlink_to("/dev/null")
    systemd.set(masked=True)
    done = run_in_process(with_systemd, "service", "install")
    assert (done.status, done.err) == (
        2,
        "Error: webex-token.service is masked.\nAllow it with `systemctl --user unmask webex-token`, then try again.\n",
    )
    assert (systemd.unit.is_symlink(), systemd.calls()) == (True, [])


def test_a_unit_file_that_cannot_be_written_is_an_error(with_systemd: Program, systemd: FakeSystemd) -> None:
    systemd.unit.parent.parent.mkdir(parents=True)
    systemd.unit.parent.write_text("a file where the folder should be")
    done = run_in_process(with_systemd, "service", "install")
    assert done.status == 1
    assert f"Error: {systemd.unit} could not be " in done.err
    assert systemd.calls() == []


def test_a_unit_whose_folder_cannot_be_made_is_an_error(with_systemd: Program, systemd: FakeSystemd) -> None:
    systemd.unit.parent.parent.mkdir(parents=True)
    systemd.unit.parent.symlink_to("/nowhere/user")
    done = run_in_process(with_systemd, "service", "install")
    assert (done.status, done.out, systemd.calls()) == (1, "", [])
    assert done.err.endswith(
        f"Error: {systemd.unit} could not be written (File exists).\n"
        "Nothing was changed; check the folder's permissions and free space, then try again.\n"
    )


NO_SESSION = re.compile(
    r"Error: systemd does not answer for this user: [^\n]+[^.]\.\n"
    r"After sudo or su, sign in as that user instead\. In a container, have it run `webex-token watch` itself; with "
    r"another init or cron, `webex-token watch --once` every hour\. `webex-token service install --print` prints the "
    r"unit\.\n"
)


@pytest.mark.parametrize("arguments", [("install",), ("status",), ("uninstall",)])
@pytest.mark.parametrize("kind", ["real", "fake", "missing"])
def test_without_a_systemd_of_the_user_nothing_is_written(
    with_systemd: Program, program: Program, systemd: FakeSystemd, tmp_path: Path, kind: str, arguments: tuple[str, ...]
) -> None:
    if kind == "real":
        require("systemctl")
    systemd.set(session=False)
    # This runtime folder has no systemd, as in a container. The one of the person who runs the tests is not used.
    no_session = program.having(XDG_RUNTIME_DIR=str(tmp_path / "runtime"))
    machine = {"real": no_session, "fake": with_systemd, "missing": program.having(PATH="/nowhere")}[kind]
    done = run_in_process(machine, "service", *arguments)
    assert (done.status, done.out) == (2, "")
    assert NO_SESSION.fullmatch(done.err), done.err
    assert not systemd.unit.exists()
    assert run_in_process(machine, "service", "install", "--print").status == 0


def test_each_system_has_its_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/Users/ada")
    agent = _manager(Application({}), "darwin")
    assert isinstance(agent, Agent)
    assert (str(agent.path), agent.log) == (
        "/Users/ada/Library/LaunchAgents/webex-token.plist",
        "tail -f /Users/ada/Library/Logs/webex-token.log",
    )
    for named, config in (("", "/Users/ada/.config"), ("relative", "/Users/ada/.config"), ("/etc/ada", "/etc/ada")):
        unit = _manager(Application({"XDG_CONFIG_HOME": named}), "linux")
        assert str(unit.path) == f"{config}/systemd/user/webex-token.service"
    with pytest.raises(ConfigurationError) as refused:
        _manager(Application({}), "freebsd14")
    assert refused.value.message == "A service can be installed on Linux with systemd, on macOS and on Windows only."
    assert refused.value.hint == "Let the system's scheduler run `webex-token watch --once` every hour."
