"""``systemd-analyze`` accepts the unit, whatever the path of the program."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.program import WEBEX_TOKEN, Program
from tests.support.requirements import require


@pytest.mark.parametrize("name", ["plain", "a b%h$HOME;ë", 'it\'s "so" \\n'])
def test_systemd_analyze_accepts_the_unit(program: Program, tmp_path: Path, name: str) -> None:
    require("systemd-analyze")
    folder = tmp_path / name
    folder.mkdir()
    script = folder / "webex-token"
    shutil.copy(WEBEX_TOKEN, script)
    unit = tmp_path / "webex-token.service"
    environment = {**program.environment, "WEBEX_TOKEN_HOME": f"{folder}\n%", "NO_PROXY": "$HOME ${HOME}"}
    with unit.open("w") as file:
        command = [str(script), "service", "install", "--print", "-p", "a+b@c"]
        subprocess.run(command, env=environment, stdout=file, check=True)
    assert verified(unit, tmp_path) == (0, [])
    if "'" not in name:  # a unit for such a path starts env
        script.unlink()
        status, messages = verified(unit, tmp_path)
        assert status != 0
        assert str(script) in messages[0]  # systemd reads the path of the program from the unit


def verified(unit: Path, folder: Path) -> tuple[int, list[str]]:
    """The exit status of systemd-analyze for the unit, and its messages about it."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(unit)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    # systemd-analyze also loads the machine's own units, whose warnings do not concern this test.
    return done.returncode, [line for line in done.stderr.splitlines() if "webex-token" in line]
