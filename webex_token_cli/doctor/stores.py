"""Whether the credential stores work, and where each profile's tokens stand."""

from collections.abc import Callable

from webex_token_cli.config.settings import DEFAULT_PROFILE, not_signed_in, sign_in_hint
from webex_token_cli.doctor.findings import Finding, fine, problem, warning
from webex_token_cli.errors import SignInNeeded, StoreUnavailable
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.store.probe import SIZE, probe
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord

STORE, PROFILE = "store", "profile"


def check_store(name: str, store: Callable[[str], CredentialStore]) -> Finding:
    """Open the store called ``name``, and try it."""
    try:
        opened = store(name)
        probe(opened)
    except StoreUnavailable as error:
        return problem(STORE, name, error)
    return fine(STORE, name, f"An entry of {SIZE:,} characters was written to {opened.place}, read and removed.")


def check_profile(name: str, store: CredentialStore, now: float) -> Finding:
    """Where the profile's tokens stand at ``now``."""
    try:
        record = store.load(name)
        if record is None:
            raise not_signed_in(name)
        if record.needs_sign_in(now):
            raise SignInNeeded(
                f"Profile {name}: the access token expired {when(record.access_expires_at, now)}, and "
                f"{_dead_refresh_token(record, now)}.",
                sign_in_hint(name),
            )
    except (StoreUnavailable, SignInNeeded) as error:
        return problem(PROFILE, name, error)
    return _alive(name, record, now)


def _alive(name: str, record: TokenRecord, now: float) -> Finding:
    option = "" if name == DEFAULT_PROFILE else f" --profile {name}"
    access = "expires" if record.access_left(now) > 0 else "expired"
    said = f"Profile {name}: the access token {access} {when(record.access_expires_at, now)}, "
    if not record.can_refresh(now):
        return warning(PROFILE, name, f"{said}and {_dead_refresh_token(record, now)}.", sign_in_hint(name))
    said += "the refresh token "
    said += (
        "lasts for a time that is not known."
        if record.refresh_expires_at is None
        else (f"{when(record.refresh_expires_at, now)}.")
    )
    if record.refresh_token_low(now):
        return warning(
            PROFILE, name, said, f"Renew both with `webex-token refresh{option}`; `webex-token watch` does so each day."
        )
    if record.access_left(now) <= 0:
        return warning(
            PROFILE, name, said, f"`webex-token refresh{option}` renews it, and `webex-token watch` keeps it alive."
        )
    return fine(PROFILE, name, said)


def _dead_refresh_token(record: TokenRecord, now: float) -> str:
    if record.refresh_token is None:
        return "there is no refresh token"
    assert record.refresh_expires_at is not None  # noqa: S101 - else it would not be dead
    return f"the refresh token {when(record.refresh_expires_at, now)}"
