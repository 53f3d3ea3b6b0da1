"""What fake commands of the system share: programs in a folder whose state, and the calls to them, are in files."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CommandFolder:
    """The state of fake commands in ``folder``, which begins as ``initial``."""

    folder: Path
    initial: Mapping[str, Any]

    def install(self, paths: Iterable[Path], fake: str) -> None:
        """Write a program to each of ``paths`` that ends with ``answer(sys.argv)`` of the object that ``fake`` makes.

        ``fake`` is an expression with the full names of modules of ``tests.support``.
        """
        module = fake.partition("(")[0].rpartition(".")[0]
        for path in paths:
            path.write_text(
                f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
                f"from pathlib import Path\nimport {module}\nsys.exit({fake}.answer(sys.argv))\n"
            )
            path.chmod(0o755)

    def set(self, **changes: Any) -> None:
        """Change parts of the state."""
        self._state.write_text(json.dumps({**(self.get() if self._state.exists() else self.initial), **changes}))

    def get(self) -> dict[str, Any]:
        """The state."""
        state: dict[str, Any] = json.loads(self._state.read_text())
        return state

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    @property
    def _calls(self) -> Path:
        return self.folder / "calls"

    def add_call(self, arguments: Iterable[str]) -> None:
        """Note a call with ``arguments``."""
        with self._calls.open("a") as file:
            file.write(" ".join(arguments) + "\n")

    def calls(self, only_show: tuple[str, ...]) -> list[str]:
        """The calls since the last time that this was asked, but none that begins with one of ``only_show``."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith(only_show)]
