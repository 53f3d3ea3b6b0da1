"""``exec``: a command with the access token in its environment, in this program's place."""

import os
import re
from collections.abc import Iterable, Mapping

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.child_environment import without_secrets
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    min_valid_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.processes import run_in_our_place, uncoerced
from webex_token_cli.tokens import TokenRecord

# What Webex's SDKs read, and what the older one for Python does.
VARIABLES = ("WEBEX_ACCESS_TOKEN", "WEBEX_TEAMS_ACCESS_TOKEN")

# Older names of the first, which may hold another token, and the secret that this program itself is given so.
REMOVED = frozenset({"SPARK_ACCESS_TOKEN", "CISCO_SPARK_ACCESS_TOKEN", "WEBEX_CLIENT_SECRET"})

# POSIX, "Environment Variable Definition": what every shell can name.
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _checked(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001
    for name in names:
        if not _VARIABLE_NAME.fullmatch(name):
            raise ConfigurationError(
                # What follows a "=" was meant as a value, and may be a secret.
                f"{name.partition('=')[0][:80]!r}{' with a value' * ('=' in name)} cannot name a variable.",
                "Give --env a name alone, of letters, digits and _, not starting with a digit.",
            )
    return names


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
    help="Put the token into this variable too; may be repeated.",
)
@click.argument("arguments", metavar="-- CMD [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED)
@verbosity_options
@pass_application
def command(
    application: Application, profile: str, min_valid: float, names: tuple[str, ...], arguments: tuple[str, ...]
) -> int:
    """Run CMD with the access token in WEBEX_ACCESS_TOKEN and WEBEX_TEAMS_ACCESS_TOKEN.

    The token is refreshed first as `get` does it. CMD takes this program's place, so its signals, its terminal
    and its exit status are its own. It sees neither the refresh token nor the client secret: a variable that
    holds one of them is left out, and so are SPARK_ACCESS_TOKEN, CISCO_SPARK_ACCESS_TOKEN and
    WEBEX_CLIENT_SECRET.

    \b
    Example:
      webex-token exec -- python report.py
      webex-token exec -p work --env WEBEX_TOKEN -- ./deploy --verbose

    Exit status: that of CMD; 127 there is no CMD, 126 it cannot be executed; before it runs 2 wrong usage,
    3 sign-in needed, 4 the token is dead and Webex cannot be asked now, 5 the credential store is unavailable.
    """
    record = application.valid_record(profile, min_valid)
    given = uncoerced(application.environment)
    return run_in_our_place(arguments, environment_of_child(given, record, (*VARIABLES, *names)))


def environment_of_child(given: Mapping[str, str], record: TokenRecord, names: Iterable[str]) -> dict[str, str]:
    """``given`` with the access token under ``names``, and without what holds another secret of the record."""
    kept = without_secrets({name: value for name, value in given.items() if name not in REMOVED}, record)
    # Names are upper case on Windows, whatever is typed.
    return kept | {name.upper() if os.name == "nt" else name: record.access_token for name in names}
