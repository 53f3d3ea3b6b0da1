"""Records and token responses that several tests start from."""

import json
from typing import Any

from hypothesis import strategies as st

from webex_token_cli.sandbox import Sandbox
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import Person, TokenRecord

NOW = 1_800_000_000

# A record in which every field has a value.
FULL_RECORD = TokenRecord(
    access_token="access-token-value",
    access_expires_at=1_800_000_000,
    refresh_token="refresh-token-value",
    refresh_expires_at=1_900_000_000,
    changed_at=1_700_000_000,
    refreshed_at=1_700_000_100,
    client_id="client-id",
    client_secret="client-secret-value",
    scopes=("spark:all",),
    person=Person("id", "Ada", ("ada@example.com",), "org", "person"),
    refresh_unextended_since=1_600_000_000,
)

# A token response as Webex sends it, what it parses to, and the record of that sign-in.
ANSWER: dict[str, Any] = {
    "access_token": "access-1",
    "expires_in": 1209599,
    "refresh_token": "refresh-1",
    "refresh_token_expires_in": 7775999,
    "token_type": "Bearer",
    "scope": "spark:all spark:kms",
}
RESPONSE = TokenResponse("access-1", 1209599, "refresh-1", 7775999, ("spark:all", "spark:kms"))
RECORD = TokenRecord.signed_in(RESPONSE, "client-id", "client-secret", NOW)


def issued_response(sandbox: Sandbox, *scopes: str, **changes: object) -> str:
    """The text of a token response that the sandbox has given another program, with ``changes`` to its keys."""
    return json.dumps({**sandbox.token_response(scopes or ("spark:all",)), **changes})


# Any JSON value.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
