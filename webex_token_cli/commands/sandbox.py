"""``sandbox``: a stand-in for Webex on this machine."""

import contextlib
import errno
import ipaddress
import json
import tempfile
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from webex_token_cli.application import Application
from webex_token_cli.cli.options import Duration, pass_application, verbosity_options
from webex_token_cli.cli.pasted_lines import assignments, service_app_commands, uses_powershell
from webex_token_cli.config.folders import HOME_VARIABLE
from webex_token_cli.config.settings import DEFAULT_REDIRECT_URI
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.garbage import collect_as_usual
from webex_token_cli.system.signals import cleanup_on_signal
from webex_token_cli.times import local_time

if TYPE_CHECKING:
    from webex_token_cli.sandbox import Fault, Rules, Sandbox

# The keys of ``sandbox.PRESETS``. They are repeated here because --help must not import that package.
PRESETS = ("integration", "contact-center", "device", "service-app", "government")

_OWN_ADDRESS = "127.0.0.1"

# The options that are rules, and come before those of a preset if they are given.
_RULES = (
    *("access_ttl", "refresh_ttl", "renew_after", "device_ttl", "rotate", "auto_approve", "rfc_errors"),
    *("redirect_uris", "scopes"),
)


def _check_port(_context: click.Context, _parameter: click.Parameter, port: int) -> int:
    """A usage error unless ``port`` is in range. click.IntRange would print ``[0<=x<=65535]`` in the help."""
    if not 0 <= port <= 65535:
        raise click.BadParameter(f"{port} is not a port number. Give a number from 0 to 65535.")
    return port


