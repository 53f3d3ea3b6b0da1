"""What an admin lists and revokes of the organization's grants: ``/authorizations``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from webex_token_cli.sandbox.accounts import Accounts
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.service_apps import ServiceApps
from webex_token_cli.sandbox.tokens import Grant, TokenIssuer


@dataclass(slots=True)
class Admin:
    """The grants of all people to the integration and to the Service Apps. ``Webex`` checks who asks.

    Not safe for several threads: ``Webex`` holds its lock around each call.
    """

    tokens: TokenIssuer
    accounts: Accounts
    service_apps: ServiceApps

    def authorizations(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The grants that are neither revoked nor expired: of the person in ``query``, if it names one, else all."""
        is_asked_for = self._filter(query)
        return [
            {
                "id": grant.id,
                "clientId": grant.client_id,
                "personId": grant.person_id,
                "created": datetime.fromtimestamp(grant.made_at, UTC).isoformat(timespec="seconds"),
                "type": "refresh",
            }
            for grant in self.tokens.living_grants()
            if is_asked_for(grant)
        ]

    def revoke(self, query: Mapping[str, str]) -> None:
        """Revoke every grant of the ``clientId``. Raises Problem (404) if that or the ``orgId`` is not known here.

        The grant of the access token with which the admin asks may be among them.
        """
        client_id, org_id = query.get("clientId", ""), self.accounts.first["orgId"]
        known = client_id == self.tokens.client_id or self.service_apps.of_client(client_id) is not None
        if not known or query.get("orgId", org_id) != org_id:
            raise Problem(404, "not_found", "No authorization of that client id was found")
        for grant in self.tokens.grants:
            grant.revoked |= grant.client_id == client_id

    def revoke_one(self, authorization_id: str) -> None:
        """Revoke the grant with that id. Raises Problem (404) if none that is valid has it."""
        for grant in self.tokens.living_grants():
            if grant.id == authorization_id:
                grant.revoked = True
                return
        raise Problem(404, "not_found", "No authorization with that id was found")

    def _filter(self, query: Mapping[str, str]) -> Callable[[Grant], bool]:
        """Whether a grant is of the person whom ``personId`` or ``personEmail`` names."""
        if not query.keys() & {"personId", "personEmail"}:
            return lambda _: True
        email = query.get("personEmail", "").lower()
        ids = {person["id"] for person in self.accounts.people if email in map(str.lower, person["emails"])}
        return lambda grant: grant.person_id in ids | {query.get("personId", "")}
