"""The two people of tests about whose account a sign-in is for."""

from webex_token_cli.sandbox import Rules, Sandbox, person_from

ADA, GRACE = "Ada Lovelace <ada@example.com>", "Grace Hopper <grace@example.com>"


def sandbox_of_both(rules: Rules) -> Sandbox:
    """A sandbox at which either of them can sign in."""
    return Sandbox(rules, people=[person_from(ADA), person_from(GRACE)])