def _check_address(_context: click.Context, _parameter: click.Parameter, address: str) -> str:
    """A usage error unless ``address`` is an IP address."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise click.BadParameter(f"{address!r} is not an IP address, such as 127.0.0.1 or 0.0.0.0.") from None


def _check_people(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[dict[str, Any]]:
    """The people, as the sandbox describes them. A usage error if one has no address, or two have the same."""
    from webex_token_cli.sandbox import person_from

    people = []
    for value in values:
        try:
            people.append(person_from(value))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not like 'Ada Lovelace <ada@example.com>'.") from None
    if len({person["id"] for person in people}) < len(people):
        raise click.BadParameter("Two people have the same address.")
    return people


def _with_usual_scopes(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> frozenset[str]:
    """The scopes that the integration has."""
    from webex_token_cli.sandbox import KNOWN_SCOPES

    return KNOWN_SCOPES.union(*(value.split() for value in values))


def _check_faults(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> "list[Fault]":
    """The faults in words. A usage error lists the kinds if one is wrong."""
    from webex_token_cli.sandbox import KINDS, Fault

    try:
        return [Fault.parse(value) for value in values]
    except ValueError as error:
        kinds = f"The kinds are {', '.join(KINDS)}."
        message = str(error)
        raise click.BadParameter(message if kinds in message else f"{message} {kinds}") from None


@click.command("sandbox", short_help="Run a stand-in for Webex on this machine.")
@click.option(
    "--port",
    type=int,
    callback=_check_port,
    default=0,
    metavar="PORT",
    help="The port to listen on.  [default: a free port]",
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    callback=_check_address,
    default=_OWN_ADDRESS,
    show_default=True,
    help="The IP address to listen on, such as 0.0.0.0 in a container. URLs of the sandbox then have the host by which "
    "a client reaches it.",
)
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="integration",
    show_default=True,
    help="Behave as Webex was seen to for this kind of application. Other options come before the preset. "
    "service-app: an authorized Service App is there from the start.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_check_faults,
    metavar="'WHERE=KIND[*N][@AFTER]'",
    help="A fault that the next N requests meet, after AFTER requests or a time such as 10m. WHERE is refresh, code, "
    "device, people or a path. A KIND that does not exist lists those that do. May be repeated.",
)
@click.option(
    "--auto-approve",
    is_flag=True,
    help="Accept every sign-in without showing the consent page. A device is accepted at its second poll.",
)
@click.option(
    "--access-ttl",
    type=Duration(),
    default="14d",
    show_default=True,
    metavar="DURATION",
    help="The lifetime of an access token.",
)
@click.option(
    "--refresh-ttl",
    type=Duration(),
    default="90d",
    show_default=True,
    metavar="DURATION",
    help="The lifetime of a refresh token.",
)
@click.option(
    "--renew-after",
    type=Duration(),
    default="1d",
    show_default=True,
    metavar="DURATION",
    help="A refresh returns the same access token until the token is this old or has expired.",
)
@click.option(
    "--fixed-refresh-token",
    is_flag=True,
    help="A refresh does not extend the refresh token, which ends --refresh-ttl after the sign-in.",
)
@click.option(
    "--device-ttl",
    type=Duration(),
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="How long the code that a device shows can be used.",
)
@click.option(
    "--rotate",
    is_flag=True,
    help="Issue a new refresh token at each refresh, and revoke the grant when an old one is used.",
)
@click.option(
    "--rfc-errors",
    is_flag=True,
    help="Report errors of the token endpoint and of a device's poll as RFC 6749 does, not in Webex's own shape.",
)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    default=(DEFAULT_REDIRECT_URI,),
    show_default=True,
    metavar="URI",
    help="A redirect URI of the integration. Repeat the option for more.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    callback=_with_usual_scopes,
    metavar="SCOPES",
    help="Scopes that the integration has besides the usual ones, separated by blanks. May be repeated.",
)
@click.option(
    "--person",
    "people",
    multiple=True,
    callback=_check_people,
    metavar="'NAME <EMAIL>'",
    help="A person who has an account. Repeat the option for more; the sign-in page then asks which of them signs in.  "
    "[default: Ada Lovelace <ada@example.com>]",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one line of JSON when the stand-in is ready, for tests in any language, and no log without --verbose.",
)
@verbosity_options
@pass_application
def command(
    application: Application,
    port: int,
    listen: str,
    preset: str,
    faults: "list[Fault]",
    fixed_refresh_token: bool,
    people: list[dict[str, Any]],
    as_json: bool,
    **_rules: Any,
) -> None:
    """Run a stand-in for Webex on this machine until you press Ctrl-C.

    It has Webex's sign-in page, token endpoint, device grant, people/me and authorizations. Paste the lines that it
    prints to standard output into another terminal, and webex-token uses the stand-in there, with a temporary folder
    instead of your own sign-ins. Requests and answers are logged to standard error, without secrets. When the stand-in
    ends, its tokens and the folder are gone.

    \b
    Example:
      webex-token sandbox --renew-after 1m
      webex-token sandbox --json --auto-approve --fault 'refresh=503*2@1'

    Exit status: 2 if the port is taken; 130 after Ctrl-C; 143 after SIGTERM.
    """
    from webex_token_cli.sandbox import Entry, Sandbox, description

    log = application.detail if as_json else application.say

    def report(entry: Entry) -> None:
        outcome = f"  {entry.outcome}" if entry.outcome else ""
        log(f"{local_time(entry.moment)}  {entry.method} {entry.path} {entry.status}{outcome}")

    try:
        sandbox = Sandbox(_rules_of(preset, fixed_refresh_token), port, report, people, listen=listen)
    except OSError as error:
        raise _cannot_listen(listen, port, error) from error
    for fault in faults:
        sandbox.order(fault)
    collect_as_usual()
    with contextlib.ExitStack() as stack:
        if as_json:
            stack.enter_context(sandbox)
            click.echo(json.dumps(description(sandbox, preset)))
        else:
            # Another program may write to the folder while it is removed.
            home = tempfile.TemporaryDirectory(prefix="webex-token-sandbox-", ignore_cleanup_errors=True)
            stack.enter_context(home)
            stack.enter_context(cleanup_on_signal(home.cleanup))
            stack.enter_context(sandbox)
            _print_variables(application, sandbox, home.name)
        threading.Event().wait()


def _rules_of(preset: str, fixed_refresh_token: bool) -> "Rules":
    """The rules of the preset, with those that the options give."""
    from webex_token_cli.sandbox import Rules

    ctx = click.get_current_context()
    given = {name: ctx.params[name] for name in _RULES if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    if fixed_refresh_token:
        given["extends_refresh_token"] = False
    return Rules.preset(preset, **given)


def _cannot_listen(address: str, port: int, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRNOTAVAIL:
        return ConfigurationError(
            f"The sandbox cannot listen on {address} ({error.strerror}).",
            "Give an address of this machine with --listen, or 0.0.0.0 for all of them.",
        )
    where = f"port {port}" if address == _OWN_ADDRESS else f"port {port} of {address}"
    return ConfigurationError(
        f"The sandbox cannot listen on {where} ({error.strerror}).",
        "Choose another with --port, or leave --port out to use a free one.",
    )


def _print_variables(application: Application, sandbox: "Sandbox", home: str) -> None:
    """Print the lines that lead a terminal to the sandbox, and keep its sign-ins in ``home``, apart from others."""
    from webex_token_cli.sandbox import description

    variables = sandbox.reached_directly(application.environment)
    variables |= {HOME_VARIABLE: home, "WEBEX_TOKEN_STORE": "file", **sandbox.environment}
    app = description(sandbox)["service_app"] or {}
    variables |= {f"WEBEX_SERVICE_APP_{name.upper()}": value for name, value in app.items()}
    powershell = uses_powershell(application.environment)
    for line in assignments(variables, powershell):
        click.echo(line)
    if app:
        application.say(service_app_commands(powershell))
