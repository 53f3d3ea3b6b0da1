"""Suites of tests as other people write them, and whole runs of pytest over them, each in a process of its own."""

from dataclasses import dataclass

import pytest

# A suite that allows nothing: an unknown marker, a warning, a thread or a generator that ends with an error.
STRICT = ("--strict-markers", "--strict-config", "-W", "error", "-p", "no:cacheprovider")

# Other plugins that this machine may have, whose own warnings would fail a strict run.
_OTHERS = ("asyncio", "hypothesispytest")


@dataclass(frozen=True, slots=True)
class Suite:
    """A folder with tests in it."""

    pytester: pytest.Pytester

    def holds(self, **files: str) -> None:
        """Write a module for each of ``files``, by its name without the ending."""
        self.pytester.makepyfile(**files)

    def run(self, *options: str, strict: bool = True, **outcomes: int) -> str:
        """Run all tests and return what pytest printed. It must have ended with exactly ``outcomes``."""
        result = self.pytester.runpytest_subprocess(
            "-ra", *(STRICT if strict else ()), *(f"-pno:{name}" for name in _OTHERS), *options, timeout=60
        )
        result.assert_outcomes(**outcomes)
        return result.stdout.str()
