"""A stand-in for Webex on loopback.

It imports nothing from the rest of the package, so that the program and its sandbox cannot share a mistake.
The names here are its public interface; ``Sandbox`` is where to begin.
"""

from webex_token_cli.sandbox.description import description
from webex_token_cli.sandbox.faults import KINDS, Answer, Fault
from webex_token_cli.sandbox.journal import Entry, RecordedRequest
from webex_token_cli.sandbox.people import person_from
from webex_token_cli.sandbox.rules import KNOWN_SCOPES, PRESETS, Rules
from webex_token_cli.sandbox.server import Sandbox
from webex_token_cli.sandbox.service_apps import ServiceApp
from webex_token_cli.sandbox.tokens import Grant

__all__ = [
    "KINDS",
    "KNOWN_SCOPES",
    "PRESETS",
    "Answer",
    "Entry",
    "Fault",
    "Grant",
    "RecordedRequest",
    "Rules",
    "Sandbox",
    "ServiceApp",
    "description",
    "person_from",
]
