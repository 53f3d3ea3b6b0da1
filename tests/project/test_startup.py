"""A command pays at start-up for what it uses, and for nothing else."""

import subprocess
import sys

import pytest

from tests.support.imports import HEAVY, MILLISECONDS
from tests.support.program import Program

pytestmark = pytest.mark.long


def imported(program: Program, *arguments: str, stdin: str = "") -> set[str]:
    """The modules that a run imports, as the interpreter tells it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "webex_token_cli", *arguments],
        env=program.environment,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("get", "--help"),
        ("exec", "--help"),
        ("login", "--help"),
        ("logout", "--help"),
        ("export", "--help"),
        ("import", "--help"),
        ("service", "install", "--help"),
        ("doctor", "--help"),
        ("completion", "zsh"),
        (),
    ],
)
def test_asking_for_help_imports_nothing_heavy(program: Program, arguments: tuple[str, ...]) -> None:
    assert imported(program, *arguments) & HEAVY == set()


# What a request to Webex takes.
HTTP = {"requests", "ssl", "urllib3"}

# Every heavy module that a command imports, over the file store and over the Secret Service. The commands run in this
# order; `import` reads what `export` printed.
FILE_STORE = [
    ("login", {*HTTP, "asyncio", "filelock"}),
    ("get", set()),
    ("get --format env", set()),
    ("get --min-valid 20d", {*HTTP, "filelock"}),
    ("show", set()),
    ("show --all", set()),
    ("show --check", HTTP),
    ("exec true", set()),
    ("refresh", {*HTTP, "filelock"}),
    ("refresh --if-older-than 1d", set()),
    ("export", set()),
    ("import", {*HTTP, "filelock"}),
    ("watch --once", {*HTTP, "filelock"}),
    ("doctor", {*HTTP, "asyncio", "filelock"}),
    ("logout", {"filelock"}),
]
# Only what creates or deletes an entry, or does so as a test, takes the keyring library.
SECRET_SERVICE = [
    ("login", {*HTTP, "asyncio", "cryptography", "filelock", "keyring"}),
    ("get", {"cryptography"}),
    ("get --min-valid 20d", {*HTTP, "cryptography", "filelock"}),
    ("show", {"cryptography"}),
    ("show --all", {"cryptography"}),
    ("show --check", {*HTTP, "cryptography"}),
    ("exec true", {"cryptography"}),
    ("refresh", {*HTTP, "cryptography", "filelock"}),
    ("refresh --if-older-than 1d", {"cryptography"}),
    ("export", {"cryptography"}),
    ("import", {*HTTP, "cryptography", "filelock", "keyring"}),
    ("watch --once", {*HTTP, "cryptography", "filelock"}),
    ("doctor", {*HTTP, "asyncio", "cryptography", "filelock", "keyring"}),
    ("logout", {"cryptography", "filelock", "keyring", "ssl"}),
]


def heavy_imports(program: Program, lines: list[str]) -> list[tuple[str, set[str]]]:
    """The heavy modules that each command of ``lines`` imports."""
    found, exported = [], ""
    for line in lines:
        if line == "export":
            exported = program.run("export").out
        # Without --verbose, what the keyring prints is held back, and the interpreter's report of imports as well.
        found.append((line, imported(program, "-v", *line.split(), stdin=exported) & HEAVY))
    return found


def test_a_command_over_the_file_store_imports_exactly_this(program: Program) -> None:
    assert heavy_imports(program, [line for line, _ in FILE_STORE]) == FILE_STORE


@pytest.mark.parametrize("line", ["--version", "get", "get --format header", "get --format env", "show", "exec true"])
def test_the_commands_of_prompts_and_loops_save_milliseconds_as_well(signed_in: Program, line: str) -> None:
    assert imported(signed_in, *line.split()) & MILLISECONDS == set()


@pytest.mark.skipif(sys.platform != "linux", reason="a library finds the folders of other systems")
def test_no_library_is_imported_to_find_the_folders_of_linux(program: Program) -> None:
    at_home = program.having(WEBEX_TOKEN_HOME=None, WEBEX_TOKEN_STORE="file")
    assert at_home.run("login").status == 0
    assert imported(at_home, "get") & HEAVY == set()


def test_a_command_over_the_secret_service_imports_exactly_this(
    program: Program, keyring_session: dict[str, str]
) -> None:
    in_keyring = program.having(**keyring_session, WEBEX_TOKEN_STORE="keyring", WEBEX_TOKEN_PROFILE="start-up")
    assert heavy_imports(in_keyring, [line for line, _ in SECRET_SERVICE]) == SECRET_SERVICE


def test_no_other_store_is_imported_with_the_secret_service(program: Program, keyring_session: dict[str, str]) -> None:
    in_keyring = program.having(**keyring_session, WEBEX_TOKEN_STORE="keyring", WEBEX_TOKEN_PROFILE="alone")
    assert in_keyring.run("login").status == 0
    stores = {name.removeprefix("webex_token_cli.store.") for name in imported(in_keyring, "-v", "get")}
    assert stores & {"file", "vault", "keyring.credential_manager"} == set()


@pytest.mark.parametrize("store", ["file", "keyring"])
def test_a_watch_needs_the_keyring_library_for_neither_files_nor_the_secret_service(
    program: Program, keyring_session: dict[str, str], store: str
) -> None:
    chosen = program.having(**keyring_session, WEBEX_TOKEN_STORE=store, WEBEX_TOKEN_PROFILE="watched")
    assert chosen.run("login").status == 0
    assert "keyring" not in imported(chosen.having(WEBEX_TOKEN_STORE=None), "-v", "watch", "--once")


def test_importing_the_package_imports_nothing_else() -> None:
    """A program that imports ``access_token`` or ``TokenAuth`` pays when it first uses them."""
    script = "import sys; before = set(sys.modules); import webex_token_cli; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split() == ["webex_token_cli", "webex_token_cli._version"]


def test_requests_is_imported_for_its_own_users_only() -> None:
    script = "import sys; from webex_token_cli import TokenAuth; TokenAuth(); print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "False\n"


def test_help_imports_no_command(program: Program) -> None:
    commands = {name for name in imported(program, "--help") if name.startswith("webex_token_cli.commands.")}
    assert commands == set()
