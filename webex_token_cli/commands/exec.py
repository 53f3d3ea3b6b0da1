"""``exec``: replace this program by a command that has the access token in its environment."""

import os
import re
from collections.abc import Iterable, Mapping

import click
from click.shell_completion import CompletionItem

from webex_token_cli.application import Application
from webex_token_cli.cli.child_environment import SECRET_VARIABLES, without_secrets
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    min_valid_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.processes import commands_starting_with, run_in_our_place, uncoerced
from webex_token_cli.tokens import TokenRecord

# The variable that Webex's SDKs read, and the one that the older Python SDK reads.
VARIABLES = ("WEBEX_ACCESS_TOKEN", "WEBEX_TEAMS_ACCESS_TOKEN")

# Older names of the first variable, which may hold another token, and what is meant for this program.
REMOVED = frozenset({"SPARK_ACCESS_TOKEN", "CISCO_SPARK_ACCESS_TOKEN"}) | SECRET_VARIABLES

# POSIX, "Environment Variable Definition": the names that every shell accepts.
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _checked(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001
    for name in names:
        if not _VARIABLE_NAME.fullmatch(name):
            raise ConfigurationError(
                # The text after a "=" is left out, because it may be a secret.
                f"--env takes only the name of a variable, not {name.partition('=')[0][:80]!r}"
                f"{' with a value' if '=' in name else ''}.",
                "Use letters, digits and _, and do not start with a digit.",
            )
    return names


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The commands in PATH for the first word, unless it is a path; for a path and for the other words, files."""
    if ctx.params.get(param.name or "") or os.sep in incomplete:
        return [CompletionItem(incomplete, type="file")]
    terminal = ctx.find_object(Terminal) or Terminal(os.environ)
    return [CompletionItem(name) for name in commands_starting_with(incomplete, terminal.environment)]


@click.command(
    "exec",
    short_help="Run a command with the access token in its environment.",
    epilog=SETTINGS_READ,
    context_settings={"allow_interspersed_args": False},
)
@profile_option
@min_valid_option
@click.option(
    "--env",
    "names",
    metavar="NAME",
    multiple=True,
    callback=_checked,
    help="Put the token into this variable as well. May be repeated.",
)
@click.argument(
    "arguments", metavar="-- CMD [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=_complete
)
@verbosity_options
@pass_application
def command(
    application: Application, profile: str, min_valid: float, names: tuple[str, ...], arguments: tuple[str, ...]
) -> int:
    """Run CMD with the access token in WEBEX_ACCESS_TOKEN and WEBEX_TEAMS_ACCESS_TOKEN.

    The token is refreshed first if `get` would refresh it. CMD replaces this program, so signals, terminal
    and exit status are its own. It receives neither the refresh token nor the client secret: variables that
    hold one of them are removed, and so are SPARK_ACCESS_TOKEN, CISCO_SPARK_ACCESS_TOKEN, WEBEX_CLIENT_SECRET
    and WEBEX_REFRESH_TOKEN.

    \b
    Example:
      webex-token exec -- python report.py
      webex-token exec -p work --env WEBEX_TOKEN -- ./deploy --verbose

    Exit status: the exit status of CMD; 127 if CMD is not found; 126 if it cannot be executed. Before CMD
    runs: 2 if the usage is wrong; 3 if a sign-in is needed; 4 if the token has expired and Webex cannot be
    reached now; 5 if the credential store is unavailable.
    """
    record = application.valid_record(profile, min_valid)
    given = uncoerced(application.environment)
    return run_in_our_place(arguments, environment_of_child(given, record, (*VARIABLES, *names)))


def environment_of_child(given: Mapping[str, str], record: TokenRecord, names: Iterable[str]) -> dict[str, str]:
    """``given`` with the access token in each of ``names``, and without variables that hold another secret."""
    passed_on = without_secrets({name: value for name, value in given.items() if name not in REMOVED}, record)
    # Windows has upper-case names only.
    return passed_on | {name.upper() if os.name == "nt" else name: record.access_token for name in names}
