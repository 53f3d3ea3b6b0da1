"""Every parser of what others wrote: its examples, and a check of what it makes of changed ones."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.support.foreign_input import answers, checks, heads, sandbox_requests
from tests.support.foreign_input.answers import SEEN, answer, in_turn, stored, vault, webex
from tests.support.foreign_input.examined import CODE, SECRET
from tests.support.foreign_input.mutations import Document
from tests.support.imported import EXPORT, SETTINGS
from tests.support.records import ANSWER, FULL_RECORD, NOW
from webex_token_cli.config.names import is_profile_name
from webex_token_cli.config.settings import Profile
from webex_token_cli.store import records
from webex_token_cli.store.vault.entry import Claim, Entry
from webex_token_cli.store.vault.store import VaultStore
from webex_token_cli.webex.client import WebexClient


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser: ``read`` gives it bytes, and fails unless it makes something of them or refuses them as it should.

    ``pieces`` are texts that mean something to it.
    """

    examples: Sequence[Document]
    read: Callable[[bytes], None]
    pieces: Sequence[bytes] = ()


DEVICE = {
    "device_code": SECRET,
    "user_code": "123456",
    "verification_uri": "https://example.com/verify",
    "verification_uri_complete": "https://example.com/verify?user_code=1",
    "expires_in": 300,
    "interval": 2,
}
TOKENS = {**ANSWER, "access_token": SECRET, "refresh_token": SECRET}
PERSON = {"id": "Y2lz", "displayName": "Ada", "emails": ["ada@example.com"], "orgId": "org", "type": "person"}
WTR = {
    "clientid": "client-id",
    "secret": SECRET,
    "token": SECRET,
    "refresh_token": SECRET,
    "expiration": NOW,
    "refresh_expiration": NOW + 600,
    "redirectport": 6855,
    "scopes": "spark:kms spark:all",
}
STORED = json.loads(records.encode(replace(FULL_RECORD, access_token=SECRET, client_secret=SECRET)))
CLAIM = Claim("nonce", "host", 1, 60)
ENTRY = Entry(SEEN, Profile("default", client_id="C1", scopes="a b"), CLAIM).encoded()
REFUSALS = (
    answer({"message": "The refresh token is expired", "errors": [{"description": "x"}], "trackingId": "R_1"}, 401),
    answer({"error": "invalid_grant", "error_description": f"{SECRET} is no grant"}, 400, trackingid="R_2"),
    answer(b"<html>sign in</html>", 200, Content_Type="text/html"),
    answer({"message": "slow down"}, 429, Retry_After="Fri, 27 Nov 2026 03:59:13 GMT"),
    answer(b"", 503, Retry_After="30"),
)
VAULT_REFUSALS = (answers.DENIED, answers.INVALID_TOKEN, answers.SEALED, answers.CONFLICT, answers.NOTHING)
VAULT_PIECES = (answers.NEXT, b"\n\n", b"404", b"403", b"503", b"204", b"Date: ", b"Location: http://127.0.0.1/\n")
WEBEX_PIECES = (
    b"\n\n",
    b"400",
    b"401",
    b"403",
    b"407",
    b"429",
    b"302",
    b"Retry-After: 9\n",
    b"Content-Encoding: gzip\n",
)


def _list(store: VaultStore) -> None:
    assert all(map(is_profile_name, store.names()))


def _webex(call: Callable[[WebexClient], object], *good: Document, secrets: tuple[str, ...] = (SECRET, CODE)) -> Parser:
    return Parser((*good, *REFUSALS), webex(call, secrets), WEBEX_PIECES)


def _vault(call: Callable[[VaultStore], object], *good: tuple[Document, ...]) -> Parser:
    found = [in_turn(answers.LOGIN, *each) for each in good]
    refused = [in_turn(answers.LOGIN, answers.MOUNT, each) for each in VAULT_REFUSALS]
    return Parser((*found, *refused), vault(call), VAULT_PIECES)


