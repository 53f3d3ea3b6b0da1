"""The record: what an answer makes of it, when it is due, and that it shows no secret."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.records import ANSWER, NOW, RECORD, RESPONSE, json_values
from webex_token_cli.tokens import Person, TokenRecord, TokenResponse

DAY = 86400


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
        ({"id_token": "not kept"}, RESPONSE),
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
        {**ANSWER, "refresh_token": ["x"]},
        {**ANSWER, "expires_in": None},
        {**ANSWER, "expires_in": 0},
        {**ANSWER, "expires_in": -1},
        {**ANSWER, "expires_in": True},
        {**ANSWER, "expires_in": "soon"},
        {**ANSWER, "expires_in": float("nan")},
        {**ANSWER, "expires_in": float("inf")},
        {**ANSWER, "expires_in": 10**30},
        {**ANSWER, "refresh_token_expires_in": {}},
    ],
)
def test_what_is_no_token_response_is_refused_without_repeating_it(body: object) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        TokenResponse.parse(body)
    assert "access-1" not in str(refused.value)
    assert "header" not in str(refused.value)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ANSWER, json_values)))
def test_any_json_object_gives_a_response_or_a_sentence(body: dict[str, Any]) -> None:
    try:
        response = TokenResponse.parse(body)
    except ValueError:
        return
    assert response.expires_in >= 0
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
            TokenResponse("access-2", 1209599, "refresh-1", 7775999, ("spark:kms",)),
            {**RENEWED, "refresh_expires_at": LATER + 7775999, "scopes": ("spark:kms",)},
            id="other scopes",
        ),
    ],
)
def test_a_refresh_makes_another_record(response: TokenResponse, expected: dict[str, Any]) -> None:
    assert RECORD.refreshed(response, LATER + 0.9) == replace(RECORD, **expected)


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
