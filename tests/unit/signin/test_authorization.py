"""One authorization request, and what may answer it."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.config.sites import GOVERNMENT
from webex_token_cli.errors import (
    ConfigurationError,
    RequestRefused,
    SignInNotCompleted,
    TemporaryFailure,
    WebexTokenError,
)
from webex_token_cli.signin.authorization import AuthorizationCode, Proof, RedirectURI, Refusal, read_redirect
from webex_token_cli.signin.loopback.messages import Request
from webex_token_cli.signin.loopback.sockets import Endpoint, endpoint_for
from webex_token_cli.webex.client import authorization_url

STATE = "the-state"


def test_the_challenge_is_the_one_of_rfc_7636_appendix_b() -> None:
    proof = Proof("state", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert proof.code_challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_fresh_proof_is_256_bits_twice_and_hides_itself() -> None:
    proofs = [Proof.fresh() for _ in range(50)]
    parts = {part for proof in proofs for part in (proof.state, proof.code_verifier)}
    assert len(parts) == 100
    assert {len(base64.urlsafe_b64decode(part + "=")) for part in parts} == {32}
    assert repr(proofs[0]) == "Proof()"
    assert hashlib.sha256(proofs[0].code_verifier.encode()).digest() == base64.urlsafe_b64decode(
        proofs[0].code_challenge + "="
    )


def test_the_authorization_url() -> None:
    url = authorization_url(
        "https://webexapis.com/v1",
        client_id="C1&x=y",
        redirect_uri="http://localhost:8000/oauth",
        scopes=["spark:all", "spark:kms"],
        state="s",
        code_challenge="c",
    )
    assert url.startswith("https://webexapis.com/v1/authorize?")
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": ["C1&x=y"],
        "redirect_uri": ["http://localhost:8000/oauth"],
        "scope": ["spark:all spark:kms"],
        "state": ["s"],
        "code_challenge": ["c"],
        "code_challenge_method": ["S256"],
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=abc",
        "state=the-state",
        "code=&state=the-state",
        "code=abc&state=",
        "code=abc&state=the-stat",
        "code=abc&state=the-state2",
        "code=abc&state=THE-STATE",
        "code=abc&state=the-state&state=the-state",
        "code=abc&code=abc&state=the-state",
        "code=abc&state=wrong&state=the-state",
        "code=abc&error=access_denied&state=the-state",
        "error=access_denied",
        "error=access_denied&state=wrong",
        "error=&state=the-state",
        "code=%FF&state=the-state",
        "code=abc&state=the-state" + "&x=1&y=2" * 20,
        "&".join(f"p{i}=1" for i in range(19)) + "&code=abc&state=the-state",
        "code=&code=abc&state=the-state",
    ],
)
def test_a_redirect_without_our_state_is_ignored(query: str) -> None:
    assert read_redirect(query, STATE) is None


@pytest.mark.parametrize(
    "query",
    [
        "code=abc&state=the-state",
        "state=the-state&code=abc&session_state=x&iss=y",
        "&".join(f"p{i}=1" for i in range(18)) + "&code=abc&state=the-state",
    ],
)
def test_the_code_is_taken(query: str) -> None:
    assert read_redirect(query, STATE) == AuthorizationCode("abc")


def test_a_code_is_taken_unchanged_and_hidden_from_repr() -> None:
    code = "a+b/c=&%ü"
    assert read_redirect(urlencode({"code": code, "state": STATE}), STATE) == AuthorizationCode(code)
    assert repr(AuthorizationCode(code)) == "AuthorizationCode()"


@pytest.mark.parametrize(
    ("error", "kind", "status", "message"),
    [
        ("access_denied", SignInNotCompleted, 6, "The sign-in was denied in the browser."),
        ("invalid_scope", ConfigurationError, 2, "these scopes to this integration: a b (invalid_scope: why)"),
        ("server_error", TemporaryFailure, 4, "now (server_error: why)"),
        ("temporarily_unavailable", TemporaryFailure, 4, "now (temporarily_unavailable: why)"),
        ("unauthorized_client", RequestRefused, 1, "refused the sign-in (unauthorized_client: why)"),
    ],
)
def test_an_error_is_told_for_what_it_is(error: str, kind: type[WebexTokenError], status: int, message: str) -> None:
    answer = read_redirect(urlencode({"error": error, "error_description": "why", "state": STATE}), STATE, ["a", "b"])
    assert isinstance(answer, Refusal)
    assert (type(answer.error), answer.error.exit_status) == (kind, status)
    assert message in answer.error.message


@pytest.mark.parametrize("error", ["invalid_scope", "invalid_request"])
def test_a_hint_names_the_portal_of_the_webex_that_was_asked(error: str) -> None:
    answer = read_redirect(urlencode({"error": error, "state": STATE}), STATE, site=GOVERNMENT)
    assert isinstance(answer, Refusal)
    assert " developer-usgov.webex.com/my-apps" in answer.error.hint


@given(st.text(), st.text(min_size=1))
def test_only_the_state_that_was_sent_is_accepted(query: str, state: str) -> None:
    answer = read_redirect(query, state)
    assert answer is None or state in parse_qs(query, keep_blank_values=True)["state"]


@pytest.mark.parametrize(
    ("uri", "parts", "addresses"),
    [
        ("http://localhost:8000/oauth", ("http", "localhost", 8000, "/oauth"), ["127.0.0.1", "::1"]),
        ("https://LOCALHOST:8000/oauth", ("https", "localhost", 8000, "/oauth"), ["127.0.0.1", "::1"]),
        ("http://127.0.0.1/", ("http", "127.0.0.1", 80, "/"), ["127.0.0.1"]),
        ("https://127.0.0.1", ("https", "127.0.0.1", 443, "/"), ["127.0.0.1"]),
        ("http://[::1]:9", ("http", "::1", 9, "/"), ["::1"]),
        ("http://localhost:1", ("http", "localhost", 1, "/"), ["127.0.0.1", "::1"]),
        ("http://127.0.0.2:9/a/b", ("http", "127.0.0.2", 9, "/a/b"), ["127.0.0.2"]),
    ],
)
def test_a_redirect_uri_says_where_to_listen(uri: str, parts: tuple[str, str, int, str], addresses: list[str]) -> None:
    redirect = RedirectURI.parse(uri)
    assert (redirect.uri, redirect.scheme, redirect.host, redirect.port, redirect.path) == (uri, *parts)
    assert endpoint_for(redirect, None).addresses() == addresses


NO_URI = "is not a URI with a scheme and a host"
MORE = "has a query, a fragment or a user name, which a redirect URI here cannot have"
REWRITTEN = "has a path that browsers rewrite"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("", NO_URI),
        ("localhost:8000/oauth", NO_URI),
        ("http:///oauth", NO_URI),
        ("http://[::1/oauth", NO_URI),
        ("http://localhost:99999/oauth", NO_URI),
        ("http://local host:8000/oauth", NO_URI),
        ("http://bücher.example/oauth", NO_URI),
        ("http://localhost:8000/oauth\n", NO_URI),
        ("http://localhost:8000/oauth?", MORE),
        ("http://localhost:8000/oauth?a=b", MORE),
        ("http://localhost:8000/oauth#", MORE),
        ("http://localhost:8000/oauth#part", MORE),
        ("http://me@localhost:8000/oauth", MORE),
        ("ftp://localhost:8000/oauth", "starts with neither http:// nor https://"),
        ("http://localhost:0/oauth", "has port 0, which nothing can listen on"),
        ("http://localhost:8000/a/../oauth", REWRITTEN),
        ("http://localhost:8000/./oauth", REWRITTEN),
        ("http://localhost:8000/a\\oauth", REWRITTEN),
    ],
)
def test_a_redirect_uri_that_cannot_be_used_is_refused_with_the_reason(uri: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        RedirectURI.parse(uri)
    assert raised.value.message == f"The redirect URI {uri.strip()!r} {why}."


def test_a_redirect_uri_that_leads_elsewhere_needs_to_be_told_where_it_arrives() -> None:
    redirect = RedirectURI.parse("https://apps.example.com/webex/oauth")
    assert endpoint_for(redirect, Endpoint("127.0.0.1", 9)) == Endpoint("127.0.0.1", 9)
    with pytest.raises(ConfigurationError) as raised:
        endpoint_for(redirect, None)
    assert raised.value.message == (
        "The redirect URI https://apps.example.com/webex/oauth leads to apps.example.com, not to this machine, and "
        "nothing says where its requests arrive."
    )
    assert "--listen HOST:PORT" in raised.value.hint
    assert "--flow paste" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "endpoint", "is_local"),
    [
        ("127.0.0.1:8000", Endpoint("127.0.0.1", 8000), True),
        ("[::1]:9", Endpoint("::1", 9), True),
        ("localhost:65535", Endpoint("localhost", 65535), True),
        ("localhost:1", Endpoint("localhost", 1), True),
        ("0.0.0.0:80", Endpoint("0.0.0.0", 80), False),
        ("[::]:80", Endpoint("::", 80), False),
        (" box.example:80 ", Endpoint("box.example", 80), False),
    ],
)
def test_an_endpoint(text: str, endpoint: Endpoint, is_local: bool) -> None:
    parsed = Endpoint.parse(text)
    assert (parsed, parsed.is_local, str(parsed)) == (endpoint, is_local, text.strip())


@pytest.mark.parametrize(
    "text",
    [
        *("", "8000", ":8000", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:8 0"),
        *("localhost:100000", "localhost:1_0", "[::1:80", "::1]:80"),
        *("::1:8000", "http://localhost:8000", "user@host:1", "[localhost]:80", "localhost:-1", "localhost:٣"),
        *("a b:1", "x:" + "9" * 50),
    ],
)
def test_an_invalid_listen_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an address to listen on"):
        Endpoint.parse(text)


def test_what_is_no_address_is_looked_up() -> None:
    assert Endpoint("127.1", 80).addresses() == ["127.0.0.1"]


def test_a_name_without_an_address_cannot_be_listened_on() -> None:
    with pytest.raises(ConfigurationError, match=r"no-such-host\.invalid has no address to listen on"):
        Endpoint("no-such-host.invalid", 80).addresses()


@pytest.mark.parametrize(
    ("uri", "host", "is_host"),
    [
        ("http://localhost:8000/oauth", "localhost:8000", True),
        ("http://localhost:8000/oauth", "LocalHost:8000", True),
        ("http://localhost:8000/oauth", "localhost", False),
        ("http://localhost:8000/oauth", "localhost:8001", False),
        ("http://localhost:8000/oauth", "127.0.0.1:8000", False),
        ("http://localhost:8000/oauth", "evil.example:8000", False),
        ("http://localhost:8000/oauth", "localhost:8000.evil.example", False),
        ("http://localhost/oauth", "localhost", True),
        ("http://localhost/oauth", "localhost:80", True),
        ("https://localhost/oauth", "localhost:443", True),
        ("https://localhost/oauth", "localhost", True),
        ("https://localhost/oauth", "localhost:80", False),
        ("https://localhost:80/oauth", "localhost", False),
        ("http://[::1]:8000/", "[::1]:8000", True),
        ("http://[::1]:8000/", "::1:8000", False),
    ],
)
def test_the_host_header_must_be_the_redirect_uris(uri: str, host: str, is_host: bool) -> None:
    request = Request.parse(f"GET /oauth HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert request is not None
    assert (request.host in RedirectURI.parse(uri).hosts) is is_host
