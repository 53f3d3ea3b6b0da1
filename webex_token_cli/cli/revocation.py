"""Revoking what is stored of a profile, and what is said of it.

An admin may revoke everything that was granted to the integration. Anybody may revoke an access token, as Webex's
JavaScript SDK does at a logout; the refresh token stays valid then.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from webex_token_cli.application import Application
from webex_token_cli.config.settings import Settings
from webex_token_cli.config.sites import site_of
from webex_token_cli.errors import GrantRefused, RequestRefused, SignInNeeded, TemporaryFailure, WebexTokenError
from webex_token_cli.profiles import stored_at
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord

# What an admin's access token needs to revoke the grants of an integration.
_ADMIN_SCOPE = "identity:tokens_write"


class Revoked(IntEnum):
    """What Webex has revoked of a sign-in. The lowest of several says what is true of all of them.

    With ENDED_BEFORE, nothing was left that Webex would have revoked for this person.
    """

    NOTHING = 0
    ENDED_BEFORE = 1
    ACCESS_TOKEN = 2
    GRANT = 3


@dataclass(slots=True)
class Revocation:
    """Revokes the sign-ins of one run. ``clients`` are the client ids whose grants an admin has revoked."""

    application: Application
    clients: set[str] = field(default_factory=set)

    def revoke(self, profile: str) -> list[Revoked]:
        """Revoke each record that is stored of the profile, and say what stays valid.

        Returns what was revoked of each. Raises TemporaryFailure if Webex cannot be reached now, StoreUnavailable,
        ConfigurationError.
        """
        places = stored_at(self.application, profile)
        found = [(settings, self.application.store_of(settings).load(profile)) for settings in places]
        return [self._revoke(settings, record) for settings, record in found if record]

    def _revoke(self, settings: Settings, record: TokenRecord) -> Revoked:
        self.application.warn_of_other_api_url(settings)
        try:
            refusal = ""
            # Without any scopes in Webex's answer, only a request can tell.
            if record.scopes is None or _ADMIN_SCOPE in record.scopes:
                refused = self._revoke_as_admin(settings, record)
                if refused is None:
                    return Revoked.GRANT
                if isinstance(refused, GrantRefused) and record.access_expired(self.application.clock()):
                    self.application.say(f"Warning: nothing was left to revoke. {refused.message}")
                    return Revoked.ENDED_BEFORE
                refusal = refused.message
            return self._revoke_access_token(settings, record, refusal)
        except TemporaryFailure as error:
            raise TemporaryFailure(
                f"The tokens of profile {settings.profile} were not revoked, and the profile is still stored: "
                f"{error.message}",
                "Try again later, or run `webex-token logout` without --revoke.",
                error.retry_after,
            ) from error

    def _revoke_as_admin(self, settings: Settings, record: TokenRecord) -> WebexTokenError | None:
        """Revoke every grant of the client. Returns None if that is done, else why Webex refused."""

        def is_dead(stored: TokenRecord) -> bool:
            now = self.application.clock()
            return stored.access_expired(now) or stored.is_from_the_future(now)

        try:
            if is_dead(record):
                record = self.application.refresher(settings).refresh(settings.profile, is_dead).record
            self.application.client(settings.api_url).revoke(record.access_token, record.client_id)
        except (RequestRefused, SignInNeeded) as error:
            # Webex revokes by client id, so an earlier profile's revocation may have covered this grant.
            if isinstance(error, GrantRefused) and record.client_id in self.clients:
                return None
            return error
        self.clients.add(record.client_id)
        return None

    def _revoke_access_token(self, settings: Settings, record: TokenRecord, refusal: str) -> Revoked:
        """Revoke the access token alone, and say what stays valid. ``refusal`` is why an admin's way failed."""
        client = self.application.client(settings.api_url)
        expired = record.access_expired(self.application.clock())
        try:
            if not expired:
                self.application.client(client.issuer()).revoke_access_token(
                    record.access_token, client_id=record.client_id, client_secret=record.client_secret
                )
        except RequestRefused as error:
            self._say_nothing_was_revoked(settings, record, f"{refusal} {error.message}".strip())
            return Revoked.NOTHING
        self._say_what_stays(settings, record, expired, refusal)
        return Revoked.ENDED_BEFORE if expired else Revoked.ACCESS_TOKEN

    def _say_nothing_was_revoked(self, settings: Settings, record: TokenRecord, why: str) -> None:
        self.application.say(
            f"Error: Webex did not revoke the tokens of profile {settings.profile}. {why}\n"
            f"{self._refresh_token(record)} stays valid{self._until(record)}, and access tokens until they expire. "
            f"{_how_to_remove(settings)}"
        )

    def _say_what_stays(self, settings: Settings, record: TokenRecord, expired: bool, refusal: str) -> None:
        if record.needs_sign_in(self.application.clock()):
            return
        done = "has expired" if expired else "is revoked"
        also = f" Revoking more was refused: {refusal}" if refusal else ""
        self.application.say(
            f"Warning: the access token of profile {settings.profile} {done}, but Webex revokes refresh tokens for "
            f"admins only.{also}\n"
            f"{self._refresh_token(record)} stays valid{self._until(record)}, and access tokens of earlier renewals "
            f"until they expire. {_how_to_remove(settings)}"
        )

    def _refresh_token(self, record: TokenRecord) -> str:
        return "The refresh token" if record.refresh_token is not None else "What was granted"

    def _until(self, record: TokenRecord) -> str:
        expires = record.refresh_expires_at
        return "" if expires is None else f" until it expires {when(expires, self.application.clock())}"


def _how_to_remove(settings: Settings) -> str:
    return f"To end them, remove the integration at {site_of(settings.api_url).tokens_page}, or ask an admin."
