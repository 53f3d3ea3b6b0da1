"""How one sandbox is set up: the lifetimes, the integration's settings and the choices that Webex leaves open."""

from dataclasses import dataclass
from typing import Any

from webex_token_cli.sandbox.problem import Problem

MINUTE = 60
DAY = 24 * 60 * MINUTE

# That of the integration if nobody names another.
DEFAULT_REDIRECT_URI = "http://localhost:8000/oauth"

KNOWN_SCOPES = frozenset(
    {
        "spark:all",
        "spark:kms",
        "spark:people_read",
        "spark:rooms_read",
        "spark:messages_read",
        "spark:applications_token",
        "identity:tokens_read",
        "identity:tokens_write",
    }
)

# ``spark:all`` allows what people do in the app. These two are asked for beside it, and so are all that begin with
# another word, such as the scopes of meetings and of admins.
_BESIDE_SPARK_ALL = frozenset({"spark:kms", "spark:applications_token"})

# What Webex has been seen to do for each kind of integration, where it differs from the defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "integration": {},
    # A refresh was seen not to extend the refresh token.
    "contact-center": {
        "access_ttl": 43_200,
        "refresh_ttl": 5_086_615,
        "renew_after": 0,
        "extends_refresh_token": False,
    },
    # The lifetimes and the JWT in the example of Webex's documentation of the device grant.
    "device": {"access_ttl": 64_800, "refresh_ttl": 7_697_038, "renew_after": 0, "devices_get_jwts": True},
    "service-app": {"service_app": True},
    "government": {"refresh_ttl": 60 * DAY},
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of a sandbox. All durations are in seconds.

    ``access_ttl`` and ``refresh_ttl`` are the lifetimes of the two tokens; Webex mostly uses 14 and 90 days.
    A refresh returns the same access token again until that token is ``renew_after`` old or has expired.
    With ``extends_refresh_token``, a refresh lets the refresh token live for another ``refresh_ttl``. Without, the
    refresh token ends ``refresh_ttl`` after the sign-in, as those of Contact Center integrations do.
    With ``rotate``, each refresh issues a new refresh token, and presenting an old one revokes the grant.
    ``rfc_errors`` reports errors of the token and device endpoints as RFC 6749 does, not in Webex's own shape.
    ``device_ttl`` is how long a device's code waits for the person; ``device_interval`` is the shortest time
    between two polls of a device.
    ``helper_redirects`` tells whether the integration lists the redirect URIs of Webex's helper service, which
    the device grant needs. With ``devices_get_jwts``, a device gets JWTs as access tokens also if it does not ask for
    them with ``self_contained_token``, as the one in the example of Webex's documentation does.
    ``auto_approve`` accepts each request without asking: a browser's at once, a device's at its second poll.
    ``latency`` delays every answer.
    With ``service_app``, an authorized Service App is there from the start.
    ``redirect_uris`` are those of the integration. Where none is named, it has those that it had before, and
    ``DEFAULT_REDIRECT_URI`` at first.
    """

    access_ttl: float = 14 * DAY
    refresh_ttl: float = 90 * DAY
    renew_after: float = DAY
    extends_refresh_token: bool = True
    rotate: bool = False
    auto_approve: bool = False
    rfc_errors: bool = False
    device_ttl: float = 5 * MINUTE
    device_interval: float = 2
    helper_redirects: bool = True
    devices_get_jwts: bool = False
    redirect_uris: tuple[str, ...] = ()
    scopes: frozenset[str] = KNOWN_SCOPES
    latency: float = 0.0
    service_app: bool = False

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "Rules":
        """The rules for a kind of integration, a key of ``PRESETS``, with ``changes``. Raises KeyError."""
        return cls(**{**PRESETS[name], **changes})

    def check_scopes(self, scope: str) -> tuple[str, ...]:
        """Split the ``scope`` parameter of a request. Raises Problem unless the integration has every scope in it."""
        requested = tuple(scope.split())
        unknown = [name for name in requested if name not in self.scopes]
        if unknown or not requested:
            raise Problem(
                400, "invalid_scope", f"The scope is not one of the integration: {' '.join(unknown) or 'none'}"
            )
        return requested


def sufficient_scopes(scope: str) -> frozenset[str]:
    """The scopes each of which allows what ``scope`` allows."""
    is_included = scope.startswith("spark:") and scope not in _BESIDE_SPARK_ALL
    return frozenset({scope, "spark:all"} if is_included else {scope})
