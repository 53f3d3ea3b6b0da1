"""``demo``: the real commands against the sandbox, in a home folder of their own that is gone afterwards."""

import contextlib
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from webex_token_cli.application import HOME_VARIABLE, Application
from webex_token_cli.cli.options import (
    pass_application,
    verbosity_options,
)
from webex_token_cli.errors import WebexTokenError
from webex_token_cli.times import DAY

# A step that takes longer hangs, unless a person is asked something.
_STEP_BOUND = 30.0
_STEP_BOUND_WITH_A_PERSON = 300.0


@click.command("demo", short_help="See it all work, with no account, in a few seconds.")
@click.option("--open", "open_browser", is_flag=True, help="Sign in in your own browser, instead of by itself.")
@verbosity_options
@pass_application
def command(application: Application, open_browser: bool) -> None:
    """Walk through login, show, refresh and watch against a stand-in for Webex.

    Needs no account, no keyring and no display, and touches nothing of yours: tokens, configuration and
    all live in a temporary folder, which is removed at the end.

    \b
    Example:
      webex-token demo --open

    Exit status: 0 all went well; 1 a step failed.
    """
    from webex_token_cli.sandbox.rules import Rules
    from webex_token_cli.sandbox.server import Sandbox

    rules = Rules(redirect_uris=(f"http://localhost:{_free_port()}/oauth",))
    with tempfile.TemporaryDirectory(prefix="webex-token-demo-") as home, Sandbox(rules) as sandbox:
        environment = _environment(application.environment, Path(home), sandbox.environment, open_browser)
        steps = _Steps(environment, _STEP_BOUND_WITH_A_PERSON if open_browser else _STEP_BOUND)
        _tell("A stand-in for Webex is running on this machine. Sign in to it:")
        steps.run("login")
        _tell("The tokens are stored; here is where they stand:")
        steps.run("show")
        _tell("Webex renews an access token at most once in 24 hours, so this changes nothing:")
        steps.run("refresh")
        _tell("A day passes in the stand-in. A watcher in a hurry looks each second, and renews what is 2 seconds old:")
        sandbox.webex.advance(DAY)
        steps.watch_until_renewed("watch", "--interval", "1s", "--max-age", "2s")
        _tell("And forget it all:")
        steps.run("logout")
    _tell("That was all of it. With an integration of yours, `webex-token login` does the same with Webex.")


class _Steps:
    """Runs the program as a person would, and shows what that looks like."""

    def __init__(self, environment: Mapping[str, str], bound: float) -> None:
        self._environment = environment
        self._bound = bound

    def run(self, *arguments: str) -> None:
        """Show and run a command to its end. Raises WebexTokenError when it fails."""
        with self._started(*arguments) as process:
            output, _ = process.communicate(timeout=self._bound)
            _show(output)
        if process.returncode != 0:
            raise _failed(arguments, process.returncode)

    def watch_until_renewed(self, *arguments: str) -> None:
        """Show and run ``watch`` until it has renewed a token and looked once more, then end it."""
        with self._started(*arguments) as process:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            renewed = False
            alarm = threading.Timer(self._bound, process.kill)
            alarm.start()
            for line in process.stdout:
                _show(line)
                if renewed:
                    break
                renewed = "renewed:" in line
            alarm.cancel()
            process.terminate()
            _show(process.communicate(timeout=self._bound)[0])
        if not renewed:
            raise _failed(arguments, process.returncode)

    @contextlib.contextmanager
    def _started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        click.echo(f"$ webex-token {shlex.join(arguments)}")
        process = subprocess.Popen(
            [sys.executable, "-m", "webex_token_cli", *arguments],
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise


def _environment(own: Mapping[str, str], home: Path, sandbox: Mapping[str, str], open_browser: bool) -> dict[str, str]:
    """The person's environment without their settings of this program, pointed at ``home`` and ``sandbox``."""
    kept = {name: value for name, value in own.items() if not name.startswith(("WEBEX_", "EVENT_LOOP_"))}
    environment = {
        **kept,
        **sandbox,
        HOME_VARIABLE: str(home),
        "WEBEX_TOKEN_STORE": "file",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if not open_browser:
        python = shlex.quote(Path(sys.executable).as_posix())
        environment["BROWSER"] = f"{python} -m webex_token_cli.sandbox.accepting_browser %s"
    return environment


def _free_port() -> int:
    """A port that is free on both loopbacks just now."""
    for _ in range(50):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
            with contextlib.suppress(OSError):
                if not socket.has_ipv6:
                    return port
                with socket.create_server(("::1", port), family=socket.AF_INET6):
                    return port
    return port


def _tell(text: str) -> None:
    click.echo(f"\n# {text}")


def _show(output: str) -> None:
    for line in output.splitlines():
        click.echo(f"  {line}".rstrip())


def _failed(arguments: tuple[str, ...], status: int) -> WebexTokenError:
    return WebexTokenError(
        f"The step `webex-token {shlex.join(arguments)}` ended with exit status {status}.",
        "Its own message stands above; `webex-token demo --debug` shows more.",
    )
