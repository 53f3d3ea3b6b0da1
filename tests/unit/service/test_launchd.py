"""The text of the launchd agent, and the requests to launchd. A fake ``launchctl`` answers them on every system."""

import plistlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.service.definition import (
    ServiceDefinition,
)
from webex_token_cli.service.launchd import Agent
from webex_token_cli.service.manager import CommandResult, ServiceStatus

pytestmark = pytest.mark.posix

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


def no_command(_: Sequence[str]) -> CommandResult:
    raise AssertionError("The test expects no command.")


AGENT = Agent(Path("/nowhere"), no_command, "501", Path("/Users/ada/Library/Logs/webex-token.log"))


def test_the_text_of_the_agent() -> None:
    definition = ServiceDefinition(("/opt/A & B/webex-token", "watch"), {"WEBEX_TOKEN_STORE": "file"})
    assert AGENT.text(definition) == PLIST
    read = plistlib.loads(AGENT.text(definition).encode())
    assert (read["ProgramArguments"], read["EnvironmentVariables"]) == (
        list(definition.command),
        definition.environment,
    )


@pytest.mark.parametrize("text", ["tell\a", "tell\udcff"])
def test_what_a_property_list_cannot_hold_is_refused(text: str) -> None:
    for command, variables in ([f"--on-change={text}"], {}), ([], {"HTTPS_PROXY": text}):
        with pytest.raises(ConfigurationError, match=r"A launchd agent cannot hold '[-a-zA-Z_]+=tell ?'"):
            AGENT.text(ServiceDefinition(("/opt/webex-token", "watch", *command), variables))


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


def test_what_a_person_is_told_of_an_agents_life_and_variables() -> None:
    assert AGENT.lifetime() == "until you log out of this Mac"
    assert AGENT.how_to_add("HTTPS_PROXY") == (
        "Give it to all agents, until you log out, with `launchctl setenv HTTPS_PROXY …`."
    )


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
