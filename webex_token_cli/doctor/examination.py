"""What a check is given: the machine's parts, the configuration found on it, and the findings so far."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.settings import Overrides, Profile, Settings
from webex_token_cli.doctor.configuration import Configuration
from webex_token_cli.doctor.findings import Finding
from webex_token_cli.signin.flows import Situation
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.webex.client import WebexClient


@dataclass(frozen=True, slots=True)
class Machine:
    """The parts of the machine that are examined.

    ``config``, ``names`` (of the stored profiles), ``section`` (the stored settings of a profile), ``store`` (by its
    name, as for a new sign-in), ``store_of`` (of a profile's settings) and ``client`` (by the API URL) may raise the
    errors that the commands would fail with. Each of ``variables`` parses one
    environment variable and raises ConfigurationError if it is invalid. ``find_browser`` names the browser that would
    open, and ``port_owner`` the program that listens on a port; both return None if there is none. ``clock`` gives UTC
    epoch seconds. ``note`` receives a line about each check that starts.
    """

    config: Callable[[], ConfigFile]
    overrides: Overrides
    names: Callable[[], list[str]]
    section: Callable[[str], Profile]
    variables: Iterable[Callable[[], object]]
    store: Callable[[str], CredentialStore]
    store_of: Callable[[Settings], CredentialStore]
    client: Callable[[str], WebexClient]
    situation: Situation
    find_browser: Callable[[], str | None]
    port_owner: Callable[[int], str | None]
    clock: Callable[[], float]
    note: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Examination:
    """One run of all checks. ``earlier`` holds the findings of the checks that have already ended."""

    machine: Machine
    configuration: Configuration
    earlier: tuple[Finding, ...] = ()

    @property
    def stores(self) -> list[str]:
        """The name of each credential store in use, once."""
        return _distinct(settings.store for settings in self.configuration.settings)

    @property
    def redirect_uris(self) -> list[str]:
        """Each redirect URI in use, once."""
        return _distinct(settings.redirect_uri for settings in self.configuration.settings)

    @property
    def api_urls(self) -> list[str]:
        """Each API base URL in use, once."""
        return _distinct(settings.api_url for settings in self.configuration.settings)


Check = Callable[[Examination], list[Finding]]


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
