"""A Service App's tokens, got with the help of another profile: what is wrong with either."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.config.settings import Overrides, Profile, ServiceApp, Settings, resolve
from webex_token_cli.errors import ConfigurationError, GrantRefused, HelperNeedsSignIn, StoreUnavailable
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


def test_a_profile_of_a_person_is_not_a_service_apps() -> None:
    with pytest.raises(ConfigurationError) as raised:
        service_app_tokens(FullDisk(), FullDisk().settings("ada"), FULL_RECORD)
    assert (raised.value.message, raised.value.hint) == (
        "Profile ada is not that of a Service App.",
        "Give --flow service-app with --app, --org and --with.",
    )


class Refused(FullDisk):
    """Profiles whose access tokens Webex does not accept, not even a new one."""

    def valid_record(self, profile: str, min_valid: float) -> TokenRecord:
        return HELPER

    def refresher(self, settings: Settings) -> Any:
        new = replace(HELPER, access_token="new")
        return SimpleNamespace(refresh=lambda *_: SimpleNamespace(record=new))

    def client(self, api_url: str) -> Any:
        return SimpleNamespace(service_app_tokens=self.refuse)

    def refuse(self, access_token: str, *_: object, **__: object) -> None:
        error = GrantRefused(f"Webex does not accept {access_token}.", "")
        error.tracking_id = "ROUTER_1"
        raise error


def test_a_helping_profile_that_is_refused_after_a_refresh_too_needs_a_sign_in() -> None:
    app = Refused().settings("app")._replace(service_app=ServiceApp("a", "o", "work"))
    with pytest.raises(HelperNeedsSignIn) as raised:
        service_app_tokens(Refused(), app, FULL_RECORD)
    assert (raised.value.message, raised.value.hint, raised.value.tracking_id) == (
        "Profile work, with which the Service App gets its tokens, needs a sign-in: Webex does not accept new.",
        "Sign in with `webex-token login --profile work`.",
        "ROUTER_1",
    )
