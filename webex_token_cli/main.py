"""The command group: a lazy table of verbs, and the one place that turns errors into messages and exit statuses.

Start-up is part of the design: a verb's module is imported when the verb runs, so that ``--help`` and
``get`` never pay for requests.
"""

import contextlib
import importlib
import io
import keyword
import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn, TextIO

import click
from click.shell_completion import CompletionItem

from webex_token_cli._version import __version__
from webex_token_cli.cli.options import verbosity_options
from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.errors import WebexTokenError

# In the order in which a person meets them.
VERBS = {
    "login": "Sign a person in and store the tokens.",
    "show": "Tell where a profile stands.",
    "get": "Print the access token.",
    "exec": "Run a command with the access token in its environment.",
    "refresh": "Renew the tokens now.",
    "watch": "Keep the tokens fresh until stopped.",
    "service": "Have the system run watch, now and from now on.",
    "logout": "Forget a profile's tokens.",
    "export": "Print a sign-in, secrets and all, for another machine.",
    "import": "Take over a sign-in from another machine.",
    "doctor": "Check this machine, and say what to do.",
    "completion": "Print the script that completes commands in a shell.",
    "demo": "See how webex-token works, without an account.",
    "sandbox": "Run a stand-in for Webex on this machine.",
}

INTERRUPTED = 130


def module_of(verb: str) -> str:
    """The name of the verb's module in ``commands/``: its own, and ``import_`` for what no module can be called."""
    return f"{verb}_" if keyword.iskeyword(verb) else verb


class LazyGroup(click.Group):
    """A group that knows its verbs' names and purposes, and imports a verb's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"webex_token_cli.commands.{module_of(cmd_name)}").command
        assert isinstance(command, click.Command)  # noqa: S101 - each module of commands/ has one
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs and options that begin like ``incomplete``; click would import each verb for its purpose."""
        verbs = [CompletionItem(verb, help=VERBS[verb]) for verb in VERBS if verb.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


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
    # Click colours what goes to a terminal, and knows nothing of https://no-color.org.
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit with its status."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        # A pipe on Windows, or a C locale, may not know every letter of a name: better a "?" than no answer.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    status = run(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_flushed(status))


def _open_what_is_closed() -> None:
    """Put the null device where a standard stream is closed: the next file that is opened would take its place."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _flushed(status: int) -> int:
    """``status``, or 1 when what was printed could not be; Python would say so in its own words, and end with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            status = status or 1
            _give_up(stream)
    return status


def _give_up(stream: TextIO | None) -> None:
    """Let what ``stream`` still holds go to the null device: Python flushes once more at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)


def run(arguments: Sequence[str]) -> int:
    """Run the program with ``arguments`` and give its exit status. Every message about a failure is written here."""
    terminal = Terminal(os.environ)
    try:
        status = group.main(list(arguments), prog_name="webex-token", standalone_mode=False, obj=terminal)
    except WebexTokenError as error:
        _say(f"Error: {error.message}\n{error.hint}")
        if terminal.debug:
            _say(frames(error, error.__traceback__))
        return error.exit_status
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("Interrupted.")
        return INTERRUPTED
    except OSError as error:
        _say(f"Error: The system refused something ({error.strerror or type(error).__name__}).")
        _say(
            frames(error, error.__traceback__)
            if terminal.debug
            else "What was stored before that is stored: `webex-token show` tells. --debug shows where it was."
        )
        return 1
    except Exception as error:  # noqa: BLE001 - the boundary: no traceback reaches a person unasked
        _say(f"Error: Something unexpected failed ({type(error).__name__}).")
        _say(frames(error, error.__traceback__) if terminal.debug else "Run it again with --debug to see where.")
        return 1
    return status if isinstance(status, int) else 0


def frames(error: BaseException, trace: TracebackType | None) -> str:
    """Where ``error`` was raised: files, lines and functions, the types of it and its causes, and no values.

    An exception's own text is left out: those of other libraries quote what they were given.
    """
    text = "".join(traceback.format_tb(trace)) + type(error).__name__
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return text if cause is None else f"{frames(cause, cause.__traceback__)}\n\nand from there\n\n{text}"


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more, and the exit status says it too
        click.echo(text, err=True)
