"""What an answer of Vault means, and what it means that none came, in our own words.

Vault reports a failure as ``{"errors": [...]}`` with an HTTP status. Anything else was not sent by Vault, but by a
proxy or a captive portal on the way.
"""

import ssl
from collections.abc import Iterable
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from webex_token_cli.errors import StoreUnavailable, StoreUnreachable
from webex_token_cli.text import printable, scrub

# What Vault says of a token that has expired, was revoked or never was one. The words of a policy that forbids
# something are "1 error occurred: * permission denied".
_INVALID_TOKEN = frozenset({"permission denied", "bad token", "missing client token"})


def json_of(answer: requests.Response) -> dict[str, Any] | None:
    """The body if it is a JSON object, else None."""
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def object_in(answer: requests.Response, key: str) -> dict[str, Any]:
    """The JSON object that the body has for ``key``; empty if there is none."""
    found = (json_of(answer) or {}).get(key)
    return found if isinstance(found, dict) else {}


def errors_of(answer: requests.Response) -> list[str] | None:
    """The errors that Vault reports; None if the answer is not a report of errors. Of a missing key, it is empty."""
    errors = (json_of(answer) or {}).get("errors")
    return [str(each) for each in errors] if isinstance(errors, list) else None


def is_sealed(answer: requests.Response) -> bool:
    """Whether Vault answers that it is sealed, and therefore did nothing."""
    return answer.status_code == 503 and any("sealed" in each for each in errors_of(answer) or ())


def is_refusal_of_token(answer: requests.Response) -> bool:
    """Whether a 403 is about the token itself. Vault answers a policy that forbids something with other words."""
    errors = errors_of(answer) or []
    return any(each.strip() in _INVALID_TOKEN or "invalid token" in each for each in errors)


def may_have_been_sent(error: OSError) -> bool:
    """Whether a request that failed with ``error`` may have reached the server. No only if that is certain."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return False
    if not isinstance(error, requests.exceptions.ConnectionError):
        return isinstance(error, requests.exceptions.RequestException)
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, ConnectTimeoutError | NewConnectionError):
        return False
    cause = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    return not isinstance(cause, ssl.SSLCertVerificationError)


def unreachable(place: str, error: OSError) -> StoreUnreachable:
    """The error for a request without an answer. The messages of requests have URLs and addresses of objects."""
    if isinstance(error, requests.exceptions.ProxyError):
        return StoreUnreachable(
            f"The proxy on the way to {place} made no connection.", "Check HTTPS_PROXY and NO_PROXY, then try again."
        )
    if isinstance(error, requests.exceptions.SSLError):
        return StoreUnreachable(
            f"No trusted TLS connection to {place} could be made.",
            "Name the certificate of its authority in VAULT_CACERT, and check that VAULT_ADDR has the name in the "
            "server's certificate. Then try again.",
        )
    if isinstance(error, requests.exceptions.Timeout):
        return timed_out(place)
    if not isinstance(error, requests.exceptions.RequestException):
        return StoreUnreachable(
            f"{place} could not be reached: {printable(str(error))}.", "Check REQUESTS_CA_BUNDLE, then try again."
        )
    return StoreUnreachable(f"{place} could not be reached.", "Check VAULT_ADDR and the network, then try again.")


def timed_out(place: str) -> StoreUnreachable:
    """The error for an answer that did not come in time."""
    return StoreUnreachable(f"{place} did not answer in time.", "Try again later.")


def unexpected(place: str, answer: requests.Response) -> StoreUnreachable:
    """The error for an answer that Vault did not send."""
    return StoreUnreachable(
        f"The answer (HTTP {answer.status_code}) did not come from {place}.",
        "Check VAULT_ADDR. This network may ask for a sign-in of its own, or a proxy may be in the way.",
    )


def failure(place: str, answer: requests.Response, secrets: Iterable[str | None] = ()) -> StoreUnavailable:
    """The error for an answer that reports a failure. ``secrets`` are masked if the answer repeats them.

    It is a StoreUnreachable if the same request may succeed later.
    """
    status, errors = answer.status_code, errors_of(answer)
    if is_sealed(answer):
        return StoreUnreachable(
            f"{place} is sealed.", "Ask its operator to unseal it (`bao operator unseal`), then try again."
        )
    if status == 429:
        return StoreUnreachable(f"{place} gets too many requests (HTTP 429).", _again_after(answer))
    if status in {307, 308}:
        return StoreUnavailable(
            f"{place} redirects to an address that is not safe for tokens.",
            "Give VAULT_ADDR the https:// address of the active node, or correct api_addr in the server's settings.",
        )
    said = printable(scrub("; ".join(errors or ()), secrets))
    if status in {408, 412, 425} or status >= 500:
        # A node without a leader answers with 500, so only the words in brackets tell it from another failure.
        return StoreUnreachable(f"{place} failed (HTTP {status}{said and f', {said}'}).", "Try again later.")
    if errors is None:
        return unexpected(place, answer)
    if "from non-versioned to versioned data" in said:
        return StoreUnreachable(f"{place} is being set up for versions of entries.", "Try again later.")
    if status == 404 and "no handler for route" in said:
        return no_such_mount(place)
    return StoreUnavailable(
        f"{place} refused the request (HTTP {status}{said and f', {said}'}).",
        "Check VAULT_ADDR, VAULT_NAMESPACE and WEBEX_TOKEN_VAULT_PATH.",
    )


def no_such_mount(place: str) -> StoreUnavailable:
    """The error for a path at which no secrets engine is mounted."""
    return StoreUnavailable(
        f"{place} does not exist: no secrets engine is mounted there.",
        "Check WEBEX_TOKEN_VAULT_PATH and VAULT_NAMESPACE; `bao secrets list` lists the mounts.",
    )


def not_version_2(place: str) -> StoreUnavailable:
    """The error for a mount that has no check-and-set."""
    return StoreUnavailable(
        f"{place} is not a key-value engine of version 2, which alone can check and set.",
        "Name another mount in WEBEX_TOKEN_VAULT_PATH, or upgrade this one (`bao kv enable-versioning MOUNT`).",
    )


def token_refused(place: str, log_in: str) -> StoreUnavailable:
    """The error for a token that has expired or was revoked. ``log_in`` is the sentence that says how to get one."""
    return StoreUnavailable(f"{place} does not accept the Vault token: it has expired, or was revoked.", log_in)


def forbidden(place: str, capability: str) -> StoreUnavailable:
    """The error for a request that the token's policies forbid."""
    return StoreUnavailable(
        f"{place} permits this Vault token no such access (permission denied).",
        f"Ask for a policy that allows {capability}.",
    )


def _again_after(answer: requests.Response) -> str:
    seconds = answer.headers.get("Retry-After", "").strip()
    if seconds.isascii() and seconds.isdigit() and int(seconds[:9]) > 0:
        return f"Try again in {int(seconds[:9])} seconds."
    return "Try again later."