PARSERS = {
    "redirect": Parser(
        (
            (f"code={CODE}&state={checks.STATE}".encode(),),
            (f"error=access_denied&error_description=no+{CODE}&state={checks.STATE}".encode(),),
            (f"state={checks.STATE}&error=invalid_scope&error_description=no+such+scope".encode(),),
        ),
        checks.check_redirect,
        (b"&code=", b"&state=", b"&error=", b"+", b"server_error", b"login_required"),
    ),
    "pasted address": Parser(
        (
            (f"http://localhost:8000/oauth?code={CODE}&state={checks.STATE}".encode(),),
            (f"http://localhost:8000/oauth?error=access_denied&state={checks.STATE}".encode(),),
            (b"a" * 60 + b"1",),
        ),
        checks.check_paste,
        (b"\x1b[200~", b"\x1b[201~", b"&client_id=1", b"code=", b"state="),
    ),
    "redirect URI": Parser(
        ((b"http://localhost:8000/oauth",), (b"https://[::1]/",), (b"http://example.com:80/a/b",)),
        checks.check_redirect_uri,
        (b"[", b"]", b"@", b"//", b":0", b":65536", b"xn--", b"."),
    ),
    "HTTP head": Parser(heads.EXAMPLES, heads.check, heads.PIECES),
    "config.ini": Parser(
        (
            (
                b"# ours\n[default]\nclient_id: C1\n; x\nredirect_uri = http://localhost:8000/oauth\n\n[Work]\n"
                b"Scopes=spark:all  spark:kms\nstore = file\nlater = unknown\n",
            ),
        ),
        checks.check_config,
        (b"[", b"]", b"[Work]\n", b"[default]\n", b"client_id = ", b"api_url = http://x\n", b"[x", b"store = vault\n"),
    ),
    "stored record": Parser(((STORED,),), checks.check_record),
    "head of a split entry": Parser(
        (({"version": 1, "split": {"set": 1, "parts": 2, "sha256": "0" * 64}},),), checks.check_head, (b"true", b"1.0")
    ),
    "split entry": Parser(((checks.split("a record of many characters\ud800, in parts"),),), checks.check_split_entry),
    "entry in Vault": Parser(((ENTRY,),), checks.check_vault_entry),
    "import": Parser(
        ((EXPORT,), ({"version": 1, "settings": SETTINGS, "record": STORED},), (TOKENS,), (WTR,)), checks.check_imported
    ),
    "environment": Parser(
        ((f"WEBEX_REFRESH_TOKEN={SECRET}\nWEBEX_ACCESS_TOKEN={SECRET}\n".encode(),),),
        checks.check_variables,
        (b"WEBEX_",),
    ),
    "HTTP date": Parser(
        ((b"Fri, 27 Nov 2026 03:59:13 GMT",), (b"Friday, 27-Nov-26 03:59:13 GMT",), (b"120",), (b"1800000000000",)),
        checks.check_date,
        (b"Mon", b"Dec", b"9999", b"0", b"+", b"-0000", b"+9999", b".", b"BC", b"99:99:99", b"EST"),
    ),
    "duration": Parser(((b"90m",), (b"1.5d",)), checks.check_duration, (b"s", b"h", b"w", b".")),
    "fault": Parser(
        ((b"refresh=503:30*2@1",), (b"/v1/people/me=slow:5@10m",)), checks.check_fault, (b"*", b"@", b":", b"1h30m")
    ),
    "request to the sandbox": Parser(sandbox_requests.EXAMPLES, sandbox_requests.check, sandbox_requests.PIECES),
    "token response": _webex(
        lambda client: client.refresh(SEEN), answer(TOKENS), answer({**TOKENS, "expires_in": "1209600"}, 201)
    ),
    "device code": _webex(
        lambda c: c.authorize_device(client_id="c", scopes=("spark:all",)), answer(DEVICE), secrets=(CODE,)
    ),
    "device poll": _webex(
        lambda client: client.poll_device(answers.device(), client_id="c", client_secret=SECRET),
        answer(TOKENS),
        answer({"message": "authorization_pending", "errors": [{"description": "slow_down"}]}, 428),
    ),
    "person": _webex(lambda client: client.person(SECRET), answer(PERSON)),
    "token expiry": _webex(lambda client: client.token_expiry(SECRET), answer({"exp": 1_800_000_000_000})),
    "discovery": _webex(
        lambda client: (client.server_time(), client.issuer()),
        answer({"issuer": "https://idbroker.webex.com/idb"}, Date="Fri, 27 Nov 2026 03:59:13 GMT"),
        secrets=(),
    ),
    "Service App": _webex(
        lambda c: c.service_app_tokens(SECRET, answers.SERVICE_APP, client_id="c", client_secret=SECRET), answer(TOKENS)
    ),
    "revocation": _webex(lambda client: client.revoke(SECRET, "client-id"), answer({})),
    "Vault: load": _vault(lambda store: store.load("default"), (stored(CLAIM),)),
    "Vault: list": _vault(_list, (answers.LISTED, stored(), stored(record=None))),
    "Vault: save": _vault(
        lambda store: store.save("default", SEEN, Profile("default", "C1")),
        (stored(), answers.WRITTEN),
        (answers.NOTHING, answers.MOUNT, answers.WRITTEN, answers.WRITTEN),
    ),
    "Vault: delete": _vault(lambda store: store.delete("default"), (stored(), stored(), answers.WRITTEN)),
    "Vault: refresh": _vault(
        answers.refresh_in_turn, (stored(), stored(), answers.WRITTEN), (stored(CLAIM),), (stored(), answers.CONFLICT)
    ),
}
