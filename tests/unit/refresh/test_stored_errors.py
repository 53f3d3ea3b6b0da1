"""What a watch keeps of failures: their words, and nothing of the functions that failed."""

import gc
import socket
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NoReturn

import pytest

from tests.support.records import FULL_RECORD
from tests.support.wires import serving
from tests.support.world import DAY, RECORD, START, World
from webex_token_cli.errors import ConfigurationError, TemporaryFailure, TooManyRequests, WebexTokenError
from webex_token_cli.refresh.check import CheckResult, Hooks, ProfileChecker
from webex_token_cli.refresh.rate_limits import RateLimits
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Result
from webex_token_cli.refresh.schedule import ProfileState, Timing
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session

DUE = replace(RECORD, refreshed_at=START - DAY)

ERRORS: dict[str, Callable[[], Exception]] = {
    "temporary": lambda: TemporaryFailure("no", "later"),
    "rate limit": lambda: TooManyRequests("too many", "later", 1.0),
    "configuration": lambda: ConfigurationError("wrong", "correct it"),
    "not saved": lambda: NotSaved("full", "make room", DUE, RECORD),
    "bug": lambda: ValueError("a bug"),
}


class Answer:
    """Something that the failing function has in its hands."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only references keep anything alive: nobody knows when the collector of cycles runs."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive(references: "list[weakref.ref[Answer]]") -> int:
    return sum(reference() is not None for reference in references)


class Failures:
    """Raises one error after the other, each out of a function that has an answer."""

    def __init__(self) -> None:
        self.answers: list[weakref.ref[Answer]] = []

    def __call__(self, error: Exception) -> NoReturn:
        answer = Answer()
        self.answers.append(weakref.ref(answer))
        try:
            raise OSError(answer)
        except OSError as cause:
            raise error from cause


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", ERRORS)
def test_the_error_of_a_check_keeps_no_frame(name: str) -> None:
    new_error = ERRORS[name]
    fail = Failures()
    world = World(records={"default": DUE}, failing=lambda _: fail(new_error()))
    limits = RateLimits()
    hooks = Hooks(on_attention=lambda _, __: fail(new_error()))
    checker = ProfileChecker(world.refresher, Timing(3600, DAY), lambda: world.now, lambda: False, hooks, limits)
    results: list[CheckResult] = []
    for _ in range(3):
        before = ProfileState(error=results[-1].error) if results else ProfileState()
        results.append(checker.check("default", before, None))
        world.now += DAY
    attention = checker.call_for_attention("default", "words")
    assert None not in [*(result.error for result in results), attention.error]
    assert (len(fail.answers), alive(fail.answers)) == (4, 0)


@pytest.mark.usefixtures("no_collector")
def test_a_configuration_that_cannot_be_read_for_days_keeps_no_frame() -> None:
    fail = Failures()
    world = World()
    watcher = world.watcher()
    watcher.profiles = lambda: fail(ConfigurationError("wrong", "correct it"))
    watcher.watch()
    assert len(fail.answers) > 50
    assert alive(fail.answers) == 0


@pytest.mark.usefixtures("no_collector")
def test_answers_that_are_too_long_do_not_add_up() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000

    def handle(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(data)

    with serving(handle) as url:
        client = WebexClient(url, new_session(url))
        world = World()
        checker = ProfileChecker(
            lambda _: Asking(world, client), Timing(3600, DAY), lambda: START + 2 * DAY, lambda: False
        )
        errors: list[WebexTokenError | None] = [checker.check("default", ProfileState(), None).error]
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            errors += [checker.check("default", ProfileState(error=errors[-1]), None).error for _ in range(4)]
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert {error and error.message.partition(" ")[2] for error in errors} == {"sent an answer that cannot be read."}
    assert grown < 1_000_000


class Asking:
    """A refresher that asks Webex over HTTP, and has no store."""

    api_url = ""

    def __init__(self, world: World, client: WebexClient) -> None:
        self.stored = world.stored
        self.save_late = world.save_late
        self._client = client

    def refresh_from(self, _: str, seen: TokenRecord, /) -> Outcome:
        self._client.refresh(FULL_RECORD)
        return Outcome(Result.RENEWED, seen)
