"""Every command on a machine that has nothing but WEBEX_TOKEN_STORE=vault and the way to OpenBao, and no config.ini."""

from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.openbao import Server
from tests.support.program import Program
from tests.support.shared_store import host, path_in, sign_in_to, store_at
from tests.support.signing_in import sign_in
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.vault.store import VaultStore
from webex_token_cli.tokens import Person

pytestmark = pytest.mark.long

NAMES = ["one", "two"]


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


@pytest.fixture
def store(openbao: Server, mount: str, sandbox: Sandbox) -> VaultStore:
    """The store with two profiles."""
    store = store_at(openbao, mount)
    for name in NAMES:
        sign_in_to(store, sandbox, name)
    return store


@pytest.fixture(params=["absent", "in a folder that cannot be written"])
def machine(
    openbao: Server, mount: str, store: VaultStore, tmp_path: Path, request: pytest.FixtureRequest, redirect_uri: str
) -> Program:
    """A machine without a config.ini."""
    program = host(tmp_path / "machine", openbao, mount, WEBEX_REDIRECT_URI=redirect_uri)
    # Nobody can make a folder in /proc, not even root.
    return program if request.param == "absent" else program.having(WEBEX_TOKEN_HOME="/proc/webex-token")


def test_doctor_checks_the_profiles_that_the_store_lists(machine: Program) -> None:
    done = run_in_process(machine, "doctor")
    assert done.status == 0, done.out
    assert "The vault store, which WEBEX_TOKEN_STORE names, has 2 profiles, and every setting can be used." in done.out
    assert [f"Profile {name}: the access token expires" in done.out for name in NAMES] == [True, True]


def test_show_lists_the_profiles(machine: Program) -> None:
    done = run_in_process(machine, "show", "--all")
    assert (done.status, done.err) == (0, "")
    assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [[name, "fresh"] for name in NAMES]


def test_show_names_the_scopes_that_the_shared_settings_ask_for(machine: Program, store: VaultStore) -> None:
    record = store.load("one")
    assert record is not None
    store.save("one", record, store.settings("one")._replace(scopes="spark:all spark:kms"))
    shown = run_in_process(machine, "show", "--profile", "one").out
    assert "Asked for      spark:all spark:kms (Webex did not grant spark:kms)\n" in shown


def test_refresh_renews_all_of_them(machine: Program, sandbox: Sandbox) -> None:
    done = run_in_process(machine, "refresh", "--all")
    assert (done.status, done.err) == (0, "")
    assert [line.split(";")[0] for line in done.out.splitlines()] == [f"{name}: renewed" for name in NAMES]
    assert sandbox.outcomes() == ["renewed", "renewed"]


def test_get_prints_the_token(machine: Program, store: VaultStore) -> None:
    done = run_in_process(machine, "get", "-p", "two")
    record = store.load("two")
    assert record is not None
    assert (done.status, done.out, done.err) == (0, f"{record.access_token}\n", "")


def test_a_watch_checks_all_of_them(machine: Program) -> None:
    done = run_in_process(machine, "watch", "--once")
    assert (done.status, done.err) == (0, "")
    assert sorted(line.split("  ")[1] for line in done.out.splitlines()) == NAMES


def test_a_mistyped_profile_is_told_the_names(machine: Program) -> None:
    done = run_in_process(machine, "get", "-p", "tow")
    assert (done.status, done.err.splitlines()[-1].endswith("name one of the stored profiles: one, two.")) == (3, True)


def test_the_shell_completes_the_names(machine: Program) -> None:
    asked = {"_WEBEX_TOKEN_COMPLETE": "bash_complete", "COMP_WORDS": "webex-token get -p ", "COMP_CWORD": "3"}
    assert machine.having(**asked).run().out.split() == [f"plain,{name}" for name in NAMES]


def test_logout_removes_all_of_them(machine: Program, store: VaultStore) -> None:
    done = run_in_process(machine, "logout", "--all")
    assert (done.status, done.out, done.err) == (0, "one: removed.\ntwo: removed.\n", "")
    assert store.names() == []


def test_an_export_can_be_imported(machine: Program, store: VaultStore) -> None:
    exported = run_in_process(machine, "export", "-p", "one")
    imported = run_in_process(machine, "import", "-p", "three", stdin=exported.out)
    assert (exported.status, imported.status) == (0, 0)
    assert store.load("three") == store.load("one")
    assert store.settings("three")._replace(name="one") == store.settings("one")
    if "WEBEX_TOKEN_HOME" in machine.variables:  # nothing can be remembered there
        assert imported.err.startswith("Warning: config.ini does not say that profile three is in the vault store.")
        assert imported.err.endswith("So leave WEBEX_TOKEN_STORE=vault set.\n")
    else:
        assert imported.err == ""
    assert run_in_process(machine, "get", "-p", "three").status == 0


def test_a_profile_moves_to_the_store_and_back(program: Program, openbao: Server, mount: str) -> None:
    sign_in(program)
    there = program.having(**openbao.environment, WEBEX_TOKEN_STORE=None, **path_in(mount))
    exported = there.run("export")
    assert there.run("import", "-p", "moved", "--store", "vault", stdin=exported.out).status == 0
    back = there.run("export", "-p", "moved")
    assert back.out == exported.out
    done = there.run("import", "-p", "moved", "--store", "file", stdin=back.out)
    assert (done.status, done.err) == (0, "")
    assert store_at(openbao, mount).names() == []
    assert there.run("get", "-p", "moved").out == there.run("get").out


def test_a_sign_in_there_knows_the_person_and_the_scopes_of_the_profile(
    program: Program, openbao: Server, mount: str
) -> None:
    there = program.having(**openbao.environment, **path_in(mount), WEBEX_TOKEN_STORE="vault")
    assert there.run("login", "-p", "one", "--scope", "spark:people_read").status == 0
    store = store_at(openbao, mount)
    record, grace = store.load("one"), Person("another-id", "Grace Hopper")
    assert record is not None
    store.save("one", record.belonging_to(grace), store.settings("one"))
    refused = there.run("login", "-p", "one")
    assert (refused.status, "but profile one is the sign-in of Grace Hopper." in refused.err) == (6, True)
    assert store.load("one") == record.belonging_to(grace)
    assert there.run("login", "-p", "one", "--replace-person", "--add-scope", "spark:kms").status == 0
    assert store_at(openbao, mount).settings("one").scopes == "spark:people_read spark:kms"


def test_without_its_server_nothing_is_said_about_profiles(machine: Program) -> None:
    cut_off = machine.having(VAULT_ADDR="http://127.0.0.1:1")
    done = run_in_process(cut_off, "doctor")
    assert done.status == 4
    assert "WEBEX_TOKEN_STORE names the vault store; which profiles it has is not known." in done.out
    assert "Vault (http://127.0.0.1:1" in done.out
    assert run_in_process(cut_off, "show", "--all").status == 4
