"""What is said of an answer of Vault that comes at an unusual moment."""

from collections.abc import Callable

import pytest

from tests.support.foreign_input.answers import (
    DENIED,
    INVALID_TOKEN,
    LOGIN,
    SEALED,
    answer,
    engine_answered,
    in_turn,
)
from tests.support.foreign_input.mutations import Document, rendered
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.vault.key_value import KeyValueEngine

PLACE = "Vault (https://vault.example.com, secret/webex-token)"
ANOTHER_LOGIN = answer({"auth": {"client_token": "hvs.another"}})


def read(engine: KeyValueEngine) -> object:
    return engine.read("ada")


def write(engine: KeyValueEngine) -> object:
    return engine.write("ada", {}, after=0)


@pytest.mark.parametrize(
    ("call", "answers", "status", "message"),
    [
        (read, (DENIED, SEALED), 4, f"{PLACE} is sealed."),
        (
            read,
            (INVALID_TOKEN, INVALID_TOKEN, ANOTHER_LOGIN, DENIED),
            5,
            f"{PLACE} permits this Vault token no such access (permission denied).",
        ),
        (
            write,
            (DENIED, answer(b"", 204)),  # to the question which engine it is, and to the write
            5,
            f"{PLACE} is not a key-value engine of version 2, which alone can check and set.",
        ),
    ],
    ids=["sealed before the token is looked up", "a policy that forbids it to a new token too", "version 1"],
)
def test_an_unusual_answer_is_told_as_what_it_is(
    call: Callable[[KeyValueEngine], object], answers: tuple[Document, ...], status: int, message: str
) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        call(engine_answered(rendered(in_turn(LOGIN, *answers)), print))
    assert (raised.value.message, raised.value.exit_status) == (message, status)


def test_a_write_whose_time_is_over_is_not_sent_and_so_its_outcome_is_known() -> None:
    requester = engine_answered(rendered(LOGIN), print).requester
    requester.timeout = 0.0
    with pytest.raises(StoreUnavailable) as raised:
        requester.step(requester.deadline(), lambda: pytest.fail("it was sent"), is_write=True)
    assert raised.value.message == f"{PLACE} did not answer in time."
