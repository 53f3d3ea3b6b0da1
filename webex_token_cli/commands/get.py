"""``get``: print the access token, and nothing else, on standard output."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.mistyped import Choice
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    min_valid_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.tokens import TokenRecord

FORMATS = ("token", "header", "env", "json")


@click.command("get", short_help="Print the access token.", epilog=SETTINGS_READ)
@profile_option
@min_valid_option
@click.option("--no-refresh", is_flag=True, help="Print the stored token without asking Webex.")
@click.option(
    "--format",
    "form",
    type=Choice(FORMATS),
    default="token",
    show_default=True,
    help="Print the token alone (token), as the line `Authorization: Bearer TOKEN` for curl -H @- (header), as the "
    "line `WEBEX_ACCESS_TOKEN=TOKEN` for a shell or a .env file (env), or as JSON with its expiry (json).",
)
@verbosity_options
@pass_application
def command(application: Application, profile: str, min_valid: float, no_refresh: bool, form: str) -> None:
    """Print the access token and a newline, nothing else.

    A token that expires within --min-valid is refreshed first. If that fails temporarily and the token is
    still valid, it is printed anyway, with a warning.

    \b
    Example:
      webex-token get --format header | curl -H @- https://webexapis.com/v1/people/me
      export "$(webex-token get --format env)"

    Exit status: 0 if a token is printed; 2 if the usage or a setting is wrong; 3 if a sign-in is needed; 4 if
    the token has expired and Webex cannot be reached now; 5 if the credential store is unavailable.
    """
    record = application.valid_record(profile, min_valid, may_refresh=not no_refresh)
    click.echo(_formatted(profile, record, form))


def _formatted(profile: str, record: TokenRecord, form: str) -> str:
    token = record.access_token
    if form == "header":
        return f"Authorization: Bearer {token}"
    if form == "env":
        # NOTE: Of the characters of a token (RFC 6750), a shell reads only a tilde at the start in its own way.
        # Without quotes, programs can read the line too that take quotes for a part of the value, such as Docker.
        return f"WEBEX_ACCESS_TOKEN='{token}'" if token.startswith("~") else f"WEBEX_ACCESS_TOKEN={token}"
    if form == "json":
        from webex_token_cli.cli.documents import expiry_document, to_json

        return to_json({"profile": profile, "access_token": token, **expiry_document(record)})
    return token
