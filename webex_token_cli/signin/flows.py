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
class Surroundings:
    """What a choice depends on: ``platform`` as ``sys.platform``, and whether a person is at a terminal."""

    platform: str
    environment: Mapping[str, str]
    has_person: bool

    def is_set(self, *names: str) -> str:
        """The first of the variables that is set to something; empty if none is."""
        return next((name for name in names if self.environment.get(name)), "")


@dataclass(frozen=True, slots=True)
class Choice:
    """A flow, and why it was chosen, as the end of a sentence that begins with "because"."""

    flow: Flow
    why: str


def choose(surroundings: Surroundings, *, redirect_is_local: bool, listens: bool, opens_browser: bool) -> Choice:
    """The flow for these surroundings.

    ``listens`` says that ``--listen`` was given, ``opens_browser`` that ``--no-browser`` was not. Raises
    ConfigurationError, naming the flows, when none goes by itself.
    """
    if listens:
        return Choice(Flow.BROWSER, "--listen says where the redirect arrives")
    if not redirect_is_local:
        return _pasting(surroundings, "the redirect URI leads to another machine")
    if not opens_browser:
        return Choice(Flow.BROWSER, "--no-browser leaves the opening to you")
    return _opening(surroundings)


def _opening(surroundings: Surroundings) -> Choice:
    """Open a browser if that can work here. A ``BROWSER`` that is set is a person's word, wherever they are."""
    if surroundings.is_set("BROWSER"):
        return Choice(Flow.BROWSER, "BROWSER is set")
    remote = surroundings.is_set("SSH_CONNECTION", "SSH_TTY")
    if remote:
        return _pasting(surroundings, f"this is an SSH session ({remote}), and your browser is elsewhere")
    if surroundings.is_set("CI"):
        return _pasting(surroundings, "this is a CI run (CI)")
    if surroundings.platform == "darwin":
        return Choice(Flow.BROWSER, "this is a Mac")
    if surroundings.platform in {"win32", "cygwin"}:
        return Choice(Flow.BROWSER, "this is Windows")
    subsystem = surroundings.is_set("WSL_DISTRO_NAME", "WSL_INTEROP")
    if subsystem:
        return Choice(Flow.BROWSER, f"this is WSL ({subsystem}), and Windows' browser reaches this listener")
    display = surroundings.is_set("WAYLAND_DISPLAY", "DISPLAY")
    if display:
        return Choice(Flow.BROWSER, f"there is a display ({display})")
    return _pasting(surroundings, "there is no display (DISPLAY, WAYLAND_DISPLAY)")


def _pasting(surroundings: Surroundings, why: str) -> Choice:
    if surroundings.has_person:
        return Choice(Flow.PASTE, why)
    raise ConfigurationError(
        f"No browser can be opened here, because {why}, and nobody is at a terminal to paste into.",
        "Choose how to sign in: --flow browser waits for a browser that you open, --flow paste reads the address "
        "from standard input, --flow device shows a code to enter on any other machine.",
    )
