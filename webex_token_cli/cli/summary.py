"""The sentences that ``login`` and ``import`` print once tokens are stored."""

from typing import TYPE_CHECKING

from webex_token_cli.config.names import option_for
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from webex_token_cli.store.credentials import CredentialStore


def stored_sentences(profile: str, store: "CredentialStore", record: TokenRecord, now: float) -> list[str]:
    """A sentence each about when the access token expires, where it is stored, and how it stays valid."""
    state = "expired" if record.access_expired(now) else "expires"
    return [
        f"The access token {state} {when(record.access_expires_at, now)}.",
        f"Stored in {store.where(profile)}.",
        f"To keep it valid, run `webex-token watch{option_for(profile)}`.",
    ]
