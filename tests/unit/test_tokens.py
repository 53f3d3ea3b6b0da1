"""The record: what an answer makes of it, when it is due, and that it shows no secret."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.records import ANSWER, NOW, RECORD, RESPONSE, json_values
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import Person, TokenRecord

DAY = 86400

# What servers send in place of a lifetime in seconds, or could.
NO_LIFETIMES: list[object] = [None, 0, -1, 0.5, "0", "-1", "never", "", 1e10, 10**30, "1e10", "9" * 5000, True, [], {}]
NO_LIFETIMES += [float("nan"), float("inf"), float("-inf"), 100 * 365 * DAY + 1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, RESPONSE),
        ({"expires_in": "1209599", "refresh_token_expires_in": "7775999"}, RESPONSE),
        ({"expires_in": 1209599.9}, RESPONSE),
        ({"scope": None}, replace(RESPONSE, scopes=None)),
        ({"scope": ""}, replace(RESPONSE, scopes=None)),
        ({"refresh_token": None}, replace(RESPONSE, refresh_token=None)),
        ({"refresh_token": ""}, replace(RESPONSE, refresh_token=None)),
        ({"refresh_token_expires_in": None}, replace(RESPONSE, refresh_token_expires_in=None)),
        ({"id_token": "not stored"}, RESPONSE),
        *(({"expires_in": value}, RESPONSE) for value in ("1209599 ", "1209599.0", " 1209599", 1209599.0)),
        *(({"expires_in": value}, replace(RESPONSE, expires_in=value)) for value in (1, 100 * 365 * DAY)),
        *(({"expires_in": value}, replace(RESPONSE, expires_in=None)) for value in NO_LIFETIMES),
        *(
            ({"refresh_token_expires_in": value}, replace(RESPONSE, refresh_token_expires_in=None))
            for value in NO_LIFETIMES
        ),
        # RFC 6749 appendix A.17 allows a refresh token all printable ASCII characters.
        ({"refresh_token": "M.R3_BAY.-CT!x*$$: %"}, replace(RESPONSE, refresh_token="M.R3_BAY.-CT!x*$$: %")),
        ({"refresh_token": ["x"]}, replace(RESPONSE, refresh_token=None)),
        ({"refresh_token": 7}, replace(RESPONSE, refresh_token=None)),
        ({"refresh_token": "späce"}, replace(RESPONSE, refresh_token=None)),
        ({"refresh_token": "two\nlines"}, replace(RESPONSE, refresh_token=None)),
    ],
)
def test_a_token_response_is_read(change: dict[str, Any], expected: TokenResponse) -> None:
    assert TokenResponse.parse({**ANSWER, **change}) == expected


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {**ANSWER, "access_token": ""},
        {**ANSWER, "access_token": 7},
        {**ANSWER, "access_token": "has\r\nheader: in it"},
        {**ANSWER, "access_token": "späce"},
    ],
)
def test_what_is_no_token_response_is_refused_without_repeating_it(body: object) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        TokenResponse.parse(body)
    assert "access-1" not in str(refused.value)
    assert "header" not in str(refused.value)


@pytest.mark.parametrize("body", [{}, {**ANSWER, "access_token": None}, {**ANSWER, "access_token": ""}])
def test_an_answer_without_an_access_token_is_called_one(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^no access_token$"):
        TokenResponse.parse(body)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ANSWER, json_values)))
def test_any_json_object_gives_a_response_or_a_sentence(body: dict[str, Any]) -> None:
    try:
        response = TokenResponse.parse(body)
    except ValueError:
        return
    assert response.expires_in is None or response.expires_in > 0
    TokenRecord.signed_in(response, "c", "s", NOW)


def test_a_sign_in_makes_a_record() -> None:
    assert RECORD == TokenRecord(
        access_token="access-1",
        access_expires_at=NOW + 1209599,
        refresh_token="refresh-1",
        refresh_expires_at=NOW + 7775999,
        changed_at=NOW,
        refreshed_at=NOW,
        client_id="client-id",
        client_secret="client-secret",
        scopes=("spark:all", "spark:kms"),
    )


LATER = NOW + DAY
RENEWED = {"access_token": "access-2", "access_expires_at": LATER + 1209599, "changed_at": LATER, "refreshed_at": LATER}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(
            TokenResponse("access-2", 1209599, "refresh-1", 7775999),
            {**RENEWED, "refresh_expires_at": LATER + 7775999},
            id="renewed",
        ),
        pytest.param(
            TokenResponse("access-2", 1209599, "refresh-2", 7775999),
            {**RENEWED, "refresh_token": "refresh-2", "refresh_expires_at": LATER + 7775999},
            id="rotated",
        ),
        pytest.param(TokenResponse("access-2", 1209599), RENEWED, id="refresh token left out: the old one holds"),
        pytest.param(
            TokenResponse("access-2", 1209599, "refresh-2"),
            {**RENEWED, "refresh_token": "refresh-2", "refresh_expires_at": None},
            id="rotated without a lifetime: unknown",
        ),
        pytest.param(
            TokenResponse("access-1", 1209599 - DAY - 2, "refresh-1", 7775999),
            {"refreshed_at": LATER, "refresh_expires_at": LATER + 7775999},
            id="unchanged, give or take the seconds on the way",
        ),
        pytest.param(
            TokenResponse("access-1", 1209599, "refresh-1", 7775999),
            {"access_expires_at": LATER + 1209599, "refreshed_at": LATER, "refresh_expires_at": LATER + 7775999},
            id="the same token with a longer life",
        ),
        pytest.param(
            TokenResponse("access-2", None, "refresh-1", 7775999),
            {**RENEWED, "access_expires_at": None, "refresh_expires_at": LATER + 7775999},
            id="renewed without a lifetime: unknown",
        ),
        pytest.param(
            TokenResponse("access-1", None, "refresh-2", None),
            {"refreshed_at": LATER, "refresh_token": "refresh-2", "refresh_expires_at": None},
            id="the same token without a lifetime: it expires as before",
        ),
        pytest.param(
            TokenResponse("access-2", 1209599, "refresh-1", 7775999, ("spark:kms",)),
            {**RENEWED, "refresh_expires_at": LATER + 7775999, "scopes": ("spark:kms",)},
            id="other scopes",
        ),
    ],
)
def test_a_refresh_makes_another_record(response: TokenResponse, expected: dict[str, Any]) -> None:
    assert RECORD.refreshed(response, LATER + 0.9) == replace(RECORD, **expected)


@pytest.mark.parametrize(
    ("took", "longer", "unchanged"),
    [({}, 5, True), ({}, 6, False), ({"took": 10.0}, 15, True), ({"took": 10.0}, 16, False)],
)
def test_an_expiry_that_moved_by_the_rounding_and_the_time_of_the_answer_is_the_same(
    took: dict[str, float], longer: int, unchanged: bool
) -> None:
    answer = TokenResponse("access-1", 1209599 - DAY + longer)
    assert RECORD.refreshed(answer, LATER, **took).same_token_as(RECORD) is unchanged


def test_unchanged_is_told_from_renewed() -> None:
    unchanged = RECORD.refreshed(TokenResponse("access-1", 1209599 - DAY, "refresh-9", 7775999), LATER)
    assert unchanged.same_token_as(RECORD)
    assert not RECORD.refreshed(TokenResponse("access-2", 1209599 - DAY), LATER).same_token_as(RECORD)


@pytest.mark.parametrize(
    ("record", "now", "expected"),
    [
        (RECORD, NOW, (True, False, False)),
        (RECORD, NOW + 15 * DAY, (True, False, False)),
        (RECORD, NOW + 80 * DAY, (True, True, False)),
        (RECORD, NOW + 90 * DAY, (False, True, True)),
        (replace(RECORD, refresh_expires_at=None), NOW + 900 * DAY, (True, False, False)),
        (replace(RECORD, refresh_token=None, refresh_expires_at=None), NOW, (False, False, False)),
        (replace(RECORD, refresh_token=None, refresh_expires_at=None), NOW + 15 * DAY, (False, False, True)),
    ],
)
def test_what_a_record_is_good_for(record: TokenRecord, now: float, expected: tuple[bool, bool, bool]) -> None:
    assert (record.can_refresh(now), record.refresh_token_low(now), record.needs_sign_in(now)) == expected


@pytest.mark.parametrize(
    ("left", "expired", "can_refresh", "low"),
    [
        (-1, True, False, True),
        (0, True, False, True),
        (1, False, True, True),
        (14 * DAY - 1, False, True, True),
        (14 * DAY, False, True, False),
    ],
)
def test_a_token_expires_at_the_second_that_webex_said_and_is_low_for_two_weeks(
    left: int, expired: bool, can_refresh: bool, low: bool
) -> None:
    record = replace(RECORD, access_expires_at=NOW + left, refresh_expires_at=NOW + left)
    found = (record.access_expired(NOW), record.can_refresh(NOW), record.refresh_token_low(NOW))
    assert found == (expired, can_refresh, low)


def test_a_record_is_from_the_future_if_it_is_more_than_five_minutes_ahead() -> None:
    assert not RECORD.is_from_the_future(NOW - 300)
    assert RECORD.is_from_the_future(NOW - 301)


def test_the_scopes_that_were_not_granted_are_told_if_webex_named_those_it_granted() -> None:
    asked = ("spark:kms", "meeting:read", "spark:all")
    assert RECORD.scopes_not_granted(asked) == ["meeting:read"]
    assert replace(RECORD, scopes=None).scopes_not_granted(asked) == []


UNKNOWN = TokenRecord.signed_in(replace(RESPONSE, expires_in=None), "client-id", "client-secret", NOW)


@pytest.mark.parametrize(
    ("record", "now", "expected"),
    [
        (RECORD, NOW, (1209599, False, True)),
        (RECORD, NOW + 1209599 - 300, (300, False, True)),
        (RECORD, NOW + 1209599 - 299, (299, False, False)),
        (RECORD, NOW + 1209599, (0, True, False)),
        (UNKNOWN, NOW, (None, False, True)),
        (UNKNOWN, NOW + 3300, (None, False, True)),
        (UNKNOWN, NOW + 3301, (None, False, False)),
        (UNKNOWN, NOW + 900 * DAY, (None, False, False)),
    ],
)
def test_a_token_of_unknown_lifetime_is_relied_on_for_an_hour_and_never_called_expired(
    record: TokenRecord, now: float, expected: tuple[float | None, bool, bool]
) -> None:
    assert (record.access_left(now), record.access_expired(now), record.relied_on_for(300, now)) == expected


def test_unknown_expiries_are_the_same() -> None:
    assert UNKNOWN.refreshed(TokenResponse("access-1", None), LATER).same_token_as(UNKNOWN)
    assert not UNKNOWN.refreshed(TokenResponse("access-1", 60), LATER).same_token_as(UNKNOWN)


def test_no_repr_shows_a_secret() -> None:
    shown = f"{RECORD!r} {RECORD} {RESPONSE!r} {RESPONSE}"
    assert [secret for secret in ("access-1", "refresh-1", "client-secret") if secret in shown] == []


@pytest.mark.parametrize(
    ("person", "label"),
    [
        (Person("id", "Ada", ("a@example.com", "b@example.com")), "Ada <a@example.com>"),
        (Person("id", "Ada"), "Ada"),
        (Person("id", "", ("a@example.com",)), "<a@example.com>"),
        (Person("id"), "id"),
    ],
)
def test_a_person_is_called_by_what_is_known(person: Person, label: str) -> None:
    assert person.label == label


def test_an_expiry_from_the_future_is_not_kept() -> None:
    """The refresh token stays, and the answer names no lifetime for it, so how long it lives is unknown."""
    future = replace(RECORD, refreshed_at=NOW + 400, refresh_expires_at=NOW + 500)
    answer = replace(RESPONSE, refresh_token_expires_in=None)
    assert future.refreshed(answer, NOW).refresh_expires_at is None
    assert future.refreshed(answer, NOW + 200).refresh_expires_at == NOW + 500


CONTACT_CENTER = TokenResponse("access-1", 43_199, "refresh-1", 5_086_614)
IN_CONTACT_CENTER = TokenRecord.signed_in(CONTACT_CENTER, "client-id", "client-secret", NOW)


def answer_after(seconds: int, left: int | None, refresh_token: str = "refresh-1") -> tuple[TokenResponse, float]:
    """A refresh so many ``seconds`` after the sign-in that leaves the refresh token ``left`` seconds."""
    return TokenResponse("access-2", 43_199, refresh_token, left), NOW + seconds


@pytest.mark.parametrize(
    ("answers", "since"),
    [
        ([(3600, 5_086_614 - 3600)], NOW),
        ([(3600, 5_086_614 - 3603)], NOW),
        ([(3600, 5_086_614)], None),
        ([(3600, 5_086_614 - 3600), (7200, 5_086_614 - 7200)], NOW),
        ([(3600, 5_086_614), (7200, 5_086_614 - 3600)], NOW + 3600),
        ([(3600, 5_086_614 - 3600), (7200, 5_086_614)], None),
        # Twenty seconds make too little difference, and an answer without a lifetime none.
        ([(20, 5_086_594)], None),
        ([(20, 5_086_614)], None),
        ([(3600, None)], None),
        ([(3600, 5_086_614 - 3600), (3620, 5_086_614 - 3600)], NOW),
        ([(3600, 5_086_614 - 3600), (7200, None)], NOW),
        # The clock was set back in between, so what the record says of its times is not true.
        ([(-3600, 5_086_614)], None),
    ],
)
def test_a_refresh_token_that_is_not_extended_is_noticed(
    answers: list[tuple[int, int | None]], since: int | None
) -> None:
    record = IN_CONTACT_CENTER
    for seconds, left in answers:
        record = record.refreshed(*answer_after(seconds, left))
    assert record.refresh_unextended_since == since
    assert record.sign_in_by == (None if since is None else record.refresh_expires_at)
    assert record.refresh_lifetime_began == (record.refreshed_at if since is None else since)


@pytest.mark.parametrize(
    ("seconds", "later", "took", "since"),
    [
        (59, 0, 0.0, None),
        (60, 0, 0.0, NOW),
        (69, 0, 10.0, None),
        (70, 0, 10.0, NOW),
        (3600, 5, 0.0, NOW),
        (3600, 6, 0.0, None),
        (3600, 15, 10.0, NOW),
        (3600, 16, 10.0, None),
    ],
)
def test_rounding_and_the_time_of_an_answer_do_not_extend_a_refresh_token(
    seconds: int, later: int, took: float, since: int | None
) -> None:
    """A refresh after so many ``seconds`` that moved the end of the refresh token to so many seconds ``later``."""
    answer, now = answer_after(seconds, 5_086_614 - seconds + later)
    assert IN_CONTACT_CENTER.refreshed(answer, now, took).refresh_unextended_since == since


def test_a_rotated_refresh_token_with_the_same_end_is_not_extended_either() -> None:
    assert IN_CONTACT_CENTER.refreshed(*answer_after(3600, 5_086_614 - 3600, "refresh-2")).sign_in_by == NOW + 5_086_614


def test_an_older_record_is_as_good_as_it_would_be_after_that_time() -> None:
    fields = ("access_expires_at", "refresh_expires_at", "changed_at", "refreshed_at", "refresh_unextended_since")
    record = replace(RECORD, refresh_unextended_since=NOW)
    older = record.older(DAY)
    assert {name: getattr(record, name) - getattr(older, name) for name in fields} == dict.fromkeys(fields, DAY)
    assert replace(older, **{name: getattr(record, name) for name in fields}) == record
    assert replace(RECORD, access_expires_at=None).older(DAY).access_expires_at is None
