"""``sandbox``: a stand-in for Webex on this machine."""

import shlex
import tempfile
import threading
from collections.abc import Sequence
from typing import Any

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    Duration,
    pass_application,
    verbosity_options,
)
from webex_token_cli.config.folders import HOME_VARIABLE
from webex_token_cli.config.settings import DEFAULT_REDIRECT_URI
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.garbage import collect_as_usual
from webex_token_cli.system.signals import cleanup_on_signal
from webex_token_cli.times import local_time


def _check_port(_context: click.Context, _parameter: click.Parameter, port: int) -> int:
    """A usage error unless ``port`` is in range. click.IntRange would print ``[0<=x<=65535]`` in the help."""
    if not 0 <= port <= 65535:
        raise click.BadParameter(f"{port} is not a port number. Give a number from 0 to 65535.")
    return port


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
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    default=(DEFAULT_REDIRECT_URI,),
    show_default=True,
    metavar="URI",
    help="A redirect URI of the integration. Repeat the option for more.",
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
@verbosity_options
@pass_application
def command(
    application: Application,
    port: int,
    auto_approve: bool,
    access_ttl: float,
    refresh_ttl: float,
    renew_after: float,
    fixed_refresh_token: bool,
    device_ttl: float,
    rotate: bool,
    redirect_uris: tuple[str, ...],
    people: list[dict[str, Any]],
) -> None:
    """Run a stand-in for Webex on 127.0.0.1 until you press Ctrl-C.

    It has Webex's sign-in page, token endpoint, device grant, people/me and authorizations. Paste the lines that it
    prints to standard output into another terminal, and webex-token uses the stand-in there, with a temporary folder
    instead of your own sign-ins. Requests and answers are logged to standard error, without secrets. When the stand-in
    ends, its tokens and the folder are gone.

    \b
    Example:
      webex-token sandbox --renew-after 1m

    Exit status: 2 if the port is taken; 130 after Ctrl-C; 143 after SIGTERM.
    """
    from webex_token_cli.sandbox import Entry, Rules, Sandbox

    def report(entry: Entry) -> None:
        outcome = f"  {entry.outcome}" if entry.outcome else ""
        application.say(f"{local_time(entry.moment)}  {entry.method} {entry.path} {entry.status}{outcome}")

    rules = Rules(
        access_ttl=access_ttl,
        refresh_ttl=refresh_ttl,
        renew_after=renew_after,
        extends_refresh_token=not fixed_refresh_token,
        device_ttl=device_ttl,
        rotate=rotate,
        auto_approve=auto_approve,
        redirect_uris=redirect_uris,
    )
    try:
        sandbox = Sandbox(rules, port, report, people)
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot listen on port {port} ({error.strerror}).",
            "Choose another with --port, or leave --port out to use a free one.",
        ) from error
    # Another program may write to the folder while it is removed.
    home = tempfile.TemporaryDirectory(prefix="webex-token-sandbox-", ignore_cleanup_errors=True)
    collect_as_usual()
    with home, cleanup_on_signal(home.cleanup), sandbox:
        for name, value in {**_own_home(home.name), **sandbox.environment}.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        threading.Event().wait()


def _own_home(folder: str) -> dict[str, str]:
    """The variables that keep a terminal's sign-ins in ``folder``, apart from the person's own."""
    return {HOME_VARIABLE: folder, "WEBEX_TOKEN_STORE": "file"}
