"""The run of all checks.

To add a check, write a module with a function ``check(examination: Examination) -> list[Finding]`` and add that
function to CHECKS below.
"""

from collections.abc import Sequence

from webex_token_cli.doctor import browser, network, profiles, redirect_port, stores
from webex_token_cli.doctor.configuration import check_configuration
from webex_token_cli.doctor.examination import Check, Examination, Machine
from webex_token_cli.doctor.findings import Finding
from webex_token_cli.system.timeouts import RunningCall

# The order of the report. A check comes after those whose problems would explain its own.
CHECKS: tuple[Check, ...] = (
    stores.check,
    redirect_port.check,
    browser.check,
    network.check,
    profiles.check,
)

# Webex may take long to answer, so these run in a thread of their own while the other checks run. The store check must
# stay in the main thread, which receives signals: it removes its probe entry whatever ends the program.
IN_BACKGROUND: frozenset[Check] = frozenset({network.check})


def examine(machine: Machine, named: Sequence[str]) -> list[Finding]:
    """Run every check for the profiles ``named``, or for all profiles if none is named."""
    configuration = check_configuration(
        machine.config, machine.overrides, machine.variables, named, machine.names, machine.section
    )
    examination = Examination(machine, configuration)
    background = {check: RunningCall(lambda check=check: check(examination)) for check in IN_BACKGROUND}  # type: ignore[misc]
    findings = list(configuration.findings)
    # The findings of a background check are awaited last, and reported in their place.
    found: dict[Check, list[Finding]] = {}
    for check in CHECKS:
        if check not in background:
            found[check] = check(Examination(machine, configuration, tuple(findings)))
            findings += found[check]
    found |= {check: call.result() for check, call in background.items()}
    return [*configuration.findings, *(finding for check in CHECKS for finding in found[check])]
