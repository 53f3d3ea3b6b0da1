"""``demo``: runs the real commands against the sandbox, with a temporary home folder."""

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    pass_application,
    verbosity_options,
)
from webex_token_cli.config.folders import HOME_VARIABLE
from webex_token_cli.errors import WebexTokenError
from webex_token_cli.system.ports import free_port
from webex_token_cli.system.single_file import single_file
from webex_token_cli.times import DAY, duration_in_words

# Seconds. A step takes a second or two on any machine; one that takes thirty hangs.
_STEP_TIMEOUT = 30.0
# Seconds. With --open, a person reads a page and presses a button: as long as `login` itself waits.
_STEP_TIMEOUT_WITH_A_PERSON = 300.0

# A module of the current folder must not be taken for one of the program or of Python, whoever put it there (CWE-427).
_RUN_MODULE = ("-P", "-m")


@click.command("demo", short_help="See how webex-token works, without an account.")
@click.option("--open", "open_browser", is_flag=True, help="Press Accept yourself, in your own browser.")
@verbosity_options
@pass_application
def command(application: Application, open_browser: bool) -> None:
    """Walk through login, show, refresh and watch against a stand-in for Webex.

    The demo takes a few seconds and needs no account, no keyring and no display. It leaves your own tokens and
    configuration alone: it stores its own in a temporary folder, which it removes at the end.

    \b
    Example:
      webex-token demo --open

    Exit status: 0 if every step worked; 1 if a step failed.
    """
    from webex_token_cli.sandbox import Rules, Sandbox

    rules = Rules(redirect_uris=(f"http://localhost:{free_port()}/oauth",))
    with tempfile.TemporaryDirectory(prefix="webex-token-demo-") as home, Sandbox(rules) as sandbox:
        environment = _environment(application.environment, Path(home), sandbox.environment, open_browser)
        steps = _Steps(environment, _STEP_TIMEOUT_WITH_A_PERSON if open_browser else _STEP_TIMEOUT)
        _tell("A stand-in for Webex is running on this machine. Sign in to it:")
        # A login that chooses its flow would say that BROWSER is set, which only the demo has done.
        steps.run("login", *([] if open_browser else ["--flow", "browser"]))
        _tell("The tokens are stored. Show how long they are valid:")
        steps.run("show")
        _tell("Webex renews an access token at most once in 24 hours, so a refresh now changes nothing:")
        steps.run("refresh")
        _tell("A day passes in the stand-in. Watch checks every second here, and renews a token that is 2 seconds old:")
        sandbox.advance(DAY)
        steps.watch_until_renewed("watch", "--interval", "1s", "--max-age", "2s")
        _tell("Remove the tokens again:")
        steps.run("logout")
    _tell("That is all. Register an integration, and `webex-token login` does the same with the real Webex.")


class _Steps:
    """Runs commands as a person would, and prints each command and its output."""

    def __init__(self, environment: Mapping[str, str], timeout: float) -> None:
        self._environment = environment
        self._timeout = timeout

    def run(self, *arguments: str) -> None:
        """Run a command to its end. Raises WebexTokenError if it fails."""
        with self._started(*arguments) as process:
            output, _ = process.communicate(timeout=self._timeout)
            _show(output)
        if process.returncode != 0:
            raise _failed(arguments, f"ended with exit status {process.returncode}")

    def watch_until_renewed(self, *arguments: str) -> None:
        """Run ``watch`` until it has renewed a token and printed one more line, then end it.

        Raises WebexTokenError if it renews nothing in time.
        """
        with self._started(*arguments) as process:
            assert process.stdout is not None  # noqa: S101 - PIPE was passed
            renewed = False
            killer = threading.Timer(self._timeout, process.kill)
            killer.start()
            for line in process.stdout:
                _show(line)
                if renewed:
                    break
                renewed = "renewed:" in line
            killer.cancel()
            process.terminate()
            _show(process.communicate(timeout=self._timeout)[0])
        if not renewed:
            raise _failed(arguments, f"ended with exit status {process.returncode}")

    @contextlib.contextmanager
    def _started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        click.echo(f"$ webex-token {shlex.join(arguments)}")
        process = subprocess.Popen(
            [sys.executable, *_RUN_MODULE, "webex_token_cli", *arguments],
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        with process:
            try:
                yield process
            except subprocess.TimeoutExpired:
                process.kill()
                raise _failed(arguments, f"did not end within {duration_in_words(self._timeout)}") from None
            except BaseException:
                process.kill()
                raise


def _environment(own: Mapping[str, str], home: Path, sandbox: Mapping[str, str], open_browser: bool) -> dict[str, str]:
    """The user's environment without their settings for this program, and with those of the demo instead."""
    inherited = {name: value for name, value in own.items() if not name.startswith(("WEBEX_", "EVENT_LOOP_"))}
    environment = {
        **inherited,
        **sandbox,
        HOME_VARIABLE: str(home),
        "WEBEX_TOKEN_STORE": "file",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }
    archive = single_file()
    if archive is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(archive), *filter(None, [own.get("PYTHONPATH")])])
    if not open_browser:
        browser = (Path(sys.executable).as_posix(), *_RUN_MODULE, "webex_token_cli.sandbox.accepting_browser", "%s")
        environment["BROWSER"] = shlex.join(browser)
    return environment


def _tell(text: str) -> None:
    click.echo(f"\n# {text}")


def _show(output: str) -> None:
    for line in output.splitlines():
        click.echo(f"  {line}".rstrip())


def _failed(arguments: tuple[str, ...], how: str) -> WebexTokenError:
    return WebexTokenError(
        f"The step `webex-token {shlex.join(arguments)}` {how}.",
        "Read its message above. `webex-token demo --debug` shows more.",
    )
