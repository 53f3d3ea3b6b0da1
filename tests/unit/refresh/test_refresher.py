"""Lock, read again, redeem, save: with the sandbox over real sockets and the file store."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.errors import SignInNeeded, StoreUnavailable, WebexTokenError
from webex_token_cli.refresh.refresher import SAVE_ATTEMPTS, NotSaved, Outcome, Refresher, Result
from webex_token_cli.sandbox import Answer, Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer
from webex_token_cli.signin.authorization import Proof, RedirectURI
from webex_token_cli.signin.browser import BrowserFlow
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.store.keyring.splitting import SplittingKeyring
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.webex.client import WebexClient, authorization_url
from webex_token_cli.webex.http import new_session

DAY = 86400


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), rotate=True, rfc_errors=True)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return open_file_store(tmp_path / "credentials")


@pytest.fixture
def client(sandbox: Sandbox) -> WebexClient:
    return WebexClient(sandbox.api_url, new_session(sandbox.api_url))


@pytest.fixture
def record(sandbox: Sandbox, client: WebexClient, store: LocalStore, redirect_uri: str) -> TokenRecord:
    """The stored record of a grant from the sandbox."""
    redirect = RedirectURI.parse(redirect_uri)

    def page(proof: Proof) -> str:
        return authorization_url(
            sandbox.api_url,
            client_id=sandbox.client_id,
            redirect_uri=redirect.uri,
            scopes=["spark:all"],
            state=proof.state,
            code_challenge=proof.code_challenge,
        )

    def finish(code: str, proof: Proof) -> TokenRecord:
        response = client.exchange_code(
            code,
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            redirect_uri=redirect.uri,
            code_verifier=proof.code_verifier,
        )
        return TokenRecord.signed_in(response, sandbox.client_id, sandbox.client_secret, time.time())

    flow = BrowserFlow(redirect, open_browser=lambda url: bool(answer(url)), say=lambda _: None)
    made = flow.sign_in(page, finish, lambda _: "done")
    store.save("default", made)
    return made


def test_within_a_day_the_access_token_is_unchanged_and_the_new_refresh_token_is_stored(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    outcome = Refresher(store, client.refresh).refresh("default")
    assert outcome.result is Result.UNCHANGED
    assert outcome.record.refresh_token == sandbox.grants[0].refresh_token != record.refresh_token
    assert store.load("default") == outcome.record


def test_after_a_day_the_token_is_renewed(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    sandbox.advance(DAY)
    outcome = Refresher(store, client.refresh).refresh("default")
    assert outcome.result is Result.RENEWED
    assert outcome.record.access_token == sandbox.grants[0].access_token != record.access_token
    assert store.load("default") == outcome.record


def test_webex_is_not_asked_for_a_token_that_is_not_due(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    assert Refresher(store, client.refresh).refresh("default", lambda _: False) == Outcome(Result.NOT_DUE, record)
    assert sandbox.outcomes() == ["signed in"]


def test_of_many_at_once_one_redeems_and_the_others_take_its_result(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    sandbox.advance(DAY)
    start = threading.Barrier(8)
    outcomes: list[Outcome] = []

    def work() -> None:
        # Each with a session of its own, as processes have.
        own = WebexClient(sandbox.api_url, new_session(sandbox.api_url))
        start.wait()
        outcomes.append(Refresher(store, own.refresh).refresh("default", lambda stored: stored == record))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sandbox.outcomes() == ["signed in", "renewed"]
    assert [o.result for o in outcomes].count(Result.RENEWED) == 1
    assert {o.result for o in outcomes} <= {Result.RENEWED, Result.SUPERSEDED, Result.NOT_DUE}
    assert {o.record.access_token for o in outcomes} == {sandbox.grants[0].access_token}


def test_a_record_that_another_process_replaced_is_the_outcome_even_if_it_is_due(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    other = replace(record, access_token="from-elsewhere", refreshed_at=record.refreshed_at + 1)
    asked: list[TokenRecord] = []

    def due(stored: TokenRecord) -> bool:
        asked.append(stored)
        store.save("default", other)
        return True

    assert Refresher(store, client.refresh).refresh("default", due) == Outcome(Result.SUPERSEDED, other)
    assert asked == [record]
    assert sandbox.outcomes() == ["signed in"]


def test_a_record_without_a_refresh_token_needs_a_sign_in(
    sandbox: Sandbox, client: WebexClient, store: LocalStore
) -> None:
    store.save("default", replace(FULL_RECORD, refresh_token=None))
    with pytest.raises(SignInNeeded) as raised:
        Refresher(store, client.refresh).refresh("default")
    assert (raised.value.message, raised.value.hint) == (
        "Profile default has no refresh token.",
        "Sign in with `webex-token login`.",
    )
    assert sandbox.outcomes() == []


def test_a_refresh_token_that_seems_expired_is_redeemed_because_the_clock_may_be_wrong(
    client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    store.save("default", replace(record, refresh_expires_at=1))
    renewed = Refresher(store, client.refresh).refresh("default").record
    assert (renewed.refresh_expires_at or 0) > time.time()


def test_an_old_refresh_token_revokes_the_grant_and_is_a_permanent_failure(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    refresher = Refresher(store, client.refresh)
    refresher.refresh("default")
    store.save("default", record)
    with pytest.raises(SignInNeeded, match="has been used before; the grant is revoked”, tracking ID"):
        refresher.refresh("default")
    assert store.load("default") == record
    assert sandbox.grants[0].revoked


class FlakyKeyring:
    """The file keyring, failing its first writes."""

    def __init__(self, store: LocalStore, failures: int) -> None:
        self._keyring = store.keyring
        self._failures = failures

    def get_password(self, service: str, username: str) -> str | None:
        return self._keyring.get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if self._failures > 0:
            self._failures -= 1
            raise OSError("busy")
        self._keyring.set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self._keyring.delete_password(service, username)


def test_saving_is_tried_several_times(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    slept: list[float] = []
    flaky = replace(store, keyring=FlakyKeyring(store, SAVE_ATTEMPTS - 1))
    outcome = Refresher(flaky, client.refresh, sleep=slept.append).refresh("default")
    assert store.load("default") == outcome.record
    assert slept == [1, 2, 3]


def test_the_message_says_what_is_stored_if_the_answer_cannot_be_saved(
    client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    broken = replace(store, keyring=FlakyKeyring(store, 99))
    with pytest.raises(StoreUnavailable) as raised:
        Refresher(broken, client.refresh, sleep=lambda _: None).refresh("default")
    assert raised.value.message.startswith("Webex answered the refresh, but its answer could not be stored: ")
    assert raised.value.hint.startswith("The old record is still stored, and mostly still good")
    assert store.load("default") == record


@pytest.mark.parametrize("status", [400, 401, 403, 408, 429, 500, 503])
def test_a_failure_leaves_the_stored_record(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord, status: int
) -> None:
    for body in ("", "<html>", '{"error": "invalid_grant"}', '{"error": "invalid_client"}'):
        sandbox.order(Answer("/v1/access_token", status, {}, body))
        with pytest.raises(WebexTokenError):
            Refresher(store, client.refresh).refresh("default")
        assert store.load("default") == record


class SmallKeyring(FlakyKeyring):
    """A keyring in which no entry may be longer than 1,280 characters."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > 1280:
            raise OSError("too long")
        super().set_password(service, username, password)


def test_an_answer_that_no_keyring_can_hold_is_not_tried_again(
    sandbox: Sandbox, client: WebexClient, store: LocalStore, record: TokenRecord
) -> None:
    slept: list[float] = []
    small = replace(store, keyring=SplittingKeyring(SmallKeyring(store, 0)))
    answer = {"access_token": "a" * 90_000, "expires_in": 1209599}
    sandbox.order(Answer("/v1/access_token", 200, {}, json.dumps(answer)))
    with pytest.raises(NotSaved) as raised:
        Refresher(small, client.refresh, sleep=slept.append).refresh("default")
    assert raised.value.message.startswith(
        "Webex answered the refresh, but its answer could not be stored: The record has 90,"
    )
    assert raised.value.hint.startswith("What was stored before is unchanged. Sign in with --store file")
    assert (slept, store.load("default")) == ([], record)
