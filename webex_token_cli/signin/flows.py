"""Which way of signing in works on this machine. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from webex_token_cli.errors import ConfigurationError


class Flow(StrEnum):
    """The ways of signing in."""

    AUTO = "auto"
    BROWSER = "browser"
    PASTE = "paste"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the program runs. ``platform`` is ``sys.platform``; ``interactive`` says that a person is at a terminal."""

    platform: str
    environment: Mapping[str, str]
    interactive: bool

    def is_set(self, *names: str) -> str:
        """The first of the variables that is set and not empty; an empty string if there is none."""
        return next((name for name in names if self.environment.get(name)), "")

    @property
    def ssh(self) -> str:
        """The variable that tells of an SSH session; empty outside of one."""
        return self.is_set("SSH_CONNECTION", "SSH_TTY")


@dataclass(frozen=True, slots=True)
class Choice:
    """A flow, and why it was chosen, in words that can follow "because"."""

    flow: Flow
    why: str


def choose(situation: Situation, *, redirect_is_local: bool, listens: bool, opens_browser: bool) -> Choice:
    """The flow to use in ``situation``.

    ``listens`` says that ``--listen`` was given, ``opens_browser`` that ``--no-browser`` was not. Raises
    ConfigurationError, which names the flows, if none can be chosen without asking.
    """
    if listens:
        return Choice(Flow.BROWSER, "--listen says where the redirect arrives")
    if not redirect_is_local:
        return _paste(situation, "the redirect URI leads to another machine")
    if not opens_browser:
        return Choice(Flow.BROWSER, "--no-browser leaves the opening to you")
    return _browser_or_paste(situation)


def _browser_or_paste(situation: Situation) -> Choice:
    """The browser flow if a browser can be opened here. ``BROWSER`` decides wherever it is set: a person chose it."""
    if situation.is_set("BROWSER"):
        return Choice(Flow.BROWSER, "BROWSER is set")
    if situation.ssh:
        return _paste(situation, f"this is an SSH session ({situation.ssh}), and your browser is elsewhere")
    if situation.is_set("CI"):
        return _paste(situation, "this is a CI run (CI)")
    if situation.platform == "darwin":
        return Choice(Flow.BROWSER, "this is a Mac")
    if situation.platform in {"win32", "cygwin"}:
        return Choice(Flow.BROWSER, "this is Windows")
    subsystem = situation.is_set("WSL_DISTRO_NAME", "WSL_INTEROP")
    if subsystem:
        return Choice(Flow.BROWSER, f"this is WSL ({subsystem}), and Windows' browser reaches this listener")
    display = situation.is_set("WAYLAND_DISPLAY", "DISPLAY")
    if display:
        return Choice(Flow.BROWSER, f"there is a display ({display})")
    return _paste(situation, "there is no display (DISPLAY, WAYLAND_DISPLAY)")


def _paste(situation: Situation, why: str) -> Choice:
    if situation.interactive:
        return Choice(Flow.PASTE, why)
    raise ConfigurationError(
        f"No browser can be opened here, because {why}, and nobody is at a terminal to paste into.",
        "Choose how to sign in: --flow browser waits for a browser that you open, --flow paste reads the address "
        "from standard input, --flow device shows a code to enter on any other machine.",
    )
