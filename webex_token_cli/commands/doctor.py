"""``doctor``: check this machine, and say what to do about each problem."""

import platform
import shutil
import sys
import webbrowser
from functools import partial
from typing import TYPE_CHECKING

import click

from webex_token_cli._version import __version__
from webex_token_cli.application import Application
from webex_token_cli.cli.documents import to_json
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    interval_setting,
    json_option,
    max_age_setting,
    pass_application,
    profiles_option,
    verbosity_options,
)
from webex_token_cli.config.settings import Overrides

if TYPE_CHECKING:
    from webex_token_cli.doctor.examination import Machine
    from webex_token_cli.doctor.findings import Finding

_MARKS = {"ok": "✓", "warning": "!", "problem": "✗", "skipped": "–"}


_SETTINGS_CHECKED = (
    "So do WEBEX_CLIENT_ID, WEBEX_REDIRECT_URI and WEBEX_SCOPES, as for `login`. WEBEX_TOKEN_INTERVAL, "
    "EVENT_LOOP_SLEEP_SECONDS, WEBEX_TOKEN_MAX_AGE and EVENT_LOOP_DAYS are checked as `watch` reads them. BROWSER, "
    "DISPLAY and WAYLAND_DISPLAY decide whether a browser can be opened."
)


@click.command(
    "doctor",
    short_help="Find problems on this machine, and say how to fix them.",
    epilog=f"{SETTINGS_READ} {_SETTINGS_CHECKED}",
)
@profiles_option("Check")
@json_option
@verbosity_options
@pass_application
def command(application: Application, named: list[str], as_json: bool) -> int:
    """Check what a sign-in and a refresh need on this machine, and say what to do about each finding.

    The checks are: the configuration, the credential store (a probe entry is written, read and removed), the
    port of the redirect URI, the browser, the connection to Webex, the clock compared with Webex's, and each
    profile's tokens. No token is refreshed, the probe entry is removed, and no secret and no person's name is
    printed.

    \b
    Example:
      webex-token doctor
      webex-token doctor --profile work --json

    Exit status: 0 if there is no problem (there may be warnings); 2 if the configuration, the port or the clock
    is wrong; 3 if a sign-in is needed; 4 if Webex cannot be reached now; 5 if the credential store is
    unavailable. If there are several problems, the highest number is used.
    """
    from webex_token_cli.doctor.findings import exit_status
    from webex_token_cli.doctor.run import examine

    findings = examine(_machine(application), named)
    status = exit_status(findings)
    click.echo(_document(application, findings, status) if as_json else _report(findings))
    return status


def _machine(application: Application) -> "Machine":
    from webex_token_cli.doctor.examination import Machine
    from webex_token_cli.doctor.port_owner import port_owner
    from webex_token_cli.signin.flows import Situation

    environment = application.environment
    return Machine(
        config=lambda: application.config,
        overrides=Overrides(
            client_id=environment.get("WEBEX_CLIENT_ID"),
            redirect_uri=environment.get("WEBEX_REDIRECT_URI"),
            scopes=environment.get("WEBEX_SCOPES"),
            api_url=environment.get("WEBEX_TOKEN_API_URL"),
            store=environment.get("WEBEX_TOKEN_STORE"),
        ),
        names=application.names,
        section=application.section,
        variables=(partial(interval_setting, None, environment), partial(max_age_setting, None, environment)),
        store=application.store,
        store_of=application.store_of,
        client=application.client,
        # Assume a terminal: there, `login` names another flow if no browser is found.
        situation=Situation(sys.platform, environment, interactive=True),
        find_browser=_browser,
        port_owner=port_owner,
        clock=application.clock,
        note=application.detail,
    )


def _browser() -> str | None:
    """The name of the browser that ``login`` would open; None if there is none."""
    try:
        found = webbrowser.get()
    except Exception:  # noqa: BLE001 - BROWSER may hold anything, and webbrowser parses it without catching errors
        return None
    # webbrowser accepts any program that BROWSER names with "%s", whether or not it is installed.
    if isinstance(found, webbrowser.GenericBrowser) and shutil.which(found.name) is None:
        return None
    return getattr(found, "name", "") or type(found).__name__


def _report(findings: "list[Finding]") -> str:
    """One line for each finding with its fix below, and a summary."""
    levels = {finding: f"{_MARKS[finding.level]} {finding.level}" for finding in findings}
    left = max(map(len, levels.values())) + 2
    middle = max(len(finding.check) for finding in findings) + 2
    lines = []
    for finding in findings:
        lines.append(f"{levels[finding]:<{left}}{finding.check:<{middle}}{finding.message}")
        if finding.fix is not None:
            lines.append(f"{'':<{left + middle}}{finding.fix}")
    return "\n".join([*lines, "", _summary(findings)])


def _summary(findings: "list[Finding]") -> str:
    counts = {word: sum(finding.level == word for finding in findings) for word in ("problem", "warning")}
    counted = [f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items() if count]
    return f"{' and '.join(counted)}." if counted else "No problems found."


def _document(application: Application, findings: "list[Finding]", status: int) -> str:
    return to_json(
        {
            "now": int(application.clock()),
            "program": {
                "version": __version__,
                "python": platform.python_version(),
                "platform": platform.platform(),
            },
            "exit_status": status,
            "findings": [
                {
                    "check": finding.check,
                    "subject": finding.subject,
                    "level": finding.level,
                    "message": finding.message,
                    "fix": finding.fix,
                    "exit_status": finding.exit_status,
                }
                for finding in findings
            ],
        }
    )
