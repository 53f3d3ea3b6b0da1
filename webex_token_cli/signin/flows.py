"""Which way of signing in suits this machine. Pure."""

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
    """Where the program runs: ``platform`` as in ``sys.platform``; ``interactive`` when a person is at a terminal."""

    platform: str
    environment: Mapping[str, str]
    interactive: bool

    def is_set(self, *names: str) -> str:
        """The first of the variables that is set to something; empty when they are all unset."""
        return next((name for name in names if self.environment.get(name)), "")

    @property
    def ssh(self) -> str:
        """The variable that tells of an SSH session; empty outside of one."""
        return self.is_set("SSH_CONNECTION", "SSH_TTY")


@dataclass(frozen=True, slots=True)
class Choice:
    """A flow, and why it was chosen, as the end of a sentence that begins with "because"."""

    flow: Flow
    why: str


def choose(situation: Situation, *, redirect_is_local: bool, listens: bool, opens_browser: bool) -> Choice:
    """The flow that suits ``situation``.

    ``listens`` says that ``--listen`` was given, ``opens_browser`` that ``--no-browser`` was not. Raises
    ConfigurationError, naming the flows, when no flow works without being chosen.
    """
    if listens:
        return Choice(Flow.BROWSER, "--listen says where the redirect arrives")
    if not redirect_is_local:
        return _pasting(situation, "the redirect URI leads to another machine")
    if not opens_browser:
        return Choice(Flow.BROWSER, "--no-browser leaves the opening to you")
    return _opening(situation)


def _opening(situation: Situation) -> Choice:
    """Open a browser if that can work here. A ``BROWSER`` that is set is a person's word, wherever they are."""
    if situation.is_set("BROWSER"):
        return Choice(Flow.BROWSER, "BROWSER is set")
    if situation.ssh:
        return _pasting(situation, f"this is an SSH session ({situation.ssh}), and your browser is elsewhere")
    if situation.is_set("CI"):
        return _pasting(situation, "this is a CI run (CI)")
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
    return _pasting(situation, "there is no display (DISPLAY, WAYLAND_DISPLAY)")


def _pasting(situation: Situation, why: str) -> Choice:
    if situation.interactive:
        return Choice(Flow.PASTE, why)
    raise ConfigurationError(
        f"No browser can be opened here, because {why}, and nobody is at a terminal to paste into.",
        "Choose how to sign in: --flow browser waits for a browser that you open, --flow paste reads the address "
        "from standard input, --flow device shows a code to enter on any other machine.",
    )
