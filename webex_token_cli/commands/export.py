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


@click.command("export", short_help="Print a sign-in, with its secrets, for another machine.", epilog=SETTINGS_READ)
@profile_option
@click.option("--yes", is_flag=True, help="Print it even on a terminal, where others may see it.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, yes: bool) -> None:
    """Print a sign-in as one JSON document: tokens, client secret and settings, for `webex-token import`.

    Anyone who reads the document can act as the person. So pipe it to its destination, or store it in a file that
    only you can read. The profile stays signed in on this machine. No request is sent to Webex.

    \b
    Example:
      webex-token export -p work | ssh host webex-token import -p work

    Exit status: 0 if the document was printed; 2 if standard output is a terminal; 3 if nobody is signed in; 5 if
    the credential store is unavailable.
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
    click.echo(export(application.section(profile), record))
