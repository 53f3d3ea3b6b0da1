"""The websites that belong to an API base URL: Webex's, and those of Webex for Government. Pure."""

from typing import NamedTuple
from urllib.parse import urlsplit


class Site(NamedTuple):
    """One Webex: its API base URL, its identity service, and the pages to which hints send a person.

    ``portal`` is the developer portal's host.
    """

    api_url: str
    portal: str
    identity: str

    @property
    def my_apps(self) -> str:
        """The page with a person's integrations, as a hint names it."""
        return f"{self.portal}/my-apps"

    @property
    def tokens_page(self) -> str:
        """The page on which a person sees and removes what was granted in their name."""
        return f"{self.identity}/profile#/tokens"


WEBEX = Site("https://webexapis.com/v1", "developer.webex.com", "https://idbroker.webex.com/idb")

# Webex's documentation names the API and the portal. The host of the identity service is the one to which public
# clients send people who sign out of Webex for Government.
GOVERNMENT = Site(
    "https://api-usgov.webex.com/v1",
    "developer-usgov.webex.com",
    "https://idbroker-f.webex.com/idb",
)


def site_of(api_url: str) -> Site:
    """The site that the API at ``api_url`` belongs to: Webex's own unless the URL is that of Webex for Government."""
    return GOVERNMENT if urlsplit(api_url).hostname == urlsplit(GOVERNMENT.api_url).hostname else WEBEX
