"""A minimal browser that opens the sandbox's consent page and presses Accept, over real HTTP.

``python -m webex_token_cli.sandbox.accepting_browser %s`` can be the value of ``BROWSER``. It understands the pages
of the sandbox and no others, so it cannot consent to anything at Webex.
"""

import sys
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit


class ConsentForm(HTMLParser):
    """Finds the target of the page's first form, its hidden fields, and the people whom one can choose there."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.people: list[str] = []

    @property
    def asks(self) -> bool:
        """Whether it is a form of the sandbox, and not one of the client's own page."""
        return bool(self.action and self.fields.get("ticket"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = values.get("action", "")
        if tag == "input" and values.get("type") == "hidden":
            self.fields[values.get("name", "")] = values.get("value", "")
        if tag == "button" and values.get("name") == "person":
            self.people.append(values.get("value", ""))


def answer(url: str, decision: str = "accept", timeout: float = 30.0) -> str:
    """Open ``url``, press the button and follow every redirect. Returns the text of the last page.

    If the page asks who signs in, the first person is chosen. There is no cookie, so nobody is signed in beforehand.
    ``decision`` is the value of the button, ``accept`` or ``deny``; ``timeout`` is in seconds for each request.
    Raises OSError if a page cannot be fetched, and ValueError if the page at ``url`` asks for nothing and does not lead
    back to the client.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    form, address, page = _opened(opener, url, None, timeout)
    if form.people:
        data = {**form.fields, "person": form.people[0]}
        form, address, page = _opened(opener, urljoin(address, form.action), data, timeout)
    if not form.asks:
        if urlsplit(address).netloc != urlsplit(url).netloc:
            return page  # the person has consented before, or everything is accepted
        raise ValueError(f"The page at {address} has no form that asks for consent.")
    data = {**form.fields, "decision": decision}
    return _opened(opener, urljoin(address, form.action), data, timeout)[2]


def _opened(
    opener: urllib.request.OpenerDirector, url: str, fields: dict[str, str] | None, timeout: float
) -> tuple[ConsentForm, str, str]:
    """The form of the page at ``url``, the address at which it was found, and its text."""
    data = None if fields is None else urlencode(fields).encode()
    with opener.open(url, data, timeout=timeout) as response:
        page, address = response.read().decode(), response.url
    form = ConsentForm()
    form.feed(page)
    return form, address, page


if __name__ == "__main__":
    answer(sys.argv[1])
