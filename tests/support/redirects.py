"""Where a browser ends that follows Webex's redirect."""

import urllib.error
import urllib.request
from urllib.parse import urlencode

from webex_token_cli.sandbox.accepting_browser import answer
from webex_token_cli.sandbox.server import Sandbox


def redirected_to(sandbox: Sandbox, url: str) -> str:
    """The address that a browser anywhere would end at, which nothing listens at."""
    try:
        answer(url)
    except urllib.error.HTTPError as error:
        return error.url
    except urllib.error.URLError:
        pass
    authorization = sandbox.webex.latest_authorization()
    return f"{authorization.redirect_uri}?{urlencode({'code': authorization.code, 'state': authorization.state})}"
