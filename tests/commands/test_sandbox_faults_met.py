"""What ``refresh``, ``get`` and ``watch --once`` say when their refresh meets each kind of fault."""

from typing import NamedTuple

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.rounds import settled
from tests.support.stored import DAY, age, record_file
from webex_token_cli.sandbox import KINDS, Rules, Sandbox


class Seen(NamedTuple):
    """The exit statuses of ``refresh``, ``get`` and ``watch --once``, and the sentence and the hint that they say."""

    statuses: tuple[int, int, int]
    sentence: str = ""
    hint: str = ""


ID = "tracking ID ROUTER_1"
SIGN_IN = "Sign in with `webex-token login`."
LATER = "Try again later."


def needs_sign_in(sentence: str) -> Seen:
    return Seen((3, 3, 3), f"Profile default: {sentence}", SIGN_IN)


def temporary(sentence: str, hint: str = LATER) -> Seen:
    """``get`` prints the token that is still valid, with a warning."""
    return Seen((4, 0, 4), sentence, hint)


FINE = Seen((0, 0, 0))
UNREACHABLE = temporary("HOST could not be reached.", "Check the network, then try again.")

MET: dict[str, Seen] = {
    "expired": needs_sign_in(f"Webex no longer accepts the grant (HTTP 400, “The refresh token has expired”, {ID})."),
    "revoked": needs_sign_in(f"Webex no longer accepts the grant (HTTP 400, “The refresh token was revoked”, {ID})."),
    "client-refused": needs_sign_in(
        "Webex does not accept the client id and client secret (HTTP 401, “The client id and client secret do not "
        f"match an integration”, {ID})."
    ),
    "tokenlimit": temporary(
        "Webex issues no more access tokens to this person, because too many are valid (HTTP 400, “The person has too "
        f"many access tokens of this integration”, {ID}).",
        "Revoke some at https://idbroker.webex.com/idb/profile#/tokens, or wait until some have expired.",
    ),
    "423": temporary(f"Webex cannot answer now (HTTP 423, “The resource is locked”, {ID})."),
    "429": temporary(f"Webex cannot answer now (HTTP 429, “Too many requests”, {ID})."),
    "503": temporary(f"Webex cannot answer now (HTTP 503, “The service is unavailable”, {ID})."),
    "503:30": temporary(f"Webex cannot answer now (HTTP 503, “The service is unavailable”, {ID})."),
    "slow:0.1": FINE,
    "reset": UNREACHABLE,
    "captive": temporary(
        f"The answer (HTTP 200) did not come from Webex, {ID}.",
        "This network may ask for a sign-in of its own, or a proxy may be in the way; open a web page, then try again.",
    ),
    "truncated": UNREACHABLE,
    "html-error": temporary(f"Webex cannot answer now (HTTP 502, {ID})."),
    "string-lifetimes": FINE,
    "no-refresh-token": FINE,
    "answer-lost": UNREACHABLE,
}


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """A refresh renews each time: the token is as old as the profile says only for the program."""
    return Rules(redirect_uris=(redirect_uri,), renew_after=0)


def run(program: Program, *command: str) -> tuple[int, str, str]:
    done = run_in_process(program, *command)
    return done.status, settled(done.out), settled(done.err)


def refreshed(seen: Seen) -> tuple[int, str, str]:
    """What ``refresh`` prints."""
    if seen == FINE:
        return 0, "default: renewed; the new access token expires TIME (in 14 days).\n", ""
    return seen.statuses[0], "", f"Error: {seen.sentence}\n{seen.hint}\n"


def watched(seen: Seen) -> tuple[int, str, str]:
    """What ``watch --once`` prints."""
    if seen == FINE:
        return 0, "TIME  default  renewed: expires TIME (in 14 days), next refresh in WAIT\n", ""
    if seen.hint == SIGN_IN:
        return seen.statuses[2], f"TIME  default  needs sign-in: {seen.sentence} {SIGN_IN}\n", ""
    return seen.statuses[2], f"TIME  default  retrying: {seen.sentence} Next try in WAIT.\n", ""


@pytest.mark.parametrize("kind", MET)
def test_refresh_and_watch_say_what_happened(signed_in: Program, sandbox: Sandbox, kind: str) -> None:
    stored = record_file(signed_in).read_bytes()
    seen = MET[kind]
    for command, expected in ((("refresh",), refreshed(seen)), (("watch", "--once"), watched(seen))):
        age(signed_in, 2 * DAY)
        sandbox.fault(f"refresh={kind}")
        assert run(signed_in, *command) == expected
        record_file(signed_in).write_bytes(stored)


@pytest.mark.parametrize("kind", MET)
def test_get_prints_a_token_as_long_as_one_is_valid(signed_in: Program, sandbox: Sandbox, kind: str) -> None:
    old = sandbox.grants[0].access_token
    age(signed_in, 14 * DAY - 60)
    sandbox.fault(f"refresh={kind}")
    status, out, err = run(signed_in, "get")
    seen = MET[kind]
    if seen == FINE:
        new = sandbox.grants[0].access_token
        assert (status, out, err, new != old) == (0, f"{new}\n", "", True)
    elif seen.hint == SIGN_IN:
        assert (status, out, err) == (3, "", f"Error: {seen.sentence}\n{SIGN_IN}\n")
    else:
        assert (status, out) == (0, f"{old}\n")
        assert err.startswith(f"Warning: the access token was not refreshed. {seen.sentence}\n")


def test_the_same_token_is_unchanged(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.fault("refresh=same-token")
    assert run(signed_in, "refresh") == (
        0,
        "default: unchanged; Webex renews at most once in 24 hours and answered with the same access token, which "
        "expires TIME (in 14 days).\n",
        "",
    )


def test_a_lost_answer_ends_with_a_sign_in(signed_in: Program, sandbox: Sandbox) -> None:
    """The old refresh token is used again, which revokes the grant: the program cannot know the new one."""
    sandbox.fault("refresh=answer-lost")
    assert run(signed_in, "refresh")[0] == 4
    status, _, err = run(signed_in, "refresh")
    assert (status, "The refresh token has been used before; the grant is revoked" in err) == (3, True)


# What the program says of these differs from 503 in the number alone: the table of errors tests each.
LIKE_503 = {"408", "425", "500", "502", "504"}


def test_every_kind_is_met() -> None:
    assert {kind.partition(":")[0] for kind in MET} | {"same-token"} | LIKE_503 == set(KINDS)
