"""``get``: the access token, and nothing else, on stdout."""

import click

from webex_token_cli.commands.shared import (
    SETTINGS_READ,
    Duration,
    Invocation,
    pass_invocation,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import SignInNeeded, StoreUnavailable, TemporaryFailure
from webex_token_cli.profiles import sign_in_hint
from webex_token_cli.times import distance_in_words, duration_in_words
from webex_token_cli.tokens import TokenRecord


@click.command("get", short_help="Print the access token.", epilog=SETTINGS_READ)
@profile_option
@click.option(
    "--min-valid",
    type=Duration(),
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="Refresh first when the token lives for less than this.",
)
@click.option("--no-refresh", is_flag=True, help="Never talk to Webex; print what is stored.")
@verbosity_options
@pass_invocation
def command(invocation: Invocation, profile: str, min_valid: float, no_refresh: bool) -> None:
    """Print the access token and a newline, nothing else.

    A token with less than --min-valid to live is refreshed first. If that fails for now and the token
    still lives, it is printed all the same, with a warning.

    \b
    Example:
      curl -H "Authorization: Bearer $(webex-token get)" https://webexapis.com/v1/people/me

    Exit status: 0 printed, 3 sign-in needed, 4 the token is dead and Webex cannot be asked now, 5 the
    credential store is unavailable.
    """
    _, record = invocation.stored(profile)
    if record.access_left(invocation.clock()) < min_valid and not no_refresh:
        record = _refreshed(invocation, profile, record, min_valid)
    left = record.access_left(invocation.clock())
    if left <= 0:
        _refuse_dead_token(invocation, profile, record)
    elif left < min_valid:
        invocation.say(f"Warning: the access token lives for {duration_in_words(left)} only.")
    invocation.warn_if_running_out(profile, record)
    click.echo(record.access_token)


def _refreshed(invocation: Invocation, profile: str, record: TokenRecord, min_valid: float) -> TokenRecord:
    refresher = invocation.refresher(invocation.settings(profile))
    try:
        return refresher.refresh(profile, lambda stored: stored.access_left(invocation.clock()) < min_valid).record
    except (TemporaryFailure, StoreUnavailable) as error:
        if record.access_left(invocation.clock()) <= 0:
            raise
        invocation.say(f"Warning: not refreshed. {error.message}")
        return record


def _refuse_dead_token(invocation: Invocation, profile: str, record: TokenRecord) -> None:
    now = invocation.clock()
    expired = f"The access token of profile {profile} expired {distance_in_words(record.access_expires_at, now)}"
    if record.needs_sign_in(now):
        raise SignInNeeded(f"{expired}, and so did the refresh token.", sign_in_hint(profile))
    raise TemporaryFailure(f"{expired}.", "Run `webex-token refresh`, or `webex-token get` without --no-refresh.")
