"""Sign a person in to a Webex integration and keep the token alive.

The command is ``webex-token``. For Python programs there is one function::

    from webex_token_cli import access_token

    token = access_token()
"""

from webex_token_cli._version import __version__

__all__ = ["__version__", "access_token"]


def access_token(profile: str = "default", min_valid: float = 300) -> str:
    """The access token of a stored sign-in, alive, and refreshed first when it has under ``min_valid`` seconds to live.

    It is what ``webex-token get -p PROFILE --min-valid SECONDS`` prints, by the same rules: a refresh takes the lock
    that all processes share, and where it fails for now, a token that still lives is returned all the same. Of
    the environment, ``WEBEX_TOKEN_HOME``, ``WEBEX_TOKEN_STORE`` and ``WEBEX_TOKEN_API_URL`` are obeyed;
    ``WEBEX_TOKEN_PROFILE`` is not, since ``profile`` names the sign-in. A refresh lasts as long as Webex takes to
    answer, and a minute and a half at most for the lock; any thread may call this.

    Nothing is printed. What ``get`` would warn of is logged by ``logging.getLogger("webex_token_cli")``, as warnings.

    Raises one of ``webex_token_cli.errors``, each a ``WebexTokenError`` with a ``message``, which says what failed, and
    a ``hint``, which says what to do, both fit to be shown:

    - ``ConfigurationError``: ``profile`` or ``min_valid`` is none, or a variable or ``config.ini`` is wrong;
    - ``SignInNeeded``: nobody is signed in as ``profile``, or only a new sign-in helps. ``GrantRefused`` and
      ``ClientRefused`` are kinds of it, for when Webex said so;
    - ``TemporaryFailure``: the token is dead, and Webex could not be asked for another now. ``TooManyRequests`` is a
      kind of it, for when Webex said so;
    - ``StoreUnavailable``: the credential store is missing, locked or damaged. ``DamagedEntry`` is a kind of it;
    - ``RequestRefused``: Webex refused for a reason that this program does not know.
    """
    import logging
    import math
    import os
    import sys

    from webex_token_cli.application import Application
    from webex_token_cli.config.settings import check_profile_name
    from webex_token_cli.errors import ConfigurationError

    if not (math.isfinite(min_valid) and min_valid >= 0):
        raise ConfigurationError(f"{min_valid!r} is no number of seconds to live.", "Give min_valid 0 or more.")
    log = logging.getLogger(__name__)
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else Python prints warnings that the program has no place for
    application = Application(
        os.environ,
        say=lambda text: log.warning("%s", text.removeprefix("Warning: ")),
        interactive=sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty(),
    )
    return application.valid_record(check_profile_name(profile), min_valid).access_token
