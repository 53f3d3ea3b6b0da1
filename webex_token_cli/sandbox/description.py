"""What a program in another language needs to know of a sandbox, as a JSON object."""

from typing import Any

from webex_token_cli.sandbox.server import Sandbox


def description(sandbox: Sandbox, preset: str = "integration") -> dict[str, Any]:
    """Where the sandbox is, who is there, and its secrets. Later versions only add keys.

    ``service_app`` is the Service App that is there from the start, or None.
    """
    return {
        "version": 1,
        "url": sandbox.url,
        "api_url": sandbox.api_url,
        "verification_uri": sandbox.verification_uri,
        "control_url": sandbox.control_url,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "redirect_uri": sandbox.redirect_uri,
        "environment": sandbox.environment,
        "people": sandbox.people,
        "preset": preset,
        "service_app": _first_service_app(sandbox),
    }


def _first_service_app(sandbox: Sandbox) -> dict[str, str] | None:
    for app in sandbox.service_apps.registered:
        return {
            "id": app.application_id,
            "org_id": sandbox.person["orgId"],
            "client_id": app.client_id,
            "client_secret": app.client_secret,
        }
    return None
