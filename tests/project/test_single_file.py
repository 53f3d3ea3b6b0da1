"""``webex-token.pyz``: the program and all that it needs in one file, for a Python that has nothing installed."""

import hashlib
import re
import subprocess
import sys
import tomllib
import venv
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.distributions import build, copy_of_the_repository
from tests.support.folders import ROOT
from tests.support.program import Program
from tests.support.requirements import ON_CI
from webex_token_cli._version import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = dict(
    re.findall(
        r"^(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}$",
        (ROOT / ".github/packaging/requirements.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)


def test_the_libraries_in_it_are_those_that_the_program_asks_for() -> None:
    extras = PROJECT["optional-dependencies"]
    asked = [Requirement(each) for each in PROJECT["dependencies"] + extras["metrics"] + extras["qr"] + extras["vault"]]
    remedy = "Run .ci/pyz.py lock to write .github/packaging/requirements.txt again."
    for each in asked:
        assert each.specifier.contains(PINNED[each.name.replace("_", "-")]), remedy


def _pack(folder: Path) -> Path:
    """Build the wheel and the file from it. Skips the test without a package index, and fails it on CI."""
    wheel = build(copy_of_the_repository(folder / "clone"), folder).wheel
    done = subprocess.run(
        [sys.executable, folder / "clone/.ci/pyz.py", wheel], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode and not ON_CI:
        pytest.skip(f"no package index: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return folder / "webex-token.pyz"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _pack(tmp_path_factory.mktemp("pyz"))


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with nothing but its own library."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (python,) = [*folder.glob("bin/python"), *folder.glob("Scripts/python.exe")]
    return str(python)


@pytest.fixture
def single(program: Program, bare_python: str, packed: Path) -> Program:
    """The program from the file. Without PYTHONSAFEPATH, Python would find this repository in the working folder."""
    return replace(program.having(PYTHONSAFEPATH="1"), command=(bare_python, str(packed)))


@pytest.mark.long
@pytest.mark.xdist_group("single file")
class TestSingleFile:
    def test_it_says_its_version(self, single: Program) -> None:
        assert single.run("--version").out == f"webex-token {__version__}\n"

    def test_it_signs_in_and_prints_the_token(self, single: Program, program: Program) -> None:
        signed_in = single.run("login")
        assert (signed_in.status, "Signed in as " in signed_in.out) == (0, True), signed_in.err
        answer = single.run("get")
        assert (answer.status, answer.out) == (0, program.run("get").out)

    def test_it_shows_how_it_works(self, single: Program) -> None:
        shown = single.run("demo", timeout=120)
        assert (shown.status, "renewed: " in shown.out) == (0, True), shown.out + shown.err

    def test_the_watch_has_metrics_in_it(self, single: Program, tmp_path: Path) -> None:
        assert single.run("login").status == 0
        done = single.run("watch", "--once", "--metrics-file", str(tmp_path / "webex-token.prom"))
        assert (done.status, (tmp_path / "webex-token.prom").exists()) == (0, True), done.err

    @pytest.mark.skipif(sys.platform != "linux", reason="systemd is on Linux")
    def test_a_service_would_start_it_with_this_python(self, single: Program) -> None:
        shown = single.run("service", "install", "--print").out
        assert f"{' '.join(single.command)} watch" in shown.replace('"', "")

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the keyring needs no compiled library")
    def test_without_a_keyring_it_says_what_to_do(self, single: Program) -> None:
        done = single.having(WEBEX_TOKEN_STORE="keyring").run("login")
        assert (done.status, "--store file" in done.err) == (5, True), done.err

    def test_another_build_is_the_same(self, packed: Path, tmp_path: Path) -> None:
        first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (packed, _pack(tmp_path / "again")))
        assert first == second
