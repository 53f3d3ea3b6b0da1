"""All checks of a machine, those that wait for Webex beside the others."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.settings import Overrides
from webex_token_cli.doctor.browser import BROWSER, PORT, check_browser, check_port
from webex_token_cli.doctor.configuration import CHECK as CONFIG
from webex_token_cli.doctor.configuration import Configuration, check_configuration
from webex_token_cli.doctor.findings import Finding, Level, skipped
from webex_token_cli.doctor.network import CLOCK, NETWORK, check_webex
from webex_token_cli.doctor.stores import PROFILE, STORE, check_profile, check_store
from webex_token_cli.signin.flows import Situation
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.system.timeouts import start_call
from webex_token_cli.webex.client import WebexClient

# Nothing of the ones after a problem with the one before can be trusted more than it.
ORDER = (CONFIG, STORE, PORT, BROWSER, NETWORK, CLOCK, PROFILE)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is examined, and what it is examined with.

    ``config``, ``store`` and ``client`` may raise what the commands would fail with; ``others`` are the settings
    that no profile has, each raising ConfigurationError when it is none; ``find_browser`` names the one that would
    open, and ``holder`` who has a port. ``note`` is told what is looked at next.
    """

    config: Callable[[], ConfigFile]
    overrides: Overrides
    others: Iterable[Callable[[], object]]
    store: Callable[[str], CredentialStore]
    client: Callable[[str], WebexClient]
    surroundings: Situation
    find_browser: Callable[[], str | None]
    holder: Callable[[int], str | None]
    clock: Callable[[], float]
    note: Callable[[str], None] = lambda _: None


def examine(machine: Machine, named: Sequence[str]) -> list[Finding]:
    """What there is to say of the profiles ``named``, or of all, and of what they need; in a fixed order."""
    configuration = check_configuration(machine.config, machine.overrides, machine.others, named)
    findings = [*configuration.findings]
    # Webex may let us wait, so it is asked while the rest is looked at. The store stays in this thread, which alone
    # is told of signals: whatever ends the program, the probe's entry goes first.
    asked = [
        start_call(lambda url=url: check_webex(url, machine.client, machine.clock))  # type: ignore[misc]
        for url in _distinct(settings.api_url for settings in configuration.settings)
    ]
    findings += _of_stores(machine, configuration)
    for uri in _distinct(settings.redirect_uri for settings in configuration.settings):
        machine.note(f"Looking at the port of {uri} …")
        findings.append(check_port(uri, machine.holder))
    machine.note("Looking for a browser …")
    findings.append(check_browser(machine.surroundings, machine.find_browser))
    for each in asked:
        findings += each.result()
    if not configuration.settings:
        findings += [
            skipped(each, "", "Not checked: the settings cannot be used.", _MEND)
            for each in (STORE, PORT, NETWORK, CLOCK)
        ]
    return sorted(findings, key=lambda finding: ORDER.index(finding.check))


_MEND = "Mend the configuration first."


def _of_stores(machine: Machine, configuration: Configuration) -> list[Finding]:
    """What there is to say of each store, and of each profile's entry in it."""
    findings = []
    failed = set()
    for name in _distinct(settings.store for settings in configuration.settings):
        machine.note(f"Trying the {name} store …")
        found = check_store(name, machine.store)
        findings.append(found)
        if found.level is not Level.OK:
            failed.add(name)
    stores = {settings.profile: settings.store for settings in configuration.settings}
    for profile in configuration.profiles:
        if profile not in stores:
            findings.append(
                skipped(PROFILE, profile, f"Profile {profile} is not checked: its settings cannot be used.", _MEND)
            )
        elif stores[profile] in failed:
            findings.append(
                skipped(
                    PROFILE,
                    profile,
                    f"Profile {profile} is not checked: its store does not work.",
                    "See to the store first.",
                )
            )
        else:
            findings.append(check_profile(profile, machine.store(stores[profile]), machine.clock()))
    return findings


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
