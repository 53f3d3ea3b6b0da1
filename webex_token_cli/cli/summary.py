"""What ``login`` and ``import`` do and say once tokens are stored: the settings remembered, and where things stand."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from webex_token_cli.config.file import Profile
from webex_token_cli.config.settings import DEFAULT_PROFILE, Settings
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from webex_token_cli.store.credentials import CredentialStore


def remembered(settings: Settings) -> Profile:
    """What ``config.ini`` is to say of ``settings``."""
    return Profile(
        settings.profile, settings.client_id, settings.redirect_uri, " ".join(settings.scopes),
        settings.api_url, settings.store,
    )  # fmt: skip


def option_for(profile: str) -> str:
    """What follows a verb in a hint about ``profile``."""
    return "" if profile == DEFAULT_PROFILE else f" --profile {profile}"


def where_it_stands(profile: str, store: "CredentialStore", record: TokenRecord, now: float) -> list[str]:
    """A sentence each: how long the access token lives, where it is, and how it stays alive."""
    verb = "expires" if record.access_left(now) > 0 else "expired"
    return [
        f"The access token {verb} {when(record.access_expires_at, now)}.",
        f"Stored in {store.where(profile)}.",
        f"Keep it alive with `webex-token watch{option_for(profile)}`.",
    ]


def not_granted(asked: Iterable[str], record: TokenRecord) -> list[str]:
    """The scopes of those ``asked`` for that Webex did not grant, as far as it said."""
    return [] if record.scopes is None else [scope for scope in asked if scope not in record.scopes]


def facts(profile: str, store: "CredentialStore", record: TokenRecord, asked: Iterable[str]) -> dict[str, object]:
    """The same for programs, without a secret; ``asked`` are the scopes asked for."""
    return {
        "profile": profile,
        "person": None if record.person is None else record.person.label,
        "scopes": None if record.scopes is None else list(record.scopes),
        "scopes_not_granted": not_granted(asked, record),
        "access_token_expires_at": record.access_expires_at,
        "refresh_token_expires_at": record.refresh_expires_at,
        "stored_in": store.where(profile),
    }
