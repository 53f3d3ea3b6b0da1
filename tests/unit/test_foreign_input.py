"""What others wrote, nearly as it should be: it is read, or refused in clear words of bounded length without a secret.

An ordinary run tries few examples of each parser, and ``.ci/fuzz`` tries as many as fit into the minutes it is given.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.foreign_input import answers
from tests.support.foreign_input.answers import LOGIN, answer, in_turn, stored
from tests.support.foreign_input.checks import STATE
from tests.support.foreign_input.examined import CODE, SECRET
from tests.support.foreign_input.mutations import Document, nearly, rendered
from tests.support.foreign_input.parsers import ENTRY, PARSERS, STORED
from webex_token_cli.store.keyring.splitting import Head
from webex_token_cli.store.vault.entry import Claim

# They are many parsers, so that an ordinary run tries fewer examples of each than of another property.
FEWER = settings().max_examples // 4


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=FEWER)
@given(st.data())
def test_what_is_nearly_valid_is_read_or_refused_in_clear_words(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]
    parser.read(data.draw(nearly(parser.examples, parser.pieces)))


@pytest.mark.parametrize("name", PARSERS)
def test_the_examples_that_are_changed_are_read_themselves(name: str) -> None:
    for example in PARSERS[name].examples:
        PARSERS[name].read(rendered(example))


NESTED = b"[" * 100_000
UNTOLD = stored(Claim("nonce", "\x1b[2J" + "h" * 3000, 10**400, 10**9))
WITHOUT_NUMBER = answer(
    b'{"data": {"data": {}, "metadata": {"version": 1e999, "created_time": "2026-11-27T00:00:00Z"}}}'
)

READ_ONLY = answer({"errors": ["read-only"]}, 500)

# What fuzzing has found, or reading the code for it.
FOUND: list[tuple[str, Document]] = [
    ("redirect", (f"error=x&error_description={CODE}&state={STATE}".encode(),)),
    ("HTTP head", (b"\x0bGET / HTTP/1.1\r\nHost: a\r\n\r\n",)),
    ("HTTP head", (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\nHost: b\r\n\r\n",)),
    ("HTTP head", (b"GET / HTTP/1.1\r\nX: 1\rHost: a\r\n\r\n",)),
    ("stored record", ({**STORED, "version": 10**1500},)),
    ("stored record", ({**STORED, "client_id": "\ud800"},)),
    ("stored record", ({**STORED, "scopes": ["\ud800"]},)),
    ("head of a split entry", ({"version": 1, "split": {"set": True, "parts": 1, "sha256": "0" * 64}},)),
    ("head of a split entry", ({"version": 1, "split": {"set": 1.0, "parts": 1, "sha256": "0" * 64}},)),
    ("head of a split entry", ({"version": 1, "split": {"set": 1, "parts": True, "sha256": "0" * 64}},)),
    ("head of a split entry", ({"version": 1, "split": {"set": 1, "parts": 2, "sha256": "\ufffd" * 25}},)),
    ("split entry", ({"p": Head(0, 1, "0" * 64).encoded(), "p#0.0": "\ud800"},)),
    ("entry in Vault", ({**ENTRY, "version": 10**1500},)),
    ("entry in Vault", ({**ENTRY, "settings": {"client_id": "a\nstore = file"}},)),
    ("duration", (b"9" * 5000,)),
    ("fault", (b"9" * 5000,)),
    ("token response", answer({"message": "no", "trackingId": SECRET}, 400)),
    ("person", answer({"message": "no"}, 400, trackingid=SECRET)),
    ("Vault: load", answer({"auth": True})),
    ("Vault: load", in_turn(LOGIN, WITHOUT_NUMBER)),
    ("Vault: list", in_turn(LOGIN, answers.NOTHING, answer({"data": {"type": "kv", "options": True}}))),
    ("Vault: list", in_turn(LOGIN, answer(NESTED))),
    ("Vault: list", in_turn(LOGIN, answer({"data": {"keys": ["../x", "\x1b[2J"]}}), stored())),
    ("Vault: save", in_turn(LOGIN, stored(), answer(NESTED))),
    ("Vault: refresh", in_turn(LOGIN, UNTOLD)),
    ("Vault: refresh", in_turn(LOGIN, stored(), *[stored(), answers.CONFLICT, answers.WRITTEN] * 1500)),
    ("Vault: refresh", in_turn(LOGIN, stored(), *[stored(), READ_ONLY, answers.WRITTEN] * 1500)),
]


@pytest.mark.parametrize(("name", "document"), FOUND, ids=[f"{n} {name}" for n, (name, _) in enumerate(FOUND)])
def test_what_was_once_read_wrongly_is_read_or_refused_in_clear_words(name: str, document: Document) -> None:
    PARSERS[name].read(rendered(document))
