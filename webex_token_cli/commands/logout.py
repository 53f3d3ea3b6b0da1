"""``logout``: forget tokens, client secret and profile; with ``--revoke``, have Webex forget them first."""

from dataclasses import replace

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.config.settings import not_signed_in
from webex_token_cli.errors import GrantRefused, RequestRefused, SignInNeeded, TemporaryFailure, WebexTokenError
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord


@click.command("logout", short_help="Forget a profile's tokens.", epilog=SETTINGS_READ)
@profile_option
@click.option("--all", "every", is_flag=True, help="Forget every stored profile.")
@click.option("--revoke", is_flag=True, help="Have Webex revoke the grant first, which takes an admin's scopes.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, every: bool, revoke: bool) -> int:
    """Remove a profile's tokens and client secret from the store, and its section from config.ini.

    Webex is not told: until they run out, copies of the tokens elsewhere stay good. With --revoke Webex is
    asked first to revoke what was granted to the integration, wherever it is in use. That takes the scopes
    identity:tokens_read and identity:tokens_write, which an admin's sign-in can have; where Webex would not,
    that is said, and the profile is forgotten all the same. Where Webex cannot be asked now, nothing is.

    \b
    Example:
      webex-token logout --profile work

    Exit status: 0 forgotten; 1 forgotten, but Webex would not revoke it; 3 nothing was stored; 4 Webex
    cannot be asked now; 5 the credential store is unavailable. With --all, the worst of them.
    """
    status = 0
    ended: set[str] | None = set() if revoke else None
    for name in application.profiles() if every else [profile]:
        try:
            status = max(status, _log_out(application, name, ended))
        except WebexTokenError as error:
            if not every:
                raise
            status = max(status, error.exit_status)
            application.say(f"Error: {error.message}\n{error.hint}")
    return status


def _log_out(application: Application, profile: str, ended: set[str] | None) -> int:
    """Forget the profile, and have its grants revoked unless ``ended``, the client ids that were, is None.

    The exit status. Raises SignInNeeded when there is nothing to forget, TemporaryFailure, StoreUnavailable,
    ConfigurationError.
    """
    revoked = [] if ended is None else _revoke(application, profile, ended)
    if not _forget(application, profile):
        raise not_signed_in(profile)
    click.echo(f"{profile}: {'revoked and ' if revoked and all(revoked) else ''}forgotten.")
    return 0 if all(revoked) else RequestRefused.exit_status


def _forget(application: Application, profile: str) -> bool:
    removed = False
    for name in _stores(application, profile):
        store = application.store(name)
        with store.lock(profile):
            removed |= store.delete(profile)
    return application.config.remove(profile) or removed


def _stores(application: Application, profile: str) -> list[str]:
    """The stores that may hold something of the profile.

    The environment may point at another store than the profile's own; a logout leaves neither.
    """
    in_force = application.settings(profile).store
    return list(dict.fromkeys([in_force, application.config.load(profile).store or in_force]))


def _revoke(application: Application, profile: str, ended: set[str]) -> list[bool]:
    """Have each grant that is stored for the profile revoked: which were. What Webex would not is said.

    Raises TemporaryFailure when Webex could not be asked, StoreUnavailable, ConfigurationError.
    """
    found = [(name, application.store(name).load(profile)) for name in _stores(application, profile)]
    return [_revoked(application, profile, name, record, ended) for name, record in found if record is not None]


def _revoked(application: Application, profile: str, store: str, record: TokenRecord, ended: set[str]) -> bool:
    settings = replace(application.settings(profile), store=store)

    def is_dead(stored: TokenRecord) -> bool:
        return stored.access_left(application.clock()) <= 0

    try:
        if is_dead(record):
            record = application.refresher(settings).refresh(profile, is_dead).record
        application.client(settings.api_url).revoke(record.access_token, record.client_id)
    except (RequestRefused, SignInNeeded) as error:
        # Revoking goes by client id, so an earlier profile's may have taken this one's grant along.
        if isinstance(error, GrantRefused) and record.client_id in ended:
            return True
        _say_that_it_lives_on(application, profile, record, error)
        return False
    except TemporaryFailure as error:
        raise TemporaryFailure(
            f"Profile {profile} was not revoked, and is still stored: {error.message}",
            "Try again later, or log out without --revoke.",
            error.retry_after,
        ) from error
    ended.add(record.client_id)
    return True


def _say_that_it_lives_on(application: Application, profile: str, record: TokenRecord, error: WebexTokenError) -> None:
    end = "" if record.refresh_expires_at is None else f", {when(record.refresh_expires_at, application.clock())}"
    application.say(
        f"Error: Webex would not revoke what profile {profile} was granted. {error.message}\n"
        "That takes an admin's scopes, identity:tokens_read and identity:tokens_write; the grant lives on until its "
        f"refresh token ends{end}, unless you remove it in the settings of your Webex account, or an admin does in "
        "Control Hub."
    )
