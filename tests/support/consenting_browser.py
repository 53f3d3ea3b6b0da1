"""A browser for one consent: it keeps cookies, follows redirects and submits each form, until a page has no form.

``python consenting_browser.py %s`` can be the value of ``BROWSER``.
"""

import sys
import urllib.request
from urllib.parse import urlencode, urljoin

from webex_token_cli.sandbox.accepting_browser import ConsentForm


def consent(url: str) -> str:
    """Open ``url``, and return the text of the last page. Raises OSError if a page cannot be fetched."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    data: bytes | None = None
    while True:
        with opener.open(url, data, timeout=30) as response:
            page, address = response.read().decode(), response.url
        form = ConsentForm()
        form.feed(page)
        if not form.action:
            return str(page)
        url, data = urljoin(address, form.action), urlencode(form.fields).encode()


if __name__ == "__main__":
    consent(sys.argv[1])
