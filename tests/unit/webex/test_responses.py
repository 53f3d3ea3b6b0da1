"""What an answer means: the table of errors, compared whole."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.errors import (
    ClientRefused,
    ConfigurationError,
    GrantRefused,
    RequestRefused,
    ServiceAppRefused,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.webex.responses import (
    Answer,
    epoch_seconds,
    failure,
    retry_after,
    revocation_refused,
    service_app_refused,
    token_refused,
    unexpected_answer,
)

NOW = 1_800_000_000

NO_EXPIRIES: list[object] = [None, True, 0, -1, "soon", "", 10**30, float("nan"), float("inf"), [], {}]


def answer(status: int, body: object = None, **headers: str) -> Answer:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def webex(message: str) -> dict[str, Any]:
    return {"message": message, "errors": [{"description": message}], "trackingId": "ROUTER_1"}


def rfc(error: str, description: str = "") -> dict[str, str]:
    return {"error": error, "error_description": description}


@pytest.mark.parametrize(
    ("given_answer", "kind", "message"),
    [
        (
            answer(400, rfc("invalid_grant")),
            GrantRefused,
            "Webex no longer accepts the grant (HTTP 400, “invalid_grant”).",
        ),
        (
            answer(401, webex("The refresh token provided is expired, revoked or malformed.")),
            GrantRefused,
            "Webex no longer accepts the grant (HTTP 401, “The refresh token provided is expired, revoked or "
            "malformed.”, tracking ID ROUTER_1).",
        ),
        (
            answer(400, webex("Invalid refresh_token")),
            GrantRefused,
            "Webex no longer accepts the grant (HTTP 400, “Invalid refresh_token”, tracking ID ROUTER_1).",
        ),
        (
            answer(403, rfc("invalid_grant")),
            GrantRefused,
            "Webex no longer accepts the grant (HTTP 403, “invalid_grant”).",
        ),
        (
            answer(400, webex("The request failed with error code 4001")),
            RequestRefused,
            "Webex refused the request (HTTP 400, “The request failed with error code 4001”, tracking ID ROUTER_1).",
        ),
        (
            answer(400, rfc("invalid_client", "x")),
            ClientRefused,
            "Webex does not accept the client id and client secret (HTTP 400, “x”).",
        ),
        (
            answer(401, webex("Invalid client_secret")),
            ClientRefused,
            "Webex does not accept the client id and client secret (HTTP 401, “Invalid client_secret”, "
            "tracking ID ROUTER_1).",
        ),
        (
            answer(400, rfc("invalid_scope", "spark:x")),
            ConfigurationError,
            "Webex does not grant these scopes to this integration (HTTP 400, “spark:x”).",
        ),
        (
            answer(400, webex("The redirect_uri does not match")),
            ConfigurationError,
            "Webex does not know the redirect URI for this integration (HTTP 400, “The redirect_uri does "
            "not match”, tracking ID ROUTER_1).",
        ),
        (
            answer(400, webex("Something")),
            RequestRefused,
            "Webex refused the request (HTTP 400, “Something”, tracking ID ROUTER_1).",
        ),
        (answer(403, webex("No")), RequestRefused, "Webex refused the request (HTTP 403, “No”, tracking ID ROUTER_1)."),
        (answer(400, "<html>"), TemporaryFailure, "The answer (HTTP 400) did not come from Webex."),
        (answer(401, ""), TemporaryFailure, "The answer (HTTP 401) did not come from Webex."),
        (answer(200, "<html>"), TemporaryFailure, "The answer (HTTP 200) did not come from Webex."),
        (
            answer(302, "", trackingid="T"),
            TemporaryFailure,
            "The answer (HTTP 302) did not come from Webex, tracking ID T.",
        ),
        (answer(500, "oops"), TemporaryFailure, "Webex cannot answer now (HTTP 500)."),
        (answer(503, rfc("invalid_grant")), TemporaryFailure, "Webex cannot answer now (HTTP 503, “invalid_grant”)."),
        (answer(408), TemporaryFailure, "Webex cannot answer now (HTTP 408)."),
        (answer(425), TemporaryFailure, "Webex cannot answer now (HTTP 425)."),
        (
            answer(429, webex("Too many")),
            TooManyRequests,
            "Webex cannot answer now (HTTP 429, “Too many”, tracking ID ROUTER_1).",
        ),
    ],
)
def test_an_answer_means_what_the_table_says(given_answer: Answer, kind: type[WebexTokenError], message: str) -> None:
    error = failure(given_answer, NOW)
    assert (type(error), error.message) == (kind, message)
    assert error.hint.endswith(".")


PROXY = "A proxy on the way to Webex requires authentication (HTTP 407)."


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (399, TemporaryFailure, "The answer (HTTP 399) did not come from Webex."),
        (400, RequestRefused, "Webex refused the request (HTTP 400, “No”)."),
        (406, RequestRefused, "Webex refused the request (HTTP 406, “No”)."),
        (407, TemporaryFailure, PROXY),
        (499, RequestRefused, "Webex refused the request (HTTP 499, “No”)."),
        (500, TemporaryFailure, "Webex cannot answer now (HTTP 500, “No”)."),
    ],
)
def test_a_status_beside_one_with_a_meaning_does_not_have_it(
    status: int, kind: type[WebexTokenError], message: str
) -> None:
    error = failure(answer(status, {"message": "No"}), NOW)
    assert (type(error), error.message) == (kind, message)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (401, GrantRefused),
        (402, RequestRefused),
        (403, ServiceAppRefused),
        (404, ServiceAppRefused),
        (405, RequestRefused),
        (429, TooManyRequests),
    ],
)
def test_why_a_service_app_gets_no_tokens(status: int, kind: type[WebexTokenError]) -> None:
    assert type(service_app_refused(answer(status, {"message": "No"}), NOW)) is kind


def test_a_revocation_that_webex_refuses_says_nothing_of_a_grant() -> None:
    words = {"message": "The refresh token is invalid."}
    assert type(revocation_refused(answer(503, words), NOW)) is TemporaryFailure
    assert revocation_refused(answer(400, words), NOW).message == (
        "Webex refused the request (HTTP 400, “The refresh token is invalid.”)."
    )


def test_an_answer_hides_its_tokens_and_bounds_its_tracking_id() -> None:
    given_answer = answer(200, {"access_token": "the-secret", "trackingId": "T" * 100}, set_cookie="the-secret")
    assert "the-secret" not in repr(replace(given_answer, sent=("the-secret",)))
    assert given_answer.tracking_id == "T" * 100
    assert answer(200, {"trackingId": "T" * 101}).tracking_id == "T" * 99 + "…"


def test_an_answer_that_repeats_a_secret_is_masked() -> None:
    repeated = answer(400, webex("client_secret hunter2hunter2hunter2 is wrong"), trackingid="hunter2hunter2hunter2")
    error = failure(replace(repeated, sent=("hunter2hunter2hunter2",)), NOW)
    assert "“client_secret …ter2 is wrong”" in error.message
    assert "hunter2hunter2hunter2" not in error.message + error.tracking_id


def test_an_answers_words_are_disarmed_and_bounded() -> None:
    error = failure(answer(400, webex("\x1b]0;owned\x07" + "x " * 5000)), NOW)
    assert error.message.isprintable()
    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 09:01:00 +0100", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("9" * 5000, 999999999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1768630439322, 1768630439),
        (1768630439322.5, 1768630439),
        ("1768630439322", 1768630439),
        (1, 0),
        (253_402_300_798_999, 253_402_300_798),
        (253_402_300_799_000, None),
        *((value, None) for value in NO_EXPIRIES),
    ],
)
def test_an_expiry_is_epoch_milliseconds(value: object, seconds: int | None) -> None:
    assert epoch_seconds(value) == seconds


def test_retry_after_is_kept_with_the_failure() -> None:
    error = failure(answer(429, "{}", Retry_After="30"), NOW)
    assert isinstance(error, TemporaryFailure)
    assert error.retry_after == 30


@given(st.integers(100, 599), st.binary(), st.dictionaries(st.sampled_from(["Retry-After", "trackingid"]), st.text()))
def test_any_answer_has_a_meaning(status: int, body: bytes, headers: dict[str, str]) -> None:
    error = failure(Answer(status, headers, body), NOW)
    assert error.message.isprintable()


@given(
    st.integers(100, 599),
    st.recursive(
        st.none() | st.integers() | st.text() | st.booleans(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["message", "errors", "description", "error", "trackingId", "error_description"]), inner
            )
        ),
    ),
)
def test_any_json_answer_has_a_meaning(status: int, body: object) -> None:
    assert failure(answer(status, body), NOW).message.isprintable()


def test_in_a_refresh_the_word_that_blames_the_token_counts_most() -> None:
    said = answer(400, webex("The refresh token was issued for another redirect_uri or client id"))
    assert type(failure(said, NOW)) is ConfigurationError
    assert type(failure(said, NOW, refreshing=True)) is GrantRefused


def test_a_date_beyond_the_calendar_is_no_wait() -> None:
    assert retry_after("Fri, 31 Dec 9999999999 23:59:59 GMT", NOW) is None


@pytest.mark.parametrize("made", [failure, unexpected_answer, token_refused])
def test_the_same_failure_is_the_same_whatever_its_tracking_id(made: Any) -> None:
    def error(tracking_id: str) -> WebexTokenError:
        given_answer = answer(401, "", trackingid=tracking_id)
        found = made(given_answer, NOW) if made is failure else made(given_answer)
        assert isinstance(found, WebexTokenError)
        assert found.message.count(f", tracking ID {tracking_id}") == 1
        return found

    assert error("ROUTER_1").is_same_failure(error("ROUTER_2"))
