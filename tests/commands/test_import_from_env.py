"""``import --from-env``: the variables of CI systems become a profile."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Finished, Program
from tests.support.signing_in import sign_in
from tests.support.stored import TIME, config_file, record_file, stored_files
from webex_token_cli.application import Application
from webex_token_cli.errors import ConfigurationError, StoreUnavailable
from webex_token_cli.sandbox import Answer, Rules, Sandbox
from webex_token_cli.store.local.locks import locked
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.tokens import Person
from webex_token_cli.transfer.imports import import_refresh_token


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), rotate=True)


@pytest.fixture
def issued(sandbox: Sandbox) -> dict[str, str]:
    """The token response of a sign-in somewhere else."""
    return sandbox.token_response(("spark:all", "spark:kms"))


@pytest.fixture
def ci(program: Program, issued: dict[str, str]) -> Program:
    """A machine that has the client id, the client secret and the refresh token in its environment."""
    return program.having(WEBEX_REFRESH_TOKEN=issued["refresh_token"])


def test_a_refresh_token_is_redeemed_once_and_becomes_a_profile(ci: Program, sandbox: Sandbox) -> None:
    done = ci.run("import", "--from-env", "-p", "ci")
    grant = sandbox.grants[0]
    assert (done.status, done.err) == (0, "")
    assert re.sub(TIME, "TIME", done.out).splitlines() == [
        "Imported the sign-in of Ada Lovelace <ada@example.com> (profile ci).",
        "The access token expires TIME (in 14 days).",
        f"Stored in plain file {record_file(ci, 'ci')}.",
        "To keep it valid, run `webex-token watch --profile ci`.",
    ]
    record = json.loads(record_file(ci, "ci").read_text())
    assert (record["access_token"], record["refresh_token"]) == (grant.access_token, grant.refresh_token)
    assert record["refresh_token"] != ci.variables["WEBEX_REFRESH_TOKEN"]
    assert (record["client_id"], record["client_secret"]) == (sandbox.client_id, sandbox.client_secret)
    assert "scopes = spark:all spark:kms\n" in config_file(ci).read_text()
    assert [entry.path for entry in sandbox.journal] == ["/v1/access_token", "/v1/people/me"]
    assert ci.having(WEBEX_REFRESH_TOKEN=None).run("refresh", "-p", "ci").status == 0


@pytest.mark.parametrize("told", [True, False])
def test_with_an_access_token_nothing_is_redeemed(
    ci: Program, sandbox: Sandbox, issued: dict[str, str], told: bool
) -> None:
    if not told:
        sandbox.order(Answer("/v1/authorizations/tokenExpiry", 403))
    done = ci.having(WEBEX_ACCESS_TOKEN=issued["access_token"]).run("import", "--from-env")
    assert (done.status, done.err) == (0, "")
    unknown = [
        "The access token expires at an unknown time.",
        "`webex-token refresh` finds out when the tokens expire.",
    ]
    assert re.sub(TIME, "TIME", done.out).splitlines()[:-2] == [
        "Imported the tokens of Ada Lovelace <ada@example.com> (profile default).",
        *(["The access token expires TIME (in 14 days)."] if told else unknown),
    ]
    record = json.loads(record_file(ci).read_text())
    assert (record["access_token"], record["refresh_token"]) == (issued["access_token"], issued["refresh_token"])
    assert "/v1/access_token" not in [entry.path for entry in sandbox.journal]
    assert ci.run("refresh").status == 0


def test_an_answer_without_a_refresh_token_leaves_the_old_one_in_force(ci: Program, sandbox: Sandbox) -> None:
    answer = {"access_token": "new", "expires_in": 600}
    sandbox.order(Answer("/v1/access_token", 200, {"Content-Type": "application/json"}, json.dumps(answer)))
    assert run_in_process(ci, "import", "--from-env").status == 0
    record = json.loads(record_file(ci).read_text())
    assert (record["access_token"], record["refresh_token"]) == ("new", ci.variables["WEBEX_REFRESH_TOKEN"])


NAMES = ("WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET", "WEBEX_REFRESH_TOKEN")
HINT = "Set WEBEX_CLIENT_ID, WEBEX_CLIENT_SECRET, WEBEX_REFRESH_TOKEN, and WEBEX_ACCESS_TOKEN if you have it.\n"


@pytest.mark.parametrize("missing", [*((name,) for name in NAMES), NAMES])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_variables_are_named(
    ci: Program, sandbox: Sandbox, missing: tuple[str, ...], value: str | None
) -> None:
    done = run_in_process(ci.having(**dict.fromkeys(missing, value)), "import", "--from-env")
    assert done == Finished(2, "", f"Error: The environment has no {' and no '.join(missing)}.\n{HINT}")
    assert (stored_files(ci), sandbox.requests) == ({}, [])


@pytest.mark.parametrize("name", ["WEBEX_REFRESH_TOKEN", "WEBEX_ACCESS_TOKEN"])
def test_a_value_that_is_no_token_is_refused_and_not_repeated(ci: Program, sandbox: Sandbox, name: str) -> None:
    done = run_in_process(ci.having(**{name: "not a\ttoken, but private"}), "import", "--from-env")
    assert (done.status, done.out) == (2, "")
    assert f"The value of {name} cannot be a token." in done.err
    assert "private" not in done.err
    assert (stored_files(ci), sandbox.requests) == ({}, [])


def test_a_file_cannot_be_given_as_well(ci: Program, sandbox: Sandbox) -> None:
    done = run_in_process(ci, "import", "--from-env", "tokens.json")
    assert done.status == 2
    assert "--from-env reads the environment, so FILE cannot be given with it." in done.err
    assert sandbox.requests == []


def test_options_come_before_the_variables(ci: Program, tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "secret").write_text(sandbox.client_secret)
    wrong = ci.having(WEBEX_CLIENT_ID="wrong", WEBEX_CLIENT_SECRET=None)
    given = ("--client-id", sandbox.client_id, "--client-secret-file", str(tmp_path / "secret"))
    assert run_in_process(wrong, "import", "--from-env", *given, "--scope", "spark:all").status == 0
    assert "scopes = spark:all\n" in config_file(ci).read_text()


def test_a_refresh_token_that_webex_refuses_leaves_what_was_stored(ci: Program, sandbox: Sandbox) -> None:
    sign_in(ci)
    before = stored_files(ci)
    sandbox.revoke()
    done = run_in_process(ci, "import", "--from-env")
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith("Error: The refresh token in WEBEX_REFRESH_TOKEN cannot be used. ")
    assert done.err.endswith("Put one that is valid into WEBEX_REFRESH_TOKEN, or sign in with `webex-token login`.\n")
    assert stored_files(ci) == before


@pytest.mark.parametrize(("fault", "status"), [(503, 4), (401, 3)])
def test_other_failures_leave_what_was_stored(ci: Program, sandbox: Sandbox, fault: int, status: int) -> None:
    sign_in(ci)
    before = stored_files(ci)
    sandbox.order(Answer("/v1/access_token", fault, {}, json.dumps({"error": "invalid_client"})))
    assert run_in_process(ci, "import", "--from-env").status == status
    assert stored_files(ci) == before


def test_a_store_that_cannot_be_written_costs_no_refresh_token(ci: Program, sandbox: Sandbox) -> None:
    folder = Path(ci.variables["WEBEX_TOKEN_HOME"])
    folder.mkdir()
    (folder / "credentials").write_text("a file where the folder should be")
    assert run_in_process(ci, "import", "--from-env").status == 5
    assert sandbox.requests == []


@pytest.fixture
def application(ci: Program) -> Application:
    return Application(ci.variables)


@dataclass
class AnyPerson:
    """Which persons an import accepts. ``when_asked`` is called with the person whom Webex names."""

    accepts: bool = True
    when_asked: Callable[[Person], object] = lambda _: None

    def allows(self, person: Person, /) -> bool:
        self.when_asked(person)
        return self.accepts

    def before_import(self, person: Person | None, /) -> None:
        raise NotImplementedError

    def imported_as(self, profile: str, person: Person, /) -> ConfigurationError:
        return ConfigurationError(f"{person.display_name}'s tokens are stored as {profile}.", "")


def import_with(application: Application, sleeps: list[float], rules: AnyPerson | None = None) -> str:
    settings = application.settings("default")._replace(client_id=application.environment["WEBEX_CLIENT_ID"])
    imported = import_refresh_token(
        application,
        settings,
        application.environment["WEBEX_CLIENT_SECRET"],
        application.environment["WEBEX_REFRESH_TOKEN"],
        rules or AnyPerson(),
        scopes_are_given=False,
        sleep=sleeps.append,
    )
    return imported.record.access_token


def test_an_answer_is_saved_as_patiently_as_that_of_a_refresh(
    application: Application, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps: list[float] = []
    failing(monkeypatch, 3)
    assert import_with(application, sleeps) == sandbox.grants[0].access_token
    assert sleeps == [1, 2, 3]


@pytest.mark.parametrize("accepts", [True, False])
def test_an_answer_that_cannot_be_saved_is_said_to_be_lost(
    application: Application, monkeypatch: pytest.MonkeyPatch, accepts: bool
) -> None:
    failing(monkeypatch, 4)
    with pytest.raises(StoreUnavailable, match="its answer could not be stored: It is full") as raised:
        import_with(application, [], AnyPerson(accepts))
    assert "If Webex then refuses WEBEX_REFRESH_TOKEN, it has replaced it" in raised.value.hint


def test_ctrl_c_after_the_refresh_token_was_redeemed_waits_until_the_answer_is_stored(
    application: Application, ci: Program, sandbox: Sandbox
) -> None:
    with pytest.raises(KeyboardInterrupt):
        import_with(application, [], AnyPerson(when_asked=lambda _: signal.raise_signal(signal.SIGINT)))
    assert json.loads(record_file(ci).read_text())["refresh_token"] == sandbox.grants[0].refresh_token


def test_a_profile_that_tokens_of_another_person_become_takes_no_name_of_another_profile(
    application: Application, ci: Program
) -> None:
    sign_in(ci, "default-imported")
    config_file(ci).write_text("[default-imported-2]\nstore = keyring\n")
    with pytest.raises(ConfigurationError, match="Ada Lovelace's tokens are stored as default-imported-3"):
        import_with(application, [], AnyPerson(accepts=False))


def test_a_refresh_token_is_not_redeemed_while_another_process_has_the_lock(ci: Program, sandbox: Sandbox) -> None:
    lock = record_file(ci).with_suffix(".json.lock")
    with locked(lock, print), ci.started("import", "--from-env") as waiting:
        waiting.wait_for("Waiting for another webex-token")
        assert sandbox.requests == []
    assert ci.run("import", "--from-env").status == 0


def failing(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the store fail so many times."""
    save, left = LocalStore.save, iter(range(times))

    def saving(self: LocalStore, *arguments: object) -> None:
        if next(left, None) is not None:
            raise StoreUnavailable("It is full.", "Make room.")
        save(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalStore, "save", saving)


