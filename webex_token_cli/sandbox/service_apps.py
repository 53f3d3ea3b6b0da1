"""Service Apps: who may act without a person, once an admin of the organization has authorized them."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.secret_names import SecretNames

# What a person's access token needs to get the tokens of a Service App.
SERVICE_APP_SCOPE = "spark:applications_token"

_BEFORE, _AFTER = "/v1/applications/", "/token"


def token_path_of(path: str) -> str | None:
    """The application id in the path of a request for the tokens of a Service App; None for another path."""
    application_id = path.removeprefix(_BEFORE).removesuffix(_AFTER)
    return unquote(application_id) if path == f"{_BEFORE}{application_id}{_AFTER}" and application_id else None


@dataclass(slots=True)
class ServiceApp:
    """A Service App. ``authorized`` says whether an admin of the organization has authorized it."""

    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    authorized: bool = False

    @property
    def application_id(self) -> str:
        """The public identifier of the application, which is base64 of a URI with the client id."""
        return base64.urlsafe_b64encode(f"ciscospark://us/APPLICATION/{self.client_id}".encode()).decode()


@dataclass(slots=True)
class ServiceApps:
    """All Service Apps that are registered here."""

    names: SecretNames = field(repr=False)
    registered: list[ServiceApp] = field(default_factory=list)

    def register(self, scopes: tuple[str, ...] = ("spark:all",), like: ServiceApp | None = None) -> ServiceApp:
        """A new Service App, which no admin has authorized yet. It has the id and the secret of ``like``, if given."""
        secret = self.names.add("client secret", like.client_secret if like else secrets.token_hex(32))
        app = ServiceApp(like.client_id if like else "C" + secrets.token_hex(32), secret, scopes)
        self.registered.append(app)
        return app

    def of_client(self, client_id: str) -> ServiceApp | None:
        """The Service App with the client id, or None."""
        return next((app for app in self.registered if app.client_id == client_id), None)

    def find(self, application_id: str) -> ServiceApp:
        """The Service App with the application id. Raises Problem (404) if there is none."""
        app = next((app for app in self.registered if app.application_id == application_id), None)
        if app is None:
            raise Problem(404, "not_found", "The application could not be found")
        return app

    def permitted(self, application_id: str, asked: Mapping[str, Any], org_id: str) -> ServiceApp:
        """The Service App that the JSON ``asked`` may have tokens of, for its organization ``org_id``.

        Raises Problem (400, 403 or 404).
        """
        app = self.find(application_id)
        if (asked.get("clientId"), asked.get("clientSecret")) != (app.client_id, app.client_secret):
            raise Problem(400, "invalid_client", "The client id or the client secret is not that of the application")
        if not app.authorized or asked.get("targetOrgId") != org_id:
            raise Problem(403, "forbidden", "The application is not authorized in the organization")
        return app
