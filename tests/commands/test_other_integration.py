"""A profile that is signed in to one integration, and a command that is about another one, or about another API URL."""

import json
from pathlib import Path

import pytest

from tests.support.program import Finished, Program
from tests.support.stored import DAY, age, record_file
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.sandbox import Sandbox


@pytest.fixture
def elsewhere(signed_in: Program, sandbox: Sandbox) -> Program:
    """The signed-in program, pointed at the same sandbox by another URL."""
    return signed_in.having(WEBEX_TOKEN_API_URL=url_elsewhere(sandbox))


def url_elsewhere(sandbox: Sandbox) -> str:
    return sandbox.api_url.replace("127.0.0.1", "localhost")


def stored(program: Program) -> tuple[str, str]:
    """The profile's record and ``config.ini``."""
    return record_file(program).read_text(), Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini").read_text()


def would_replace(old: tuple[str, str], new: tuple[str, str]) -> str:
    """What is said before the sign-in to ``old`` (client id and API URL) is replaced by one to ``new``."""
    return (
        f"This would replace the sign-in of profile default to the integration …{old[0][-4:]} at {old[1]}, and its "
        f"client secret, by one to …{new[0][-4:]} at {new[1]}."
    )


OTHER = "C0123456789abcdef-other"
REFUSED_HINT = "Choose another profile with --profile, or give --replace."


def sent_elsewhere(sandbox: Sandbox) -> str:
    return (
        f"Warning: the stored secrets of profile default are sent to {url_elsewhere(sandbox)}, because "
        f"WEBEX_TOKEN_API_URL or --api-url overrides {sandbox.api_url}, where it is signed in."
    )


def refused(old: tuple[str, str], new: tuple[str, str]) -> Finished:
    return Finished(2, "", f"Error: {would_replace(old, new)}\n{REFUSED_HINT}\n")


def test_login_to_another_integration_is_refused_before_webex_is_asked(signed_in: Program, sandbox: Sandbox) -> None:
    before, asked = stored(signed_in), len(sandbox.requests)
    done = signed_in.run("login", "--client-id", OTHER)
    here = sandbox.client_id, sandbox.api_url
    assert done == refused(here, (OTHER, sandbox.api_url))
    assert (stored(signed_in), len(sandbox.requests)) == (before, asked)


def test_login_at_another_api_url_is_refused_without_replace(elsewhere: Program, sandbox: Sandbox) -> None:
    before, asked = stored(elsewhere), len(sandbox.requests)
    client_id = sandbox.client_id
    assert elsewhere.run("login") == refused((client_id, sandbox.api_url), (client_id, url_elsewhere(sandbox)))
    assert (stored(elsewhere), len(sandbox.requests)) == (before, asked)
    assert elsewhere.run("login", "-p", "another").status == 0
    assert stored(elsewhere)[0] == before[0]
    done = elsewhere.run("login", "--replace")
    assert done.out.startswith("Signed in as Ada Lovelace <ada@example.com> (profile default).\n")
    assert "are sent to" not in done.err  # the client secret comes from the environment
    assert f"api_url = {url_elsewhere(sandbox)}" in stored(elsewhere)[1]


def test_a_sign_in_in_another_store_is_known_from_the_configuration(signed_in: Program, sandbox: Sandbox) -> None:
    """The other store may not answer, so it is not asked."""
    record_file(signed_in).unlink()
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.write_text(config.read_text().replace("store = file", "store = keyring"))
    here = sandbox.client_id, sandbox.api_url
    assert signed_in.run("login", "--client-id", OTHER) == refused(here, (OTHER, sandbox.api_url))


def test_a_stored_client_secret_that_login_sends_to_another_api_url_is_named(
    elsewhere: Program, sandbox: Sandbox
) -> None:
    done = elsewhere.having(WEBEX_CLIENT_SECRET=None).run("login", "--replace")
    assert (done.status, done.err.splitlines()[0]) == (0, sent_elsewhere(sandbox))


@pytest.mark.parametrize("answer", ["n", "y"])
def test_login_asks_on_a_terminal(elsewhere: Program, sandbox: Sandbox, answer: str) -> None:
    before, client_id = stored(elsewhere), sandbox.client_id
    change = (client_id, sandbox.api_url), (client_id, url_elsewhere(sandbox))
    with at_a_terminal(elsewhere, "login", "--flow", "browser") as child:
        child.expect_exact(f"{would_replace(*change)}\r\nReplace it? [y/N]: ")
        child.sendline(answer)
        status, said = end_of(child)
    if answer == "y":
        assert (status, "Signed in as Ada Lovelace" in said) == (0, True)
    else:
        assert (status, said) == (
            2,
            f"n\r\nError: The sign-in of profile default was not replaced.\r\n{REFUSED_HINT}\r\n",
        )
        assert stored(elsewhere) == before


@pytest.mark.parametrize("kind", ["export", "token response"])
def test_import_for_another_integration_is_refused_without_replace(
    signed_in: Program, sandbox: Sandbox, kind: str
) -> None:
    here, other = (sandbox.client_id, sandbox.api_url), (OTHER, sandbox.api_url)
    if kind == "export":
        document = signed_in.run("export").out.replace(sandbox.client_id, OTHER)
        options = []
    else:
        document = json.dumps(sandbox.token_response())
        options = ["--client-id", OTHER]
    before, asked = stored(signed_in), len(sandbox.requests)
    assert signed_in.run("import", *options, stdin=document) == refused(here, other)
    assert (stored(signed_in), len(sandbox.requests)) == (before, asked)
    assert signed_in.run("import", *options, "--replace", stdin=document).status == 0
    assert f"client_id = {OTHER}" in stored(signed_in)[1]


def test_an_import_over_a_sign_in_to_the_same_integration_is_not_questioned(signed_in: Program) -> None:
    done = signed_in.run("import", stdin=signed_in.run("export").out)
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("refresh",),
        ("get", "--min-valid", "14d"),
        ("exec", "--min-valid", "14d", "--", "true"),
        ("watch", "--once"),
        ("show", "--check"),
        ("logout", "--revoke"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_sends_stored_secrets_to_another_api_url_says_so(
    elsewhere: Program, sandbox: Sandbox, arguments: tuple[str, ...]
) -> None:
    age(elsewhere, 2 * DAY)
    asked = len(sandbox.requests)
    said = elsewhere.run(*arguments).err
    assert said.splitlines()[0] == sent_elsewhere(sandbox)
    assert said.count("are sent to") == 1
    assert len(sandbox.requests) > asked


def test_nothing_is_said_of_another_api_url_if_nothing_is_sent_there(elsewhere: Program) -> None:
    assert [elsewhere.run(*arguments).err for arguments in (("get",), ("show",), ("export",))] == [""] * 3
