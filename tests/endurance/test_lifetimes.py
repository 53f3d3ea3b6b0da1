"""A simulated year for each kind of lifetimes that Webex has been seen to give.

No profile is without a valid access token for longer than a round of the watch once Webex answers, unless only a
sign-in can help. The person is told of that 14 days before.
"""

import pytest

from tests.support.living_tokens import LivingTokens
from tests.support.year import DAY, HOUR, Lifetimes

pytestmark = pytest.mark.long

PATTERNS = {
    "integration": Lifetimes(1_209_600, 7_776_000),
    "Contact Center": Lifetimes(43_200, 5_086_615, renew_after=0, extends=False),
    "device": Lifetimes(64_800, 7_697_038, renew_after=0),
    "Webex for Government": Lifetimes(1_209_600, 60 * DAY),
    "12 hours, renewed once they are over": Lifetimes(12 * HOUR, 90 * DAY),
}

SEEDS_OF_AN_ORDINARY_RUN = range(3)


def seeds(request: pytest.FixtureRequest) -> range:
    return range(40) if request.config.getoption("--full") else SEEDS_OF_AN_ORDINARY_RUN


@pytest.mark.parametrize("name", PATTERNS)
def test_a_profile_has_a_valid_token_whenever_webex_answers(request: pytest.FixtureRequest, name: str) -> None:
    lifetimes = PATTERNS[name]
    for seed in seeds(request):
        year = LivingTokens(seed, lifetimes).watch()
        assert (seed, year.inexcusable(), year.untimely()) == (seed, [], [])
        assert year.seen_unextended is not lifetimes.extends
        # A person who signs in soon after the first warning is never without a token for want of a sign-in.
        assert year.lapses == []
        assert year.sign_ins == (1 if lifetimes.extends else 1 + 365 * DAY // (lifetimes.refresh - 13 * DAY))


def test_the_end_of_a_refresh_token_that_webex_does_not_extend_is_told_14_days_before(
    request: pytest.FixtureRequest,
) -> None:
    """The person signs in only when the watch has given the profile up."""
    for seed in seeds(request):
        year = LivingTokens(seed, PATTERNS["Contact Center"], late=True).watch()
        assert (seed, year.inexcusable(), year.untimely()) == (seed, [], [])
        assert len(year.lapses) >= 5
