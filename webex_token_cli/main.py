"""The lazy table of commands, and the one boundary that turns errors into messages and exit statuses.

A command's module is imported when the command runs, so that ``--help`` and ``get`` do not pay for requests.
"""

import contextlib
import importlib
import io
import keyword
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, TextIO

import click

from webex_token_cli._version import __version__
from webex_token_cli.cli.groups import CommandGroup, show_help_without_command
from webex_token_cli.cli.options import verbosity_options
from webex_token_cli.cli.streams import print_what_can_be_shown
from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.errors import INTERRUPTED, WebexTokenError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# In the order in which a person needs them.
COMMANDS = {
    "login": "Sign a person in and store the tokens.",
    "show": "Show who is signed in and how long the tokens are valid.",
    "get": "Print the access token.",
    "exec": "Run a command with the access token in its environment.",
    "refresh": "Refresh the tokens now.",
    "watch": "Keep the tokens fresh until you stop it.",
    "service": "Run watch in the background, now and after each start.",
    "logout": "Remove a profile's tokens and settings.",
    "export": "Print a sign-in, with its secrets, for another machine.",
    "import": "Store a sign-in from another machine.",
    "doctor": "Find problems on this machine, and say how to fix them.",
    "completion": "Print the script that completes commands in a shell.",
    "demo": "See how webex-token works, without an account.",
    "sandbox": "Run a stand-in for Webex on this machine.",
}

# What people type who know the words of gh, git, aws, gcloud and systemctl.
CALLED_ELSEWHERE = {
    **dict.fromkeys(("auth", "authenticate", "configure", "init", "setup", "sign-in", "signin"), "login"),
    **dict.fromkeys(("delete", "remove", "revoke", "rm", "sign-out", "signout"), "logout"),
    **dict.fromkeys(("list", "ls", "profiles"), "show --all"),
    **dict.fromkeys(("info", "state", "status", "whoami"), "show"),
    **dict.fromkeys(("access-token", "print", "token"), "get"),
    **dict.fromkeys(("daemon", "monitor", "start"), "watch"),
    **dict.fromkeys(("enable", "install"), "service install"),
    **dict.fromkeys(("check", "diagnose"), "doctor"),
    "renew": "refresh",
    "run": "exec",
    "help": "--help",
    "version": "--version",
}


def module_of(command: str) -> str:
    """The name of the command's module in ``commands/``: the command's own, with a ``_`` after a Python keyword."""
    return f"{command}_" if keyword.iskeyword(command) else command


class LazyGroup(CommandGroup):
    """A group that knows the names and summaries of its commands, and imports a command only when it is used."""

    called_elsewhere = CALLED_ELSEWHERE

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"webex_token_cli.commands.{module_of(cmd_name)}").command
        assert isinstance(command, click.Command)  # noqa: S101 - each module of commands/ has one
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """The commands and options that start with ``incomplete``. Click itself would import every command for this."""
        from click.shell_completion import CompletionItem

        commands = [CompletionItem(name, help=COMMANDS[name]) for name in COMMANDS if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    name="webex-token",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    epilog="Start with `webex-token demo`, or sign in with `webex-token login`.",
)
@click.version_option(
    __version__, package_name="webex-token-cli", prog_name="webex-token", message="%(prog)s %(version)s"
)
@verbosity_options
@click.pass_context
def group(ctx: click.Context) -> None:
    """Sign a person in to a Webex integration and keep the token alive."""
    # Click colours its output on a terminal, but does not know https://no-color.org.
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False
    show_help_without_command(ctx)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit with its status."""
    _open_closed_streams()
    if sys.stdout is None:
        sys.stdout = _ClosedOutput()
    for stream in (sys.stdout, sys.stderr):
        print_what_can_be_shown(stream)
    status = run(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_status_after_flush(status))


def _open_closed_streams() -> None:
    """Open the null device for each closed standard stream. The next opened file would take its place.

    Nothing can be written to it in place of standard output, so that nobody takes a lost answer for a printed one.
    """
    for descriptor, mode in ((0, os.O_RDWR), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)


class _ClosedOutput(io.TextIOBase):
    """Stands in for a standard output that was closed: a command that has something to print there fails.

    Python has no stream in its place, and click would print nothing and report success.
    """

    # Click takes a stream that names both as it is.
    encoding = "utf-8"
    errors = "replace"

    def write(self, _: str, /) -> NoReturn:
        """Raise WebexTokenError."""
        raise WebexTokenError(
            "Standard output is closed, so the answer cannot be printed.",
            "Run the command again, and send its output to a terminal, a file or a pipe.",
        )

    def fileno(self) -> int:
        """The descriptor of standard output, which has been opened for reading only."""
        return 1


def _status_after_flush(status: int) -> int:
    """``status``, or 1 if the output could not be written. Python itself would print a traceback and exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            status = status or 1
            _discard(stream)
    return status


def _discard(stream: TextIO | None) -> None:
    """Send what ``stream`` still holds to the null device, because Python flushes it once more at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[union-attr]
        os.close(null)


def run(arguments: Sequence[str]) -> int:
    """Run the program with ``arguments`` and return its exit status. Every message about a failure is written here."""
    terminal = Terminal(os.environ)
    if os.environ.get("_WEBEX_TOKEN_COMPLETE") == "powershell_complete":
        from webex_token_cli.cli import powershell

        powershell.register()
    try:
        status = group.main(list(arguments), prog_name="webex-token", standalone_mode=False, obj=terminal)
    except WebexTokenError as error:
        _say(f"Error: {error.message}\n{error.hint}")
        if terminal.debug:
            _say(frames(error, error.__traceback__))
        return error.exit_status
    except click.ClickException as error:
        from webex_token_cli.cli.mistyped import explained

        explained(error).show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("Interrupted.")
        return INTERRUPTED
    except OSError as error:
        _say(f"Error: The operating system reported a failure ({error.strerror or type(error).__name__}).")
        _say(
            frames(error, error.__traceback__)
            if terminal.debug
            else "Anything saved before the failure is still saved; `webex-token show` shows it. "
            "Run again with --debug to see where it failed."
        )
        return 1
    except Exception as error:  # noqa: BLE001 - the boundary: no traceback reaches a person unasked
        _say(f"Error: Something unexpected failed ({type(error).__name__}).")
        _say(frames(error, error.__traceback__) if terminal.debug else "Run again with --debug to see where it failed.")
        return 1
    return status if isinstance(status, int) else 0


def frames(error: BaseException, trace: TracebackType | None) -> str:
    """The traceback of ``error`` and its causes without values: files, lines, functions and types of exceptions.

    The exceptions' own texts are left out, because those of other libraries quote their input.
    """
    import traceback

    text = "".join(traceback.format_tb(trace)) + type(error).__name__
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return text if cause is None else f"{frames(cause, cause.__traceback__)}\n\nwhich led to\n\n{text}"


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads the stream any more, and the exit status tells it as well
        click.echo(text, err=True)
