"""A simulated machine on which one profile is a Service App that an admin revokes twice in a year."""

from dataclasses import replace

from tests.support.machine import Machine
from tests.support.year import DAY, END, MINUTE, START
from webex_token_cli.errors import HelperNeedsSignIn, ServiceAppRefused, SignInNeeded, TemporaryFailure
from webex_token_cli.refresh.events import Event, Kind
from webex_token_cli.refresh.refresher import Refresher
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

# The profile of the Service App, and that of the person with whose token it gets its own.
APP, HELPER = "bot", "work"


class MachineWithServiceApp(Machine):
    """A machine whose profile ``bot`` is a Service App.

    ``noticed_at`` is when its refresh token was first refused, None while it is accepted. ``possible_since`` is when
    new tokens became possible: the app is authorized, and the helping profile is signed in. ``waits`` has, for each
    new pair, the seconds between the two. ``refusals`` counts the attempts that only somebody else could end.
    """

    def __init__(self, seed: int) -> None:
        self.authorized = True
        self.noticed_at: float | None = None
        self.possible_since = float(START)
        self.waits: list[float] = []
        self.refusals = 0
        self.revoked_by_admin = 0
        super().__init__(seed)
        self.app_refresher = replace(self.refresher, new_pair=self.new_pair)
        middle = (START + END) / 2
        for begins, ends in ((START + DAY, middle - 20 * DAY), (middle, END - 20 * DAY)):
            self.plan(self.dice.uniform(begins, ends), self.admin_revokes)

    def refresher_for(self, name: str) -> Refresher:
        return self.app_refresher if name == APP else self.refresher

    def admin_revokes(self) -> None:
        """Revoke the Service App, and authorize it again minutes or days later."""
        self.revoked_by_admin += 1
        self.authorized = False
        self.revoke(APP)
        self.plan(self.true + MINUTE * 4000 ** self.dice.random(), self.admin_authorizes)

    def admin_authorizes(self) -> None:
        self.authorized = True
        self.possible_since = self.true

    def sign_in(self, name: str) -> None:
        super().sign_in(name)
        if name == HELPER:
            self.possible_since = self.true
        if name == APP:
            self.noticed_at = None

    def redeem(self, record: TokenRecord) -> TokenResponse:
        try:
            return super().redeem(record)
        except SignInNeeded:
            if record.client_id == APP:  # it needs no sign-in
                del self.dead[APP]
                self.refused.pop()
                self.noticed_at = self.true if self.noticed_at is None else self.noticed_at
            raise

    def new_pair(self, _: TokenRecord) -> TokenResponse:
        last = self.webex.grants[APP].last
        try:
            self.webex.refuse(APP, self.true)
        except TemporaryFailure as error:
            self.rules.refresh_failed(APP, error)
            raise
        if not self.authorized or HELPER in self.dead or self.webex.grants[HELPER].revoked:
            self.refusals += 1
            self.rules.attempt_failed(APP)
            if self.authorized:
                raise HelperNeedsSignIn("Profile work needs a sign-in.", "Sign in.")
            raise ServiceAppRefused("Webex gives no tokens for this Service App.", "Authorize it in Control Hub.")
        response = self.webex.sign_in(APP, self.true)
        self.rules.refreshed(APP, last)
        since = max(self.noticed_at or self.true, self.possible_since)
        self.rules.check_healed(APP, since)
        self.waits.append(self.true - since)
        self.noticed_at = None
        self.busy(self.dice.uniform(0.05, 1.5))
        return response

    def report(self, event: Event) -> None:
        super().report(event)
        if event.profile == APP and event.kind is Kind.NEEDS_SIGN_IN:
            self.rules.broken("the Service App was given up")
