"""``sandbox``: a stand-in for Webex on this machine."""

import shlex
import threading

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    Duration,
    pass_application,
    verbosity_options,
)
from webex_token_cli.config.file import DEFAULT_REDIRECT_URI
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.times import local_time


@click.command("sandbox", short_help="Run a stand-in for Webex on this machine.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Listen here.  [default: a free port]",
)
@click.option("--auto-approve", is_flag=True, help="Consent without asking on a page; to a device, at its second poll.")
@click.option(
    "--access-ttl",
    type=Duration(),
    default="14d",
    show_default=True,
    metavar="DURATION",
    help="How long an access token lives.",
)
@click.option(
    "--refresh-ttl",
    type=Duration(),
    default="90d",
    show_default=True,
    metavar="DURATION",
    help="How long a refresh token lives.",
)
@click.option(
    "--renew-after",
    type=Duration(),
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="A younger access token is given again at a refresh.",
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
    help="Give a new refresh token at each refresh; revoke the grant when an old one comes.",
)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    default=(DEFAULT_REDIRECT_URI,),
    show_default=True,
    metavar="URI",
    help="A redirect URI of the integration; may be repeated.",
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
    device_ttl: float,
    rotate: bool,
    redirect_uris: tuple[str, ...],
) -> None:
    """Run a stand-in for Webex on 127.0.0.1 until Ctrl-C: sign-in page, token endpoint, device grant, people/me
    and authorizations.

    The lines on standard output point webex-token at it; paste them into another terminal. What it is
    asked and answers goes to standard error, without secrets. It forgets everything when it ends.

    \b
    Example:
      webex-token sandbox --renew-after 1m

    Exit status: 2 the port is taken; 130 ended by Ctrl-C.
    """
    from webex_token_cli.sandbox.journal import Entry
    from webex_token_cli.sandbox.rules import Rules
    from webex_token_cli.sandbox.server import Sandbox

    def report(entry: Entry) -> None:
        said = f"  {entry.said}" if entry.said else ""
        application.say(f"{local_time(entry.moment)}  {entry.method} {entry.path} {entry.status}{said}")

    rules = Rules(
        access_ttl=access_ttl,
        refresh_ttl=refresh_ttl,
        renew_after=renew_after,
        device_ttl=device_ttl,
        rotate=rotate,
        auto_approve=auto_approve,
        redirect_uris=redirect_uris,
    )
    try:
        sandbox = Sandbox(rules, port, report)
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot listen on port {port} ({error.strerror}).",
            "Give another with --port, or none for a free one.",
        ) from error
    with sandbox:
        for name, value in sandbox.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        threading.Event().wait()
