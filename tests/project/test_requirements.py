"""What the standards ask of a native app: each requirement, where it is met, and which tests hold it there.

RFC 8252 (OAuth 2.0 for Native Apps) sections 7 and 8, RFC 9700 (Best Current Practice for OAuth 2.0 Security)
section 2.1. .github/docs/security.md has the same rows in short form.
"""

import ast
import importlib
from dataclasses import dataclass

import pytest

from tests.support.documents import document
from tests.support.folders import TESTS


@dataclass(frozen=True)
class Requirement:
    """``asked`` is what ``source`` asks, ``met`` the names in the package that see to it, ``tests`` what holds them."""

    source: str
    asked: str
    met: tuple[str, ...]
    tests: tuple[str, ...]


REQUIREMENTS = [
    Requirement(
        "RFC 8252 7.1, 7.2",
        "redirects by a private-use scheme or a claimed https one are the operating system's to deliver: not used",
        ("signin.authorization.RedirectURI",),
        ("test_login_settings.test_wrong_usage_gets_a_sentence_and_exit_2",),
    ),
    Requirement(
        "RFC 8252 7.3",
        "a loopback redirect on any port and over IPv4 and IPv6; the port is opened for the request and closed after",
        ("signin.loopback.sockets.Endpoint", "signin.loopback.sockets.bind", "signin.loopback.server.Listener"),
        (
            "test_listener.test_it_is_reached_where_the_redirect_uri_leads_and_nowhere_else",
            "test_listener.test_the_port_is_free_at_once",
            "test_listener.test_a_deadline_ends_the_wait_and_frees_the_port",
            "test_login_signals.test_ctrl_c_frees_the_port",
        ),
    ),
    Requirement(
        "RFC 8252 8.1",
        "PKCE, as RFC 7636 has it",
        ("signin.authorization.Proof", "webex.client.authorization_url"),
        (
            "test_authorization.test_the_challenge_is_the_one_of_rfc_7636_appendix_b",
            "test_authorization.test_a_fresh_proof_is_256_bits_twice_and_hides_itself",
            "test_login.test_the_authorization_request_has_scopes_state_and_challenge",
        ),
    ),
    Requirement(
        "RFC 8252 8.2",
        "no implicit grant",
        ("webex.client.authorization_url",),
        ("test_authorization.test_the_authorization_url",),
    ),
    Requirement(
        "RFC 8252 8.3",
        "listen on the loopback interface only; an IP literal is better than localhost, which here is both loopbacks",
        ("signin.loopback.sockets.endpoint_for",),
        (
            "test_listener.test_it_is_reached_where_the_redirect_uri_leads_and_nowhere_else",
            "test_authorization.test_a_redirect_uri_that_leads_elsewhere_needs_to_be_told_where_it_arrives",
            "test_listener.test_listening_for_other_machines_comes_with_a_warning",
        ),
    ),
    Requirement(
        "RFC 8252 8.4, 8.5",
        "a secret that is shipped in an app proves nothing; this one is the person's own, and stays in their keyring",
        ("store.local.store.LocalStore", "cli.prompts.client_secret"),
        (
            "test_secrets.test_no_secret_is_printed_or_left_outside_the_store",
            "test_login_streams.test_the_browser_neither_prints_into_the_answer_nor_gets_the_secret",
        ),
    ),
    Requirement(
        "RFC 8252 8.6",
        "another program may pose as this one, or answer in its place",
        ("signin.loopback.peers.PeerCheck", "signin.authorization.read_redirect"),
        (
            "test_peers.test_another_user_is_not_led_to_the_sign_in_page",
            "test_authorization.test_only_the_state_that_was_sent_is_accepted",
        ),
    ),
    Requirement(
        "RFC 8252 8.7, 8.8, 8.12",
        "the person signs in with a browser of their own, whose address bar they can read; never in an embedded one",
        ("cli.signin.signed_in", "signin.flows.choose"),
        (
            "test_flows.test_where_a_person_is_at_a_terminal",
            "test_end_to_end.test_a_person_signs_in_with_chromium_and_watch_keeps_the_token_alive",
            "test_firefox.test_a_person_signs_in_with_firefox",
        ),
    ),
    Requirement(
        "RFC 8252 8.9",
        "a state that cannot be guessed, and whatever comes without it is thrown away",
        ("signin.authorization.read_redirect", "signin.loopback.messages.Request"),
        (
            "test_authorization.test_a_redirect_without_our_state_is_ignored",
            "test_login.test_unexpected_requests_do_not_end_the_wait",
            "test_listener.test_only_a_window_that_a_person_sees_is_let_in",
            "test_siege.test_the_right_redirect_is_answered_within_a_second_during_a_flood",
        ),
    ),
    Requirement(
        "RFC 8252 8.10",
        "an answer counts only for the authorization server that was asked",
        ("signin.finish.SignIn",),
        (
            "test_login.test_the_authorization_request_has_scopes_state_and_challenge",
            "test_login.test_unexpected_requests_do_not_end_the_wait",
        ),
    ),
    Requirement(
        "RFC 8252 8.11",
        "no redirect is handed on through another program on the way",
        ("signin.loopback.server.Listener",),
        ("test_listener.test_the_code_leaves_the_address_bar_before_it_is_exchanged",),
    ),
    Requirement(
        "RFC 9700 2.1: redirect URIs",
        "compared to the letter by the server, so sent to the letter; and no open redirector",
        ("signin.authorization.RedirectURI", "signin.loopback.server.Listener"),
        (
            "test_authorization.test_a_redirect_uri_says_where_to_listen",
            "test_listener.test_the_bare_address_leads_to_the_sign_in_page",
            "test_siege.test_random_requests_do_not_end_the_wait_for_the_redirect",
        ),
    ),
    Requirement(
        "RFC 9700 2.1: forgery",
        "CSRF is prevented by PKCE or a state",
        ("signin.authorization.Proof", "signin.paste.read_pasted"),
        (
            "test_authorization.test_only_the_state_that_was_sent_is_accepted",
            "test_paste.test_what_was_pasted_is_understood",
        ),
    ),
    Requirement(
        "RFC 9700 2.1.1",
        "a challenge for each transaction, S256, so that a code that was injected or a downgrade fails",
        ("signin.authorization.Proof", "webex.client.WebexClient.exchange_code"),
        (
            "test_authorization.test_a_fresh_proof_is_256_bits_twice_and_hides_itself",
            "test_login.test_the_authorization_request_has_scopes_state_and_challenge",
        ),
    ),
    Requirement(
        "RFC 9700 2.1.2",
        "no access token in the authorization response",
        ("webex.client.authorization_url",),
        ("test_authorization.test_the_authorization_url",),
    ),
]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.source)
def test_a_requirement_is_met_and_tested_where_it_says(requirement: Requirement) -> None:
    for name in requirement.met:
        module, _, rest = name.rpartition(".")
        owner: object = None
        while module:
            try:
                owner = importlib.import_module(f"webex_token_cli.{module}")
                break
            except ModuleNotFoundError:
                module, _, part = module.rpartition(".")
                rest = f"{part}.{rest}"
        for attribute in rest.split("."):
            owner = getattr(owner, attribute)
        assert owner is not None, name
    for name in requirement.tests:
        module, _, function = name.partition(".")
        (file,) = TESTS.rglob(f"{module}.py")
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def test_the_documents_have_the_same_rows() -> None:
    rows = [
        line.strip("| ").split(" | ")[0]
        for line in document(".github/docs/security.md").text.splitlines()
        if line.startswith(("| RFC 8252", "| RFC 9700"))
    ]
    told = [row.split(": ")[0] for row in rows]
    assert told == [requirement.source.split(": ")[0] for requirement in REQUIREMENTS]
