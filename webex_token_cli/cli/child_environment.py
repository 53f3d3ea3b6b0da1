"""A token with enough life left, and a child that is to have it alone.

What ``get``, ``exec``, ``watch`` and ``webex_token_cli.access_token`` have in common.
"""

from collections.abc import Iterable, Mapping

from webex_token_cli.application import Invocation
from webex_token_cli.config.file import sign_in_hint
from webex_token_cli.errors import SignInNeeded, StoreUnavailable, TemporaryFailure
from webex_token_cli.times import distance_in_words, duration_in_words
from webex_token_cli.tokens import TokenRecord

# Shorter ones are no secrets of Webex, and could be part of anything; they are looked for as whole values.
_LONG_ENOUGH = 16


def without_secrets(environment: Mapping[str, str], record: TokenRecord) -> dict[str, str]:
    """``environment`` for a child, without the variables that hold the record's refresh token or client secret."""
    hidden = [secret for secret in (record.refresh_token, record.client_secret) if secret]
    return {name: value for name, value in environment.items() if not _holds(value, hidden)}


def _holds(value: str, secrets: Iterable[str]) -> bool:
    return any(value == secret or (len(secret) >= _LONG_ENOUGH and secret in value) for secret in secrets)


def fresh(invocation: Invocation, profile: str, min_valid: float, may_refresh: bool = True) -> TokenRecord:
    """The profile's record, refreshed first when its access token has less than ``min_valid`` seconds to live.

    If that fails for now and the token still lives, it is given all the same, with a warning. Raises
    SignInNeeded, TemporaryFailure when the token is dead and stays so, StoreUnavailable, ConfigurationError,
    RequestRefused.
    """
    _, record = invocation.stored(profile)
    if record.access_left(invocation.clock()) < min_valid and may_refresh:
        record = _refreshed(invocation, profile, record, min_valid)
    left = record.access_left(invocation.clock())
    if left <= 0:
        _refuse_dead_token(invocation, profile, record, may_refresh)
    elif left < min_valid:
        invocation.say(f"Warning: the access token lives for {duration_in_words(left)} only.")
    invocation.warn_if_running_out(profile, record)
    return record


def _refreshed(invocation: Invocation, profile: str, record: TokenRecord, min_valid: float) -> TokenRecord:
    refresher = invocation.refresher(invocation.settings(profile))
    try:
        return refresher.refresh(profile, lambda stored: stored.access_left(invocation.clock()) < min_valid).record
    except (TemporaryFailure, StoreUnavailable) as error:
        if record.access_left(invocation.clock()) <= 0:
            raise
        invocation.say(f"Warning: not refreshed. {error.message}")
        return record


def _refuse_dead_token(invocation: Invocation, profile: str, record: TokenRecord, may_refresh: bool) -> None:
    now = invocation.clock()
    expired = f"The access token of profile {profile} expired {distance_in_words(record.access_expires_at, now)}"
    if record.needs_sign_in(now):
        raise SignInNeeded(f"{expired}, and so did the refresh token.", sign_in_hint(profile))
    hint = "Run `webex-token refresh`" + ("." if may_refresh else ", or `webex-token get` without --no-refresh.")
    raise TemporaryFailure(f"{expired}.", hint)
