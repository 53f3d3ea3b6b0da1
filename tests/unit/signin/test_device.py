"""The device flow: the polling on a clock of its own, and a person at a terminal."""

import json
from dataclasses import dataclass, field

import pytest

from webex_token_cli.errors import (
    ClientRefused,
    ConfigurationError,
    GrantRefused,
    RequestRefused,
    SignInNotCompleted,
    TemporaryFailure,
    WebexTokenError,
)
from webex_token_cli.signin.device import HELPER_REDIRECT_URIS, DeviceFlow
from webex_token_cli.token_response import DeviceCode, Pending, TokenResponse
from webex_token_cli.webex.responses import Answer, device_answer

CODE = DeviceCode("the-device-code", "BCDF-GHJK", "https://w.example/verify", "https://w.example/verify?c=1", 300, 2)
TOKENS = TokenResponse("the-access-token", 1209599)
TOO_FAST = Pending(too_fast=True)


@dataclass
class Endpoints:
    """Says what it is told to say, and notes when it was polled."""

    answers: list[TokenResponse | Pending | WebexTokenError]
    refuses: WebexTokenError | None = None
    now: float = 0.0
    polled: list[float] = field(default_factory=list)
    ticks: list[float | None] = field(default_factory=list)

    def authorize_device(self, *, client_id: str, scopes: tuple[str, ...]) -> DeviceCode:
        if self.refuses:
            raise self.refuses
        return CODE

    def poll_device(self, code: DeviceCode, *, client_id: str, client_secret: str) -> TokenResponse | Pending:
        self.polled.append(self.now)
        said = self.answers.pop(0) if self.answers else Pending()
        if isinstance(said, WebexTokenError):
            raise said
        return said

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def flow(self, timeout: float = 1000.0) -> DeviceFlow:
        return DeviceFlow(
            self,
            "id",
            "secret",
            ("spark:all",),
            show=lambda _: None,
            tick=self.ticks.append,
            timeout=timeout,
            clock=lambda: self.now,
            sleep=self.sleep,
        )


def itself(tokens: TokenResponse) -> TokenResponse:
    return tokens


@pytest.mark.parametrize(
    ("answers", "polled"),
    [
        ([TOKENS], [2]),
        ([Pending(), Pending(), TOKENS], [2, 4, 6]),
        ([Pending(), TOO_FAST, Pending(), TOO_FAST, TOKENS], [2, 4, 11, 18, 30]),
        ([Pending(too_fast=True, retry_after=20.0), Pending(), TOKENS], [2, 22, 42]),
        ([TemporaryFailure("", ""), TemporaryFailure("", ""), Pending(), TOKENS], [2, 6, 14, 16]),
        ([TemporaryFailure("", "", 30.0), TOKENS], [2, 32]),
        ([TemporaryFailure("", "")] * 6 + [TOKENS], [2, 6, 14, 30, 62, 122, 182]),
    ],
)
def test_it_polls_as_rfc_8628_says(
    answers: list[TokenResponse | Pending | WebexTokenError], polled: list[float]
) -> None:
    endpoints = Endpoints(answers)
    assert endpoints.flow().sign_in(itself) is TOKENS
    assert endpoints.polled == polled


@pytest.mark.parametrize(("timeout", "duration"), [(1000.0, "5 minutes"), (60.0, "60 seconds")])
def test_it_waits_no_longer_than_the_code_lives_or_the_person_said(timeout: float, duration: str) -> None:
    endpoints = Endpoints([])
    with pytest.raises(SignInNotCompleted) as raised:
        endpoints.flow(timeout).sign_in(itself)
    assert raised.value.message == f"Nobody entered the code within {duration}."
    assert endpoints.now == min(timeout, 300)
    assert max(endpoints.polled) < min(timeout, 300)


def test_what_was_in_the_way_to_the_end_is_said_instead_of_blaming_the_person() -> None:
    down = TemporaryFailure("The answer did not come from Webex.", "Try again.")
    endpoints = Endpoints([Pending(), *[down] * 20])
    with pytest.raises(TemporaryFailure) as raised:
        endpoints.flow().sign_in(itself)
    assert raised.value is down
    back = Endpoints([down, Pending()])
    with pytest.raises(SignInNotCompleted):
        back.flow().sign_in(itself)


def test_it_counts_down_and_ends_the_line() -> None:
    endpoints = Endpoints([Pending(), TOKENS])
    endpoints.flow().sign_in(itself)
    assert endpoints.ticks == [300, 299, 298, 297, None]


