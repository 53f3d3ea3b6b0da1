"""The journal in JSON shows the name of a secret in its place, wherever that is."""

import json
from base64 import b64encode
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.sandbox import Entry, RecordedRequest, Rules
from webex_token_cli.sandbox.journal import marked
from webex_token_cli.sandbox.secret_names import SecretNames
from webex_token_cli.sandbox.webex import Webex


def test_a_secret_keeps_the_name_that_it_has() -> None:
    names = SecretNames()
    for kind, secret in [("token", "a" * 20), ("token", "b" * 20), ("code", "c" * 20), ("token", "a" * 20)]:
        assert names.add(kind, secret) == secret
    assert [names.name(letter * 20) for letter in "abcd"] == ["token 1", "token 2", "code 1", None]
    assert names.secrets == {letter * 20 for letter in "abc"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a}", "<t 1>"),
        ("Bearer {a}.", "Bearer <t 1>."),
        ("x{a}y{b}", "x<t 1>y<t 2>"),
        ("{a}{a}", "<t 1><t 1>"),
        ("{a}.{b}", "<t 1>.<t 2>"),
        ("x{c}", "x<t 3>"),  # the longer of two that begin alike
        ("{a}z", "<t 1>z"),
        ("nothing", "nothing"),
        ("short", "<t 4>"),
        ("shorter", "shorter"),
    ],
)
def test_a_secret_is_found_in_a_longer_word(text: str, expected: str) -> None:
    secrets = {"a": "a-_0" * 6, "b": "b.b." * 6, "c": "a-_0" * 6 + "c", "short": "short"}
    names = SecretNames()
    for secret in secrets.values():
        names.add("t", secret)
    assert names.marked(text.format(**secrets)) == expected


@cache
def webex() -> Webex:
    """A sandbox's state with a secret of each kind. Making it takes too long for each example."""
    webex = Webex(Rules(service_app=True))
    webex.issue_token_response(("spark:all",))
    webex.issue_token_response(("spark:all",), self_contained=True)
    webex.begin_device({"client_id": webex.client_id, "scope": "spark:all"}, "")
    webex.secret_names.add("session", "sEssion-of-_the-browser")
    webex.secret_names.add("code verifier", "v" * 43)
    return webex


AROUND = st.text(alphabet=st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["", "=", "a", ".", "-", "_", "Bearer ", "<", '"access_token": "', "refresh_token=", "%20", "?code=", "/v1/x/"]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    secret = draw(st.sampled_from(sorted(webex().secret_names.secrets)))
    written = draw(st.sampled_from([secret, quote(secret), json.dumps(secret)]))
    return draw(AROUND) + written + draw(AROUND) + draw(st.sampled_from(["", secret])) + draw(AROUND)


@given(st.lists(texts(), min_size=9, max_size=9))
def test_no_issued_secret_is_in_the_marked_journal_whatever_the_place(given: list[str]) -> None:
    path, query, name, value, body, outcome, answer_name, answer_value, answer_body = given
    request = RecordedRequest("POST", path, query, {name: value}, body, 1)
    entry = Entry(0.0, "POST", path, 200, outcome, request, {answer_name: answer_value}, answer_body)
    shown = json.dumps(marked(entry, webex().secret_names), ensure_ascii=False)
    assert [secret for secret in webex().secret_names.secrets if secret in shown] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("refresh_token=of-elsewhere&x=y", "refresh_token=<unknown>&x=y"),
        ("x=y&client_secret=s%2Fs", "x=y&client_secret=<unknown>"),
        ('{"access_token": "a.b", "scope": "x"}', '{"access_token": "<unknown>", "scope": "x"}'),
        ('{"clientSecret":"a"}', '{"clientSecret":"<unknown>"}'),
        ("grant_type=authorization_code", "grant_type=authorization_code"),
    ],
)
def test_a_secret_of_elsewhere_is_unknown(body: str, expected: str) -> None:
    request = RecordedRequest("POST", "/", "", {"Authorization": "Basic YTpi", "Accept": "x"}, body, 1)
    entry = Entry(1.5, "POST", "/", 200, "renewed", request, {}, body)
    assert marked(entry, SecretNames()) == {
        "moment": 1.5,
        "method": "POST",
        "path": "/",
        "outcome": "renewed",
        "query": "",
        "headers": {"Authorization": "Basic <unknown>", "Accept": "x"},
        "body": expected,
        "answer": {"status": 200, "headers": {}, "body": expected},
    }


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [("id:" + "s" * 20, "<client secret 1>"), ("id:" + "s" * 19, "<unknown>"), ("s" * 20, "<unknown>")],
)
def test_the_client_secret_in_basic_is_named(credentials: str, expected: str) -> None:
    names = SecretNames()
    names.add("client secret", "s" * 20)
    header = {"authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
    entry = Entry(0.0, "POST", "/", 200, "", RecordedRequest("POST", "/", "", header, "", 1))
    assert marked(entry, names)["headers"] == {"authorization": f"Basic {expected}"}
