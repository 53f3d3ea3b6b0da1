"""``get``: print the access token, and nothing else, on standard output."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    min_valid_option,
    pass_application,
    profile_option,
    verbosity_options,
)


@click.command("get", short_help="Print the access token.", epilog=SETTINGS_READ)
@profile_option
@min_valid_option
@click.option("--no-refresh", is_flag=True, help="Print the stored token without asking Webex.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, min_valid: float, no_refresh: bool) -> None:
    """Print the access token and a newline, nothing else.

    A token that expires within --min-valid is refreshed first. If that fails temporarily and the token is
    still valid, it is printed anyway, with a warning.

    \b
    Example:
      printf 'Authorization: Bearer %s' "$(webex-token get)" |
          curl -H @- https://webexapis.com/v1/people/me

    Exit status: 0 if a token is printed; 2 if the usage or a setting is wrong; 3 if a sign-in is needed; 4 if
    the token has expired and Webex cannot be reached now; 5 if the credential store is unavailable.
    """
    click.echo(application.valid_record(profile, min_valid, may_refresh=not no_refresh).access_token)
