"""What a refresher makes of answers, with the file store and a clock of its own: slow ones, new pairs, late saves."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.support.records import NOW, RECORD
from webex_token_cli.errors import ServiceAppRefused, SignInNeeded
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Refresher, Result
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

LIFETIME = 1_209_599
EXPIRY = NOW + LIFETIME
WITHOUT_REFRESH_TOKEN = replace(RECORD, refresh_token=None, refresh_expires_at=None)
AFTER = replace(RECORD, access_token="access-2")
UNSAVED = NotSaved("Webex answered the refresh.", "", RECORD, AFTER)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return open_file_store(tmp_path / "credentials")


def answering(record: TokenRecord, lifetime: int) -> TokenResponse:
    return TokenResponse(record.access_token, lifetime)


def refused(record: TokenRecord) -> TokenResponse:
    raise ServiceAppRefused("Webex gives no tokens for this Service App.", "Authorize it.")


@pytest.mark.parametrize(
    ("took", "longer", "moved"),
    [(0, 5, False), (0, 6, True), (30, 35, False), (30, 36, True), (-9, 5, False), (-9, 6, True)],
    ids=["at once", "at once, longer", "slow", "slow, longer", "clock set back", "clock set back, longer"],
)
@pytest.mark.parametrize("record", [RECORD, WITHOUT_REFRESH_TOKEN], ids=["refreshed", "new pair"])
def test_an_expiry_may_move_by_the_time_that_the_answer_took(
    store: LocalStore, record: TokenRecord, took: int, longer: int, moved: bool
) -> None:
    store.save("default", record)
    clock = iter((NOW, NOW + took))
    answer = partial(answering, lifetime=LIFETIME + longer)
    refresher = Refresher(store, answer, clock=lambda: next(clock), new_pair=answer)
    assert refresher.refresh("default").record.access_expires_at == (EXPIRY + longer if moved else EXPIRY)


def test_a_service_app_without_a_refresh_token_gets_a_new_pair(store: LocalStore) -> None:
    store.save("default", WITHOUT_REFRESH_TOKEN)
    pair = TokenResponse("access-2", LIFETIME, "refresh-2", LIFETIME)
    outcome = Refresher(store, refused, new_pair=lambda _: pair).refresh("default")
    assert (outcome.result, outcome.record.access_token, outcome.record.refresh_token) == (
        Result.NEW_PAIR,
        "access-2",
        "refresh-2",
    )
    assert store.load("default") == outcome.record


def test_a_service_app_that_gets_no_new_pair_says_why_one_was_needed(store: LocalStore) -> None:
    store.save("default", WITHOUT_REFRESH_TOKEN)
    with pytest.raises(ServiceAppRefused) as raised:
        Refresher(store, refused, new_pair=refused).refresh("default")
    assert raised.value.message == (
        "Profile default: it has no refresh token, and it got no new tokens. "
        "Webex gives no tokens for this Service App."
    )
    assert store.load("default") == WITHOUT_REFRESH_TOKEN


@pytest.mark.parametrize(
    ("stored", "outcome"),
    [
        (RECORD, Outcome(Result.RENEWED, AFTER)),
        (replace(RECORD, access_token="elsewhere"), None),
    ],
    ids=["still the old record", "another record"],
)
def test_an_answer_is_saved_late_unless_another_record_was_stored(
    store: LocalStore, stored: TokenRecord, outcome: Outcome | None
) -> None:
    store.save("default", stored)
    found = Refresher(store, refused).save_late("default", UNSAVED)
    assert found == (outcome or Outcome(Result.SUPERSEDED, stored))
    assert store.load("default") == found.record


def test_an_answer_is_not_saved_late_for_a_profile_that_was_signed_out(store: LocalStore) -> None:
    with pytest.raises(SignInNeeded):
        Refresher(store, refused).save_late("default", UNSAVED)
    assert store.load("default") is None


def test_a_refresher_hides_what_its_endpoints_hold(store: LocalStore) -> None:
    endpoint = partial(answering, RECORD)
    assert "client-id" in repr(endpoint)
    assert "client-id" not in repr(Refresher(store, endpoint, new_pair=endpoint))
