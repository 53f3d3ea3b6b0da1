"""The address at which a browser ends after Webex's redirect."""

import urllib.error
import urllib.request
from urllib.parse import urlencode

from webex_token_cli.sandbox import Sandbox
from webex_token_cli.sandbox.accepting_browser import answer


def redirected_to(sandbox: Sandbox, url: str) -> str:
    """Accept the sign-in at ``url`` and return the redirect's address, at which nothing needs to listen."""
    try:
        answer(url)
    except urllib.error.HTTPError as error:
        return error.url
    except urllib.error.URLError:
        pass
    authorization = sandbox.latest_authorization()
    return f"{authorization.redirect_uri}?{urlencode({'code': authorization.code, 'state': authorization.state})}"
