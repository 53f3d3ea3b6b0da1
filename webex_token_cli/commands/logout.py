"""``logout``: remove tokens, client secret and settings; with ``--revoke``, revoke the tokens at Webex first."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    all_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.cli.revocation import Revocation, Revoked
from webex_token_cli.errors import RequestRefused, SignInNeeded, StoreUnavailable, WebexTokenError
from webex_token_cli.profiles import forget
from webex_token_cli.text import printable

_REMOVED = {
    Revoked.NOTHING: "removed",
    Revoked.ENDED_BEFORE: "removed",
    Revoked.ACCESS_TOKEN: "access token revoked, profile removed",
    Revoked.GRANT: "revoked and removed",
}


@click.command("logout", short_help="Remove a profile's tokens and settings.", epilog=SETTINGS_READ)
@profile_option
@all_option("Log out of every stored profile.")
@click.option("--revoke", is_flag=True, help="Ask Webex to revoke the tokens first.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, every: bool, revoke: bool) -> int:
    """Remove a profile's tokens and client secret from the store, and its section from config.ini.

    By default, Webex is not informed, so copies of the tokens elsewhere stay valid until they expire. With
    --revoke, Webex is first asked to revoke them. For an admin whose sign-in has the scopes
    identity:tokens_read and identity:tokens_write, it revokes everything that was granted to the integration.
    For everybody else, it revokes the access token, and the command says how long the refresh token stays
    valid and on which page you can remove it. If Webex cannot be reached now, nothing is removed.

    \b
    Example:
      webex-token logout --profile work

    Exit status: 0 if the profile is removed; 1 if it is removed, but Webex revoked nothing; 2 if the usage
    or a setting is wrong; 3 if nothing was stored; 4 if Webex cannot be reached now; 5 if the credential store is
    unavailable. With --all, the highest of them.
    """
    status = 0
    revocation = Revocation(application) if revoke else None
    names = application.names() if every else [profile]
    if not names:
        raise _nothing_to_remove(application, "No profile is stored")
    for name in names:
        try:
            status = max(status, _log_out(application, name, revocation))
        except WebexTokenError as error:
            if not every:
                raise
            status = max(status, error.exit_status)
            application.say(f"Error: {error.message}\n{error.hint}")
    return status


def _log_out(application: Application, profile: str, revocation: Revocation | None) -> int:
    """Remove the profile, after its ``revocation`` unless that is None; the exit status.

    Raises SignInNeeded if nothing is stored, TemporaryFailure, StoreUnavailable, ConfigurationError.
    """
    try:
        revoked = [] if revocation is None else revocation.revoke(profile)
        removed = forget(application, profile)
    except StoreUnavailable:
        if application.may_be_stored(profile):
            raise
        removed = False
    if not removed:
        raise _nothing_to_remove(application, f"Nobody is signed in as profile {profile}")
    least = min(revoked, default=None)
    click.echo(f"{profile}: {'removed' if least is None else _REMOVED[least]}.")
    return RequestRefused.exit_status if least is Revoked.NOTHING else 0


def _nothing_to_remove(application: Application, why: str) -> SignInNeeded:
    """The error for a logout that had nothing to do. Whoever logs out does not want to be told how to sign in."""
    names = ", ".join(application.names())
    hint = f"If you meant another profile, name it: {printable(names)}." if names else "Nothing was changed."
    return SignInNeeded(f"{why}, so there is nothing to remove.", hint)