@pytest.mark.parametrize("error", [SignInNotCompleted("denied", "again"), ClientRefused("secret", "compare")])
def test_what_is_final_ends_it(error: WebexTokenError) -> None:
    endpoints = Endpoints([Pending(), error])
    with pytest.raises(type(error)) as raised:
        endpoints.flow().sign_in(itself)
    assert raised.value is error
    assert endpoints.ticks[-1] is None


def test_helper_redirect_uris_that_are_missing_are_spelled_out() -> None:
    for refused in (ConfigurationError("The redirect URI is not known.", ""), RequestRefused("HTTP 400.", "")):
        with pytest.raises(ConfigurationError) as raised:
            Endpoints([], refuses=refused).flow().sign_in(itself)
        assert raised.value.message == refused.message
        assert [uri for uri in HELPER_REDIRECT_URIS if f"\n  {uri}\n" not in raised.value.hint] == []
    assert HELPER_REDIRECT_URIS[0] == "https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback"
    assert [uri[21] for uri in HELPER_REDIRECT_URIS] == ["a", "d", "k", "r"]
    scopes = ConfigurationError("Webex does not grant these scopes.", "Tick them.")
    with pytest.raises(ConfigurationError) as raised:
        Endpoints([], refuses=scopes).flow().sign_in(itself)
    assert raised.value is scopes


def said(status: int, body: dict[str, object], **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        (said(428, {"message": "Precondition required"}), Pending()),
        (said(400, {"error": "authorization_pending"}), Pending()),
        (said(400, {"errors": [{"description": "authorization_pending"}]}), Pending()),
        (said(400, {"error": "slow_down"}), TOO_FAST),
        (said(400, {"message": "slow_down"}), TOO_FAST),
        (said(429, {}, Retry_After="7"), Pending(too_fast=True, retry_after=7.0)),
        (said(429, {}), TOO_FAST),
        (said(400, {"error": "access_denied"}), SignInNotCompleted),
        (said(403, {"error": "access_denied"}), SignInNotCompleted),
        (said(400, {"error": "expired_token"}), SignInNotCompleted),
        (said(400, {"error": "invalid_grant"}), SignInNotCompleted),
        (said(401, {"error": "invalid_client"}), ClientRefused),
        (said(401, {"message": "The client secret is wrong"}), ClientRefused),
        (said(503, {}), TemporaryFailure),
        (said(400, {"message": "what"}), RequestRefused),
        (Answer(200, {}, b"<html>"), TemporaryFailure),
    ],
)
def test_an_answer_to_a_poll(given: Answer, meaning: object) -> None:
    found = device_answer(given, 0.0)
    assert found == meaning if isinstance(meaning, Pending) else type(found) is meaning


@pytest.mark.parametrize(
    "body",
    [
        {"device_code": "d", "user_code": "u", "verification_uri": "javascript:alert(1)", "expires_in": 1},
        {"device_code": "d", "user_code": "u\x1b[2J", "verification_uri": "https://x", "expires_in": 1},
        {"device_code": "", "user_code": "u", "verification_uri": "https://x", "expires_in": 1},
        {"device_code": "d", "user_code": "u", "verification_uri": "https://x y", "expires_in": 1},
        {"device_code": "d", "user_code": "u", "verification_uri": "https://x", "expires_in": -1},
        {"user_code": "u", "verification_uri": "https://x", "expires_in": 1},
        {"device_code": "d", "user_code": "u", "verification_uri": "https://x"},
        {"device_code": "d", "user_code": "u", "verification_uri": "https://" + "x" * 2041, "expires_in": 1},
        [],
    ],
)
def test_what_is_no_device_code_is_not_shown(body: object) -> None:
    with pytest.raises(ValueError, match=r"is missing|is no|is too long|not a JSON object"):
        DeviceCode.parse(body)


def test_a_device_code_without_an_interval_is_polled_every_five_seconds() -> None:
    told = {"device_code": "d", "user_code": "u", "verification_uri": "https://x", "expires_in": "300"}
    for interval in ({}, {"interval": 0}, {"interval": None}):
        assert DeviceCode.parse({**told, **interval}) == DeviceCode("d", "u", "https://x", None, 300, 5)
    assert "the-device-code" not in repr(CODE)


def test_an_address_of_two_kilobytes_is_shown() -> None:
    address = "https://" + "x" * 2040
    told = {"device_code": "d", "user_code": "u", "verification_uri": address, "expires_in": 1}
    assert DeviceCode.parse(told) == DeviceCode("d", "u", address, None, 1, 5)


def test_a_refusal_is_not_a_grant_refused() -> None:
    assert not isinstance(device_answer(said(400, {"error": "invalid_grant"}), 0.0), GrantRefused)
