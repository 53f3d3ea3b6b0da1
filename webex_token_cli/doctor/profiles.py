"""The profiles: whether each one's tokens are alive, and how long they last."""

from collections.abc import Sequence

from webex_token_cli.config.names import DEFAULT_PROFILE, clock_hint, not_signed_in, sign_in_hint
from webex_token_cli.doctor.examination import Examination
from webex_token_cli.doctor.findings import CORRECT_CONFIGURATION, Finding, Level, fine, problem, skipped, warning
from webex_token_cli.doctor.stores import STORE
from webex_token_cli.errors import SignInNeeded, StoreUnavailable
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord

PROFILE = "profile"


def check(examination: Examination) -> list[Finding]:
    """Check each profile whose settings can be used and whose store works."""
    machine, configuration = examination.machine, examination.configuration
    failed = {each.subject for each in examination.earlier if each.check == STORE and each.level is Level.PROBLEM}
    settings = {each.profile: each for each in configuration.settings}
    findings = []
    for profile in configuration.profiles:
        if profile not in settings:
            message = f"Profile {profile} was not checked, because its settings cannot be used."
            findings.append(skipped(PROFILE, profile, message, CORRECT_CONFIGURATION))
        elif settings[profile].store in failed and configuration.stored and profile not in configuration.stored:
            findings.append(problem(PROFILE, profile, not_signed_in(profile, configuration.stored)))
        elif settings[profile].store in failed:
            message = f"Profile {profile} was not checked, because its store does not work."
            findings.append(skipped(PROFILE, profile, message, "Repair the store first."))
        else:
            store = machine.store_of(settings[profile])
            found = check_profile(
                profile, store, machine.clock(), configuration.stored, before_any=configuration.before_any
            )
            findings.append(found)
    return findings


def check_profile(
    name: str, store: CredentialStore, now: float, stored: Sequence[str] = (), *, before_any: bool = False
) -> Finding:
    """Check the profile's tokens at ``now``, in UTC epoch seconds. ``stored`` names the stored profiles.

    With ``before_any``, it is no problem that there are no tokens: this is a machine before its first sign-in.
    """
    try:
        record = store.load(name)
        if record is None and before_any:
            return skipped(PROFILE, name, "Nobody is signed in yet.", sign_in_hint(name))
        if record is None:
            raise not_signed_in(name, stored)
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
    """What to report about a record that can be used or refreshed."""
    option = "" if name == DEFAULT_PROFILE else f" --profile {name}"
    expires = "expired" if record.access_expired(now) else "expires"
    access = f"Profile {name}: the access token {expires} {when(record.access_expires_at, now)}"
    if record.is_from_the_future(now):
        refreshed = f"Profile {name} was refreshed {when(record.refreshed_at, now)} by this machine's clock"
        message = f"{refreshed}, so when its tokens expire is not known."
        return warning(PROFILE, name, message, clock_hint(name))
    if not record.can_refresh(now):
        return warning(PROFILE, name, f"{access}, and {_dead_refresh_token(record, now)}.", sign_in_hint(name))
    if record.refresh_expires_at is None:
        message = f"{access}; Webex did not say when the refresh token expires."
    else:
        message = f"{access}, the refresh token {when(record.refresh_expires_at, now)}."
    if record.refresh_token_low(now):
        fix = f"Renew both with `webex-token refresh{option}`; `webex-token watch` does so each day."
        return warning(PROFILE, name, message, fix)
    if record.access_expired(now):
        fix = f"Renew it with `webex-token refresh{option}`; `webex-token watch` keeps it alive."
        return warning(PROFILE, name, message, fix)
    return fine(PROFILE, name, message)


def _dead_refresh_token(record: TokenRecord, now: float) -> str:
    if record.refresh_token is None:
        return "there is no refresh token"
    assert record.refresh_expires_at is not None  # noqa: S101 - a refresh token without an expiry is never dead
    return f"the refresh token {when(record.refresh_expires_at, now)}"
