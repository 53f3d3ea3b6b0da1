"""What a service runs, how it stands, and how a service manager's own command is asked. No manager in particular."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from webex_token_cli.text import printable

NAME = "webex-token"

# A start is waited for until the service says that it is ready, or the manager gives up on it (5 minutes).
_BOUND = 400.0

# What decides which profiles `watch` finds, where they are stored, and how Webex is reached.
_PATHS = ("WEBEX_TOKEN_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_WORDS = ("WEBEX_TOKEN_STORE", "WEBEX_TOKEN_API_URL", "PYTHON_KEYRING_BACKEND", "NO_PROXY", "no_proxy")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class Job:
    """The command that the service runs, its program an absolute path, and what it needs of the environment."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the service stands: whether the manager knows it, starts it by itself, and runs it.

    ``since`` is when it started, as the manager writes it; ``says`` what it last told of itself. ``ended_with``
    is the exit status of its last run, where it ended by itself.
    """

    known: bool = False
    enabled: bool = False
    running: bool = False
    stale: bool = False
    since: str = ""
    says: str = ""
    state: str = ""
    ended_with: int | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to."""

    status: int
    out: str = ""
    err: str = ""

    @property
    def why(self) -> str:
        """What it said of its failure, in one line without a full stop."""
        said = self.err.strip() or self.out.strip() or f"exit status {self.status}"
        return printable(said.splitlines()[0]).rstrip(".")


Runner = Callable[[Sequence[str]], Ran]


class Manager(Protocol):
    """What runs services for a user on one kind of system.

    Every method may raise ConfigurationError when this user has no manager here, and WebexTokenError when it
    would not do what it was asked to.
    """

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        ...

    @property
    def log(self) -> str:
        """The command that shows what the service says."""
        ...

    def text(self, job: Job) -> str:
        """The file that has the manager run ``job``. Pure."""
        ...

    def standing(self) -> Standing:
        """How the service stands."""
        ...

    def start(self, standing: Standing, changed: bool) -> bool:
        """Have what is in ``path`` run, now and from now on; whether anything had to be done.

        ``changed`` says that the file is another one than the one that runs. Raises SignInNeeded when it
        ended at once for want of a sign-in.
        """
        ...

    def stop(self, standing: Standing) -> None:
        """End it, and have it started no more; the file is still there."""
        ...

    def forget(self) -> None:
        """Take notice that the file is gone."""
        ...

    def lasting(self) -> str:
        """Until when it runs: the end of the session or beyond it, and what to do about that."""
        ...

    def how_to_add(self, variable: str) -> str:
        """How the user gives the service a variable that no file of ours may hold."""
        ...


def run(command: Sequence[str]) -> Ran:
    """Run a manager's command to its end, and never raise: one that is missing or hangs did not work."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_BOUND,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ran(124, err=f"{command[0]} did not end within {_BOUND:.0f} seconds")
    except OSError as error:
        return Ran(127, err=f"{command[0]}: {error.strerror or type(error).__name__}")
    return Ran(done.returncode, done.stdout, done.stderr)


def carried_over(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the environment in force now the service is to have: it is started from an environment of its own.

    Never a secret: a proxy's address that has a password in it is left out, see ``left_out``.
    """
    kept = {name: _absolute(environment[name]) for name in _PATHS if environment.get(name)}
    kept |= {name: environment[name] for name in _WORDS if environment.get(name)}
    return kept | {
        name: environment[name] for name in _PROXIES if environment.get(name) and not _secret(environment[name])
    }


def left_out(environment: Mapping[str, str]) -> list[str]:
    """The variables that the service would need and that are not written into a file, since they hold a password."""
    return [name for name in _PROXIES if _secret(environment.get(name, ""))]


def _absolute(path: str) -> str:
    """``path`` wherever the service starts; ``~`` is for the program to expand, as it always does."""
    return path if path.startswith("~") else str(Path(path).absolute())


def _secret(address: str) -> bool:
    return "@" in address


def this_program(argument: str, interpreter: str, executable: Callable[[Path], bool]) -> tuple[str, ...]:
    """How to start this program again: the command that was typed, if it is a file, else its module.

    A link, such as pipx makes, is not followed: what it leads to moves with an upgrade, the link does not.
    """
    path = Path(argument).absolute()
    if path.stem == NAME and executable(path):
        return (str(path),)
    return (str(Path(interpreter).absolute()), "-m", "webex_token_cli")
