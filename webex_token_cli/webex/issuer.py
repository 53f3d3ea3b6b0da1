"""Which identity service may be sent a client secret. Pure."""

from urllib.parse import urlsplit

from webex_token_cli.config.settings import is_loopback, is_safe_url
from webex_token_cli.config.sites import site_of
from webex_token_cli.errors import RequestRefused
from webex_token_cli.text import printable

# The domains of Webex. Everything below them is Webex's own.
_DOMAINS = ("webex.com", "webexapis.com")


def checked_issuer(issuer: str | None, api_url: str) -> str:
    """The issuer that may be sent a client secret; ``issuer`` is what the discovery document at ``api_url`` names.

    The document comes from the host that is sent the same client secret at each refresh, over the same TLS. But it is
    data: a proxy on the way or a mistake in it must not lead the secret to a third party. So only https to Webex or to
    the API's own host is accepted, and a loopback address only for an API on loopback. Without an issuer, Webex's
    identity service is asked for an API of Webex, and nobody for another. Raises RequestRefused if nobody may be asked.
    """
    api_host, site = urlsplit(api_url).hostname or "", site_of(api_url)
    if issuer is None and _is_webex(api_host):
        return site.identity
    if issuer is None:
        raise RequestRefused(
            f"The discovery document of {api_host} names no identity service to ask.",
            f"Remove the tokens at {site.tokens_page}.",
        )
    if not _may_be_asked(issuer, api_host):
        raise RequestRefused(
            f"The discovery document of {api_host} names an identity service that is not Webex's "
            f"({printable(issuer, 80)!r}), so nothing was sent there.",
            f"Remove the tokens at {site.tokens_page}.",
        )
    return issuer.rstrip("/")


def _may_be_asked(issuer: str, api_host: str) -> bool:
    if not is_safe_url(issuer):
        return False
    host = urlsplit(issuer).hostname or ""
    return is_loopback(api_host) if is_loopback(host) else host == api_host or _is_webex(host)


def _is_webex(host: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in _DOMAINS)
