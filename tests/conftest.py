"""What every test stands on: the sandbox, a program with a home of its own, and system pieces where asked for.

No test reaches the user's own folders, environment, keyring or browser, without having to ask.
"""

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support import credential_manager
from tests.support.chromium import Chromium
from tests.support.desktop import REQUIRED, desktop
from tests.support.listening import Login
from tests.support.ports import free_port
from tests.support.program import ACCEPTING_BROWSER, Program
from tests.support.requirements import require
from tests.support.signing_in import sign_in
from tests.support.user_database.sitecustomize import HOME as HOME_IN_USER_DATABASE
from tests.support.user_database.sitecustomize import entry_with
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.signin.authorization import RedirectURI

if TYPE_CHECKING:
    from tests.support.openbao import Server

# Runs of pytest as tests: it has to be named in this conftest, which pytest reads before all others.
pytest_plugins = ("pytester",)

# A test run in the background of a script inherits an ignored SIGINT, and so would every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGHUP", "SIGQUIT"):  # nohup has it ignore SIGHUP, and a shell's background job SIGQUIT
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)

# Hypothesis limits the time of an example, and of drawing it. The tests are about what is drawn, not how fast: on a new
# clone its tables of Unicode are built when text is first drawn, and a busy machine may stop for longer than allowed.
# The profile is based on the one in force, which on CI is Hypothesis' own: the same examples in each run.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# For .ci/fuzz, which repeats its rounds: other examples in each round, also on CI.
settings.register_profile("fuzz", settings.get_profile("any machine"), max_examples=1000, derandomize=False)
# With another umask, files that tests write would be ones that the program refuses, because others can write them.
os.umask(0o022)


def pytest_addoption(parser: pytest.Parser) -> None:
    """As many rounds as CONTRIBUTING.md says, instead of as many as fit into every run."""
    parser.addoption("--full", action="store_true", help="as often as CONTRIBUTING.md says (35 minutes)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that need Chromium: one Python is enough for them.

    Deselect those about POSIX on Windows, and those that only ``--full`` runs.
    """
    for item in items:
        if isinstance(item, pytest.Function) and "chromium" in item.fixturenames:
            item.add_marker(pytest.mark.machine)
    left_out = {"posix"} if os.name == "nt" else set()
    left_out |= set() if config.getoption("--full") else {"full"}
    deselected = [item for item in items if any(map(item.get_closest_marker, left_out))]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if not any(map(item.get_closest_marker, left_out))]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave a file alone on Windows if all of it is marked `posix`: most of these cannot even be imported there."""
    if (
        os.name == "nt"
        and collection_path.suffix == ".py"
        and "\npytestmark = pytest.mark.posix" in _text(collection_path)
    ):
        return True
    return None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def _own_entry_in_the_user_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The home folder in the user database, which no environment variable changes, is a temporary one as well."""
    home = str(tmp_path_factory.mktemp("home-in-the-user-database"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(HOME_IN_USER_DATABASE, home)
        if os.name != "nt":
            monkeypatch.setattr("pwd.getpwuid", entry_with(home))
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_credential_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """On Windows, entries of the Credential Manager have names that no program but those of this run reads."""
    if sys.platform == "win32":
        credential_manager.install()
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv(credential_manager.PREFIX, f"webex-token-tests/{uuid.uuid4()}/")
            yield
            credential_manager.remove_entries()
    else:
        yield


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's environment reaches the code under test."""
    for name in list(os.environ):
        if name.startswith(("WEBEX_", "EVENT_LOOP_", "XDG_", "VAULT_", "BAO_")) or name in {
            "BROWSER",
            "DBUS_SESSION_BUS_ADDRESS",
            "DISPLAY",
            "PYTHON_KEYRING_BACKEND",
            "WAYLAND_DISPLAY",
        }:
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("WEBEX_TOKEN_HOME", str(tmp_path / "webex-token-home"))


@pytest.fixture(scope="session")
def _keyring_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    require(*REQUIRED)
    with desktop(tmp_path_factory.mktemp("desktop") / "session") as variables:
        yield variables


@pytest.fixture
def keyring_session(_keyring_session: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables that lead to a GNOME Keyring; one for all tests, so each uses profiles of its own name."""
    return _keyring_session


@pytest.fixture
def own_desktop(keyring_session: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """A session whose keyring this test alone may lock; ``keyring_session`` only says that there can be one."""
    with desktop(tmp_path / "desktop") as variables:
        yield variables


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Server"]:
    """An OpenBao server in memory; one for all tests of a worker, so each mounts an engine of its own."""
    from tests.support.openbao import dev_server

    with dev_server(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    """A Chromium for the program to start."""
    require("chromium")
    browser = Chromium(tmp_path / "chromium", free_port())
    browser.prepare()
    yield browser
    browser.close()


@pytest.fixture
def redirect_uri() -> str:
    """A redirect URI whose port is free."""
    return f"http://localhost:{free_port()}/oauth"


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """How the sandbox of this test is set up; a test that needs other rules overrides this fixture."""
    return Rules(redirect_uris=(redirect_uri,))


@pytest.fixture
def sandbox(rules: Rules) -> Iterator[Sandbox]:
    """A running stand-in for Webex."""
    with Sandbox(rules) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, sandbox: Sandbox) -> Program:
    """The program, pointed at the sandbox, with a file store and a browser that accepts."""
    return Program(
        tmp_path / "home",
        {
            **sandbox.environment,
            "WEBEX_TOKEN_HOME": str(tmp_path / "webex-token-home"),
            "WEBEX_TOKEN_STORE": "file",
            "BROWSER": ACCEPTING_BROWSER,
        },
    )


@pytest.fixture
def signed_in(program: Program) -> Program:
    """The program after a sign-in of its default profile."""
    sign_in(program)
    return program


@pytest.fixture
def login() -> Iterator[Login]:
    """A browser flow that waits for this test to be its browser."""
    login = Login(RedirectURI.parse(f"http://localhost:{free_port()}/oauth"))
    login.may_finish.set()
    with login:
        yield login
