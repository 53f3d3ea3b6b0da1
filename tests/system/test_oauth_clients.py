"""Standard OAuth clients sign in to the sandbox: Authlib, and oauthlib through requests-oauthlib.

Nothing of this project sends these requests, so that the sandbox is measured by how others read the RFCs.
"""

from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import DeviceClient, OAuth2Error
from requests_oauthlib import OAuth2Session as OAuthlibSession

from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import ConsentForm, answer

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

# RFC 6749 section 2.3.1 has the client secret in an Authorization header or in the form.
BOTH_METHODS = pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """oauthlib refuses plain HTTP, on loopback as well, unless this variable is set."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def metadata(sandbox: Sandbox) -> dict[str, Any]:
    """What a client discovers."""
    found: dict[str, Any] = requests.get(f"{sandbox.api_url}/.well-known/openid-configuration", timeout=30).json()
    return found


def consent(url: str) -> str:
    """Press Accept on the page at ``url``: the address to which the browser is sent with the code."""
    page = requests.get(url, timeout=30)
    form = ConsentForm()
    form.feed(page.text)
    decision = {**form.fields, "decision": "accept"}
    address = urljoin(page.url, form.action)
    return requests.post(address, decision, allow_redirects=False, timeout=30).headers["Location"]


def authentication(sandbox: Sandbox) -> str:
    """How the newest request for tokens has sent the client secret."""
    request = [each for each in sandbox.requests if each.path in {"/v1/access_token", "/v1/device/token"}][-1]
    in_header = request.headers.get("Authorization", "").startswith("Basic ")
    in_body = f"client_secret={sandbox.client_secret}" in request.body
    return {(True, False): "client_secret_basic", (False, True): "client_secret_post"}[in_header, in_body]


def authlib_session(sandbox: Sandbox, **options: Any) -> AuthlibSession:
    return AuthlibSession(
        sandbox.client_id,
        sandbox.client_secret,
        scope="spark:all",
        redirect_uri=sandbox.redirect_uri,
        code_challenge_method="S256",
        **options,
    )


def signed_in_with_authlib(sandbox: Sandbox, metadata: dict[str, Any], **options: Any) -> AuthlibSession:
    session = authlib_session(sandbox, token_endpoint=metadata["token_endpoint"], **options)
    verifier = "v" * 48
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    session.fetch_token(authorization_response=consent(url), state=state, code_verifier=verifier)
    return session


def signed_in_with_oauthlib(sandbox: Sandbox, metadata: dict[str, Any], method: str) -> OAuthlibSession:
    session = OAuthlibSession(sandbox.client_id, scope=["spark:all"], redirect_uri=sandbox.redirect_uri, pkce="S256")
    url, _ = session.authorization_url(metadata["authorization_endpoint"])
    session.fetch_token(
        metadata["token_endpoint"],
        authorization_response=consent(url),
        client_secret=sandbox.client_secret,
        include_client_id=method == "client_secret_post",
    )
    return session


@BOTH_METHODS
def test_authlib_signs_in_refreshes_by_itself_and_revokes(
    sandbox: Sandbox, metadata: dict[str, Any], method: str
) -> None:
    assert method in metadata["token_endpoint_auth_methods_supported"]
    saved: list[dict[str, Any]] = []
    session = signed_in_with_authlib(
        sandbox, metadata, token_endpoint_auth_method=method, update_token=lambda token, **_: saved.append(dict(token))
    )
    assert (authentication(sandbox), "code_verifier=vvv" in sandbox.requests[-1].body) == (method, True)
    first, me = session.token["access_token"], f"{sandbox.api_url}/people/me"
    assert session.get(me).json()["displayName"] == "Ada Lovelace"

    sandbox.advance("14d")
    session.token["expires_at"] -= 14 * 86400
    assert session.get(me).json()["displayName"] == "Ada Lovelace"
    assert (authentication(sandbox), sandbox.outcomes()[-1], saved[0]["access_token"] == first) == (
        method,
        "renewed",
        False,
    )

    revoked = session.revoke_token(
        f"{metadata['issuer']}/oauth2/v1/revoke", token=saved[0]["access_token"], token_type_hint="access_token"
    )
    assert (revoked.status_code, session.get(me).status_code) == (200, 401)


@BOTH_METHODS
def test_oauthlib_signs_in_and_refreshes_by_itself(sandbox: Sandbox, metadata: dict[str, Any], method: str) -> None:
    session = signed_in_with_oauthlib(sandbox, metadata, method)
    assert (authentication(sandbox), "code_verifier=" in sandbox.requests[-1].body) == (method, True)
    me = f"{sandbox.api_url}/people/me"
    assert session.get(me).json()["displayName"] == "Ada Lovelace"

    saved: list[dict[str, Any]] = []
    secret: dict[str, Any] = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    in_body = method == "client_secret_post"
    later = OAuthlibSession(
        sandbox.client_id,
        token={**session.token, "expires_in": -1, "expires_at": 1},
        auto_refresh_url=metadata["token_endpoint"],
        auto_refresh_kwargs=secret if in_body else {},
        token_updater=saved.append,
    )
    sandbox.advance("14d")
    assert later.get(me, **({} if in_body else secret)).json()["displayName"] == "Ada Lovelace"
    assert (authentication(sandbox), sandbox.outcomes()[-1]) == (method, "renewed")
    assert saved[0]["access_token"] != session.token["access_token"]


@pytest.fixture
def rules(redirect_uri: str, request: pytest.FixtureRequest) -> Rules:
    """Rules of a test are an indirect parameter."""
    return Rules(redirect_uris=(redirect_uri,), **getattr(request, "param", {}))


IN_RFC_SHAPE = pytest.mark.parametrize("rules", [{"rfc_errors": True, "device_interval": 0}], indirect=True)


@IN_RFC_SHAPE
def test_both_name_the_error_of_a_revoked_grant(sandbox: Sandbox, metadata: dict[str, Any], rules: Rules) -> None:
    authlib = signed_in_with_authlib(sandbox, metadata)
    oauthlib = signed_in_with_oauthlib(sandbox, metadata, "client_secret_post")
    sandbox.revoke()
    with pytest.raises(OAuthError, match=r"^invalid_grant: The refresh token is expired, revoked or not known$"):
        authlib.refresh_token()
    secret: dict[str, Any] = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    with pytest.raises(OAuth2Error, match=r"^\(invalid_grant\) The refresh token is expired, revoked or not known$"):
        oauthlib.refresh_token(metadata["token_endpoint"], **secret)


@IN_RFC_SHAPE
def test_authlib_signs_a_device_in(sandbox: Sandbox, metadata: dict[str, Any], rules: Rules) -> None:
    session = authlib_session(sandbox)
    asked = {"client_id": sandbox.client_id, "scope": "spark:all"}
    device = session.post(metadata["device_authorization_endpoint"], data=asked, withhold_token=True).json()
    # Webex has an endpoint of its own for this, where RFC 8628 uses the token endpoint, and wants the client id twice.
    poll = {"grant_type": DEVICE_CODE, "device_code": device["device_code"], "client_id": sandbox.client_id}
    with pytest.raises(OAuthError, match=r"^authorization_pending: "):
        session.fetch_token(f"{sandbox.api_url}/device/token", **poll)
    answer(device["verification_uri_complete"])
    session.fetch_token(f"{sandbox.api_url}/device/token", **poll)
    assert authentication(sandbox) == "client_secret_basic"
    assert session.get(f"{sandbox.api_url}/people/me").json()["displayName"] == "Ada Lovelace"


@IN_RFC_SHAPE
def test_oauthlib_signs_a_device_in(sandbox: Sandbox, metadata: dict[str, Any], rules: Rules) -> None:
    client = DeviceClient(sandbox.client_id, scope=["spark:all"])
    endpoint, _, form = client.prepare_request_uri(metadata["device_authorization_endpoint"]).partition("?")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    device = requests.post(endpoint, form, headers=headers, timeout=30).json()
    answer(device["verification_uri_complete"])
    body = client.prepare_request_body(device["device_code"], include_client_id=True)
    secret = (sandbox.client_id, sandbox.client_secret)
    tokens = requests.post(f"{sandbox.api_url}/device/token", body, headers=headers, auth=secret, timeout=30)
    parsed = client.parse_request_body_response(tokens.text)
    assert (parsed["scope"], parsed["token_type"]) == (["spark:all"], "Bearer")
    assert sandbox.person_of(parsed["access_token"])["displayName"] == "Ada Lovelace"
