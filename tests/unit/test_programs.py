"""The token of a program over time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

from tests.support.records import FULL_RECORD
from webex_token_cli.application import Application
from webex_token_cli.programs import OneInEachProcess, TokenSource
from webex_token_cli.tokens import TokenRecord


@dataclass
class Looks:
    """An application whose profile has one record, and that counts how often it is asked for it."""

    record: TokenRecord
    times: int = 0
    refreshed: list[str] = field(default_factory=list)

    def valid_record(self, profile: str, min_valid: float) -> TokenRecord:
        self.times += 1
        return self.record

    def settings(self, profile: str) -> Any:
        return profile

    def refresher(self, settings: Any) -> Any:
        raise AssertionError("a refresh was not needed")


def test_a_request_that_was_sent_with_an_older_token_takes_the_newer_one_without_a_look() -> None:
    """Of many requests that get a 401 at a time, one looks the token up for all of them."""
    looks = Looks(FULL_RECORD)
    now = float(FULL_RECORD.refreshed_at)
    source = TokenSource(cast(Application, looks), "default", 300, lambda: now)
    assert source.token() == FULL_RECORD.access_token
    assert source.token_after_refusal("an older one") == FULL_RECORD.access_token
    assert looks.times == 1


def test_threads_that_make_the_one_of_their_process_at_once_get_the_same() -> None:
    both = threading.Barrier(2, timeout=10)

    def make() -> object:
        both.wait()
        return object()

    one = OneInEachProcess(make)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: one(), range(2))
    assert first is second is one()