def test_no_secret_is_in_any_message(ci: Program, sandbox: Sandbox, issued: dict[str, str]) -> None:
    secrets = {*sandbox.issued, sandbox.client_secret, *issued.values()} - {"Bearer", ""}
    for done in runs(ci, sandbox, issued):
        shown = done.out + done.err
        assert [secret for secret in secrets if isinstance(secret, str) and len(secret) > 30 and secret in shown] == []


def runs(ci: Program, sandbox: Sandbox, issued: dict[str, str]) -> Iterator[Finished]:
    """Imports that succeed, and imports whose answers repeat the secrets."""
    quoting = json.dumps({"error": "invalid_grant", "error_description": f"Bad {issued['refresh_token']} given"})
    for status in (400, 403, 500):
        sandbox.order(Answer("/v1/access_token", status, {}, quoting))
        yield run_in_process(ci, "--debug", "import", "--from-env")
    yield run_in_process(ci.having(WEBEX_ACCESS_TOKEN=issued["access_token"]), "--debug", "import", "--from-env")
    yield run_in_process(ci, "--debug", "import", "--from-env", "--json")
    yield run_in_process(ci, "--debug", "import", "--from-env", "--json")
    yield run_in_process(ci, "--debug", "import", "--from-env", issued["refresh_token"][:3])
