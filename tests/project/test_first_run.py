"""A first run of the tests, on a new clone and on a slow or busy machine, passes like any other."""

from hypothesis import HealthCheck, settings


def test_no_property_fails_because_the_machine_is_slow() -> None:
    """Hypothesis builds its tables of Unicode when a test first draws text, which takes longer than it allows."""
    in_force = settings()
    assert in_force.deadline is None
    assert HealthCheck.too_slow in in_force.suppress_health_check
