"""Where the identity service of a Webex API is, and the page on which a person removes tokens. Pure."""

from urllib.parse import urlsplit

from webex_token_cli.config.settings import is_loopback
from webex_token_cli.config.sites import site_of
from webex_token_cli.errors import RequestRefused
from webex_token_cli.text import printable

# The domains of Webex. Everything below them is Webex's own.
_DOMAINS = ("webex.com", "webexapis.com")


def identity_service(api_url: str) -> str:
    """The identity service of Webex that belongs to the API at ``api_url``."""
    return site_of(api_url).identity


def tokens_page(api_url: str) -> str:
    """The page on which a person sees and removes what was granted in their name."""
    return site_of(api_url).tokens_page


def checked_issuer(issuer: str | None, api_url: str) -> str:
    """The issuer that may be sent a client secret; ``issuer`` is what the discovery document at ``api_url`` names.

    The document comes from the host that is sent the same client secret at each refresh, over the same TLS. But it is
    data: a proxy on the way or a mistake in it must not lead the secret to a third party. So only https to Webex or to
    the API's own host is accepted, and a loopback address only for an API on loopback. Without an issuer, Webex's
    identity service is asked for an API of Webex, and nobody for another. Raises RequestRefused if nobody may be asked.
    """
    api_host = urlsplit(api_url).hostname or ""
    if issuer is None and _is_webex(api_host):
        return identity_service(api_url)
    if issuer is None:
        raise RequestRefused(
            f"The discovery document of {api_host} names no identity service to ask.",
            f"Remove the tokens at {tokens_page(api_url)}.",
        )
    if not _may_be_asked(issuer, api_host):
        raise RequestRefused(
            f"The discovery document of {api_host} names an identity service that is not Webex's "
            f"({printable(issuer, 80)!r}), so nothing was sent there.",
            f"Remove the tokens at {tokens_page(api_url)}.",
        )
    return issuer.rstrip("/")


def _may_be_asked(issuer: str, api_host: str) -> bool:
    if not issuer.isascii() or not issuer.isprintable() or " " in issuer or "\\" in issuer:
        return False
    try:
        parts = urlsplit(issuer)
        host, _ = parts.hostname or "", parts.port  # reading the port raises ValueError if it is not a number
    except ValueError:
        return False
    if parts.query or parts.fragment or "@" in parts.netloc:
        return False
    if is_loopback(host):
        return parts.scheme in {"http", "https"} and is_loopback(api_host)
    return parts.scheme == "https" and (host == api_host or _is_webex(host))


def _is_webex(host: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in _DOMAINS)
