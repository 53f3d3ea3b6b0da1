"""``logout``: remove tokens, client secret and settings; with ``--revoke``, revoke the grant at Webex first."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.config.settings import Settings
from webex_token_cli.errors import (
    GrantRefused,
    RequestRefused,
    SignInNeeded,
    StoreUnavailable,
    TemporaryFailure,
    WebexTokenError,
)
from webex_token_cli.profiles import forget, stored_at
from webex_token_cli.text import printable
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord


@click.command("logout", short_help="Remove a profile's tokens and settings.", epilog=SETTINGS_READ)
@profile_option
@click.option("--all", "every", is_flag=True, help="Log out of every stored profile.")
@click.option("--revoke", is_flag=True, help="Ask Webex to revoke the grant first. This needs an admin's scopes.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, every: bool, revoke: bool) -> int:
    """Remove a profile's tokens and client secret from the store, and its section from config.ini.

    By default, Webex is not informed, so copies of the tokens elsewhere stay valid until they expire. With
    --revoke, Webex is first asked to revoke everything that was granted to the integration. This needs the
    scopes identity:tokens_read and identity:tokens_write, which only an admin can grant. If Webex refuses,
    the command says so and removes the profile anyway. If Webex cannot be reached now, nothing is removed.

    \b
    Example:
      webex-token logout --profile work

    Exit status: 0 if the profile is removed; 1 if it is removed, but Webex did not revoke the grant; 2 if the
    usage or a setting is wrong; 3 if nothing was stored; 4 if Webex cannot be reached now; 5 if the
    credential store is unavailable. With --all, the highest of them.
    """
    status = 0
    revoked_clients: set[str] | None = set() if revoke else None
    names = application.names() if every else [profile]
    if not names:
        raise _nothing_to_remove(application, "No profile is stored")
    for name in names:
        try:
            status = max(status, _log_out(application, name, revoked_clients))
        except WebexTokenError as error:
            if not every:
                raise
            status = max(status, error.exit_status)
            application.say(f"Error: {error.message}\n{error.hint}")
    return status


def _log_out(application: Application, profile: str, revoked_clients: set[str] | None) -> int:
    """Remove the profile; the exit status.

    Its grants are revoked first, unless ``revoked_clients`` is None. That set collects the client ids whose grants
    were revoked. Raises SignInNeeded if nothing is stored, TemporaryFailure, StoreUnavailable, ConfigurationError.
    """
    try:
        revoked = [] if revoked_clients is None else _revoke(application, profile, revoked_clients)
        removed = forget(application, profile)
    except StoreUnavailable:
        if application.may_be_stored(profile):
            raise
        removed = False
    if not removed:
        raise _nothing_to_remove(application, f"Nobody is signed in as profile {profile}")
    click.echo(f"{profile}: {'revoked and ' if revoked and all(revoked) else ''}removed.")
    return 0 if all(revoked) else RequestRefused.exit_status


def _nothing_to_remove(application: Application, why: str) -> SignInNeeded:
    """The error for a logout that had nothing to do. Whoever logs out does not want to be told how to sign in."""
    names = ", ".join(application.names())
    hint = f"If you meant another profile, name it: {printable(names)}." if names else "Nothing was changed."
    return SignInNeeded(f"{why}, so there is nothing to remove.", hint)


def _revoke(application: Application, profile: str, revoked_clients: set[str]) -> list[bool]:
    """Revoke each grant that is stored for the profile, and say so for each that Webex did not revoke.

    Returns whether each of them was revoked. Raises TemporaryFailure if Webex cannot be reached now,
    StoreUnavailable, ConfigurationError.
    """
    places = stored_at(application, profile)
    found = [(settings, application.store_of(settings).load(profile)) for settings in places]
    return [_revoked(application, settings, record, revoked_clients) for settings, record in found if record]


def _revoked(application: Application, settings: Settings, record: TokenRecord, revoked_clients: set[str]) -> bool:
    profile = settings.profile

    def is_dead(stored: TokenRecord) -> bool:
        now = application.clock()
        return stored.access_expired(now) or stored.is_from_the_future(now)

    application.warn_of_other_api_url(settings)
    try:
        if is_dead(record):
            record = application.refresher(settings).refresh(profile, is_dead).record
        application.client(settings.api_url).revoke(record.access_token, record.client_id)
    except (RequestRefused, SignInNeeded) as error:
        # Webex revokes by client id, so an earlier profile's revocation may have covered this grant.
        if isinstance(error, GrantRefused) and record.client_id in revoked_clients:
            return True
        _say_not_revoked(application, profile, record, error)
        return False
    except TemporaryFailure as error:
        raise TemporaryFailure(
            f"The grant of profile {profile} was not revoked, and the profile is still stored: {error.message}",
            "Try again later, or run `webex-token logout` without --revoke.",
            error.retry_after,
        ) from error
    revoked_clients.add(record.client_id)
    return True


def _say_not_revoked(application: Application, profile: str, record: TokenRecord, error: WebexTokenError) -> None:
    end = "" if record.refresh_expires_at is None else f" {when(record.refresh_expires_at, application.clock())}"
    application.say(
        f"Error: Webex did not revoke the grant of profile {profile}. {error.message}\n"
        "Revoking needs an admin's scopes, identity:tokens_read and identity:tokens_write. The grant stays valid until "
        f"its refresh token expires{end}, unless you remove it in the settings of your Webex account, or an admin "
        "removes it in Control Hub."
    )
