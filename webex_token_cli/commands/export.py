"""``export``: a sign-in as one JSON document, for ``import`` on another machine."""

import sys

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import ConfigurationError


@click.command("export", short_help="Print a sign-in, secrets and all, for another machine.", epilog=SETTINGS_READ)
@profile_option
@click.option("--yes", is_flag=True, help="Print it even on a terminal, where others may see it.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, yes: bool) -> None:
    """Print a sign-in as one JSON document: tokens, client secret and settings, for `webex-token import`.

    Whoever reads it can act as the person, so pipe it, or keep it in a file that only you can read. What is
    stored here stays. Asks nothing of Webex.

    \b
    Example:
      webex-token export -p work | ssh host webex-token import -p work

    Exit status: 0 printed; 2 standard output is a terminal; 3 nobody is signed in; 5 the credential store
    is unavailable.
    """
    if sys.stdout is not None and sys.stdout.isatty() and not yes:
        named = f"-p {profile}"
        raise ConfigurationError(
            "An export holds secrets, and standard output is a terminal.",
            f"Pipe it to the other machine, as in `webex-token export {named} | ssh HOST webex-token import {named}`; "
            "--yes prints it here all the same.",
        )
    from webex_token_cli.transfer.documents import export

    _, record = application.stored(profile)
    click.echo(export(application.config.load(profile), record))
