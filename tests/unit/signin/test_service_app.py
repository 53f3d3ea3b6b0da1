"""A Service App's tokens, got with the help of another profile whose store fails."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.config.settings import Overrides, Profile, ServiceApp, Settings, resolve
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.refresh.refresher import NotSaved
from webex_token_cli.signin.service_app import SCOPE, service_app_tokens
from webex_token_cli.tokens import TokenRecord

HELPER = replace(FULL_RECORD, scopes=("spark:all", SCOPE))


@dataclass
class FullDisk:
    """Profiles of which the helping one was refreshed, and Webex's answer could not be saved."""

    def settings(self, profile: str) -> Settings:
        return resolve(Profile(profile), Overrides())

    def valid_record(self, profile: str, min_valid: float) -> TokenRecord:
        raise NotSaved("The disk is full.", "Make room.", HELPER, replace(HELPER, access_token="new"))

    def refresher(self, settings: Settings) -> Any: ...

    def client(self, api_url: str) -> Any: ...

    def warn_of_other_api_url(self, settings: Settings) -> None: ...


def test_an_answer_for_the_helping_profile_is_not_taken_for_one_for_the_service_app() -> None:
    """A watch saves the answer of a NotSaved later, under the profile whose check raised it."""
    app = FullDisk().settings("app")._replace(service_app=ServiceApp("a", "o", "work"))
    with pytest.raises(StoreUnavailable, match="The disk is full") as raised:
        service_app_tokens(FullDisk(), app, FULL_RECORD)
    assert not isinstance(raised.value, NotSaved)
