"""The two people of tests about whose account a sign-in is for."""

from webex_token_cli.sandbox.people import person_from
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox

ADA, GRACE = "Ada Lovelace <ada@example.com>", "Grace Hopper <grace@example.com>"


def sandbox_of_both(rules: Rules) -> Sandbox:
    """A sandbox at which either of them can sign in."""
    return Sandbox(rules, people=[person_from(ADA), person_from(GRACE)])
