"""The settings of one run: option first, then environment variable, then profile, then default."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from webex_token_cli.config.sites import WEBEX
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.text import is_scope, printable

DEFAULT_REDIRECT_URI = "http://localhost:8000/oauth"
DEFAULT_SCOPES = "spark:all"
DEFAULT_API_URL = WEBEX.api_url
DEFAULT_STORE = "keyring"
STORES = ("keyring", "file", "vault")
# The stores that many machines share. They list their profiles, and have the settings of each.
SHARED_STORES = ("vault",)

# The settings that a section can have, in the order in which they are written.
KEYS = (
    "client_id",
    "redirect_uri",
    "scopes",
    "api_url",
    "store",
    "keyring",
    "application_id",
    "org_id",
    "with_profile",
)


def is_setting(value: object) -> bool:
    """Whether ``value`` can stand behind a key of ``config.ini``. A line break would start another setting there."""
    return isinstance(value, str) and value != "" and value.isprintable() and value == value.strip()


class Profile(NamedTuple):
    """The settings that ``config.ini`` has for one profile; None for those that it does not have.

    ``keyring`` is the class of the keyring that holds the record, so that later runs need not search for it. The last
    three are those of a ``ServiceApp``.
    """

    name: str
    client_id: str | None = None
    redirect_uri: str | None = None
    scopes: str | None = None
    api_url: str | None = None
    store: str | None = None
    keyring: str | None = None
    application_id: str | None = None
    org_id: str | None = None
    with_profile: str | None = None

    @classmethod
    def of(cls, settings: "Settings") -> "Profile":
        """The profile that remembers ``settings``."""
        return cls(
            settings.profile,
            settings.client_id,
            settings.redirect_uri,
            " ".join(settings.scopes) or None,
            settings.api_url,
            settings.store,
            settings.keyring,
            *(settings.service_app or ()),
        )

    @property
    def signed_in_at(self) -> str | None:
        """The API base URL at which the profile signs in; None if ``config.ini`` has no settings for the profile."""
        return (self.api_url or DEFAULT_API_URL).rstrip("/") if self.settings else None

    @property
    def settings(self) -> dict[str, str]:
        """The keys and values of the profile's section, in the order in which they are written."""
        values = {key: getattr(self, key) for key in KEYS}
        return {key: value for key, value in values.items() if value is not None}


class ServiceApp(NamedTuple):
    """How a Service App gets its tokens: its application id, the organization that it acts in, and the profile of a
    person with whose access token Webex is asked."""

    application_id: str
    org_id: str
    with_profile: str


class Settings(NamedTuple):
    """The settings that apply to one profile in one run. ``service_app`` is None for a person's sign-in."""

    profile: str
    client_id: str | None
    redirect_uri: str
    scopes: tuple[str, ...]
    api_url: str
    store: str
    keyring: str | None = None
    service_app: ServiceApp | None = None


class Integration(NamedTuple):
    """An integration as Webex knows it: a client id, at an API base URL."""

    client_id: str
    api_url: str


class Overrides(NamedTuple):
    """The settings that an option or an environment variable gives; None for those that neither gives."""

    client_id: str | None = None
    redirect_uri: str | None = None
    scopes: str | None = None
    api_url: str | None = None
    store: str | None = None


def resolve(profile: "Profile", overrides: Overrides) -> Settings:
    """Combine ``overrides``, ``profile`` and the defaults. Raises ConfigurationError if a setting is unusable."""
    store = overrides.store or profile.store or DEFAULT_STORE
    if store not in STORES:
        raise ConfigurationError(
            f"{store[:80]!r} is not a credential store (profile {profile.name}).",
            "Use keyring, file or vault in --store, WEBEX_TOKEN_STORE or config.ini.",
        )
    return Settings(
        profile=profile.name,
        client_id=overrides.client_id or profile.client_id,
        redirect_uri=overrides.redirect_uri or profile.redirect_uri or DEFAULT_REDIRECT_URI,
        scopes=tuple((overrides.scopes or profile.scopes or DEFAULT_SCOPES).split()),
        api_url=check_api_url(overrides.api_url or profile.api_url or DEFAULT_API_URL),
        store=store,
        keyring=profile.keyring if store == profile.store == "keyring" else None,
        service_app=_service_app(profile) if overrides.client_id in (None, profile.client_id) else None,
    )


def _service_app(profile: "Profile") -> ServiceApp | None:
    """The profile's Service App, which belongs to its client id. Raises ConfigurationError if it is incomplete."""
    values = {key: getattr(profile, key) for key in ServiceApp._fields}
    missing = [key for key, value in values.items() if value is None]
    if missing and len(missing) < len(values):
        raise ConfigurationError(
            f"The Service App of profile {profile.name} is incomplete: config.ini lacks {' and '.join(missing)}.",
            "Give all of them with `webex-token login --flow service-app --app ID --org ID --with PROFILE`.",
        )
    return None if missing else ServiceApp(**values)


def changed_scopes(profile: str, scopes: Sequence[str], added: Iterable[str], removed: Collection[str]) -> str:
    """``scopes`` of the profile without those ``removed`` and with those ``added``, separated by blanks.

    Raises ConfigurationError if a scope to remove is not there, or none is left.
    """
    listed = f"The profile {profile} has these scopes: {' '.join(scopes)}."
    missing = [scope for scope in removed if scope not in scopes]
    if missing:
        raise ConfigurationError(f"There is no scope {' '.join(missing)[:200]!r} to remove.", listed)
    changed = dict.fromkeys([*(scope for scope in scopes if scope not in removed), *added])
    if not changed:
        raise ConfigurationError("No scope would be left.", f"{listed} Leave one of them, or add another.")
    return " ".join(changed)


def check_settings(profile: "Profile") -> None:
    """Raise ConfigurationError if ``config.ini`` cannot hold a setting of ``profile``."""
    for key, value in profile.settings.items():
        if not is_setting(value):
            raise ConfigurationError(
                f"The setting {key} of profile {profile.name} is not one line of text: {printable(value, 80)!r}.",
                "Correct it where it comes from: an option, a variable, or the integration.",
            )


def check_scopes(scopes: Iterable[str]) -> None:
    """Raise ConfigurationError if one of ``scopes`` cannot be the name of a scope (RFC 6749 section 3.3)."""
    for scope in scopes:
        if not is_scope(scope):
            raise ConfigurationError(
                f"{printable(scope, 80)!r} cannot be a scope.",
                f"Give names such as {DEFAULT_SCOPES}, separated by spaces, in --scope, WEBEX_SCOPES or config.ini.",
            )


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address without brackets, can only be this machine (RFC 8252 section 7.3)."""
    if host.lower() == "localhost":
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_api_url(url: str) -> str:
    """Return ``url`` without a trailing slash if it is safe to send tokens there.

    Safe is https, or http to a loopback address. Raises ConfigurationError if the URL is not safe or not valid.
    """
    if not is_safe_url(url):
        raise ConfigurationError(
            f"{url[:200]!r} cannot be the API base URL.",
            f"Give an https:// address such as {DEFAULT_API_URL}, or http:// to a loopback address.",
        )
    return url.rstrip("/")


def is_safe_url(url: str) -> bool:
    """Whether secrets can be sent to ``url``: https, or http to a loopback address, without a user or a query in it."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # reading the port raises ValueError if it is not a number
    except ValueError:
        return False
    if not host or parts.query or parts.fragment or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
