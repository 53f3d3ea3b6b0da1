"""What a package index is given: complete, the same from every build, and with a description that leads somewhere."""

import email
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from email.message import Message
from pathlib import Path

import pytest

from tests.support.distributions import Distributions, build, copy_of_the_repository, tracked_files
from tests.support.documents import README
from tests.support.folders import ROOT
from tests.support.requirements import require_modules
from webex_token_cli._version import __version__

# One worker builds once for all of them.
pytestmark = pytest.mark.xdist_group("distributions")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]
PREFIX = f"webex_token_cli-{__version__}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("first")
    return build(copy_of_the_repository(folder / "clone"), folder / "dist")


@pytest.fixture(scope="module")
def metadata(built: Distributions) -> Message:
    with zipfile.ZipFile(built.wheel) as wheel:
        return email.message_from_bytes(wheel.read(f"{PREFIX}.dist-info/METADATA"))


def test_the_wheel_has_the_package_the_manual_pages_and_nothing_else(built: Distributions) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = {name for name in tracked_files() if name.startswith("webex_token_cli/")}
    pages = {path.name for path in (ROOT / ".github/packaging/man").iterdir()}
    assert names == package | {f"{PREFIX}.data/data/share/man/man1/{name}" for name in pages}
    assert {"webex_token_cli/py.typed", "webex_token_cli/signin/loopback/pages/signed-in.html"} <= names


def test_the_sdist_has_every_file_of_the_repository(built: Distributions) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.removeprefix(f"{PREFIX}/") for name in sdist.getnames()}
        # Windows knows no files that can be executed.
        assert sdist.getmember(f"{PREFIX}/.ci/run").mode & 0o100 or os.name == "nt"
    assert names == {*tracked_files(), "PKG-INFO"}


def test_a_build_elsewhere_at_another_time_by_another_user_has_the_same_hashes(
    built: Distributions, tmp_path: Path
) -> None:
    """Other modes of files are what another umask leaves in a clone."""
    clone = copy_of_the_repository(tmp_path / "a longer path" / "clone")
    for path in (path for path in clone.rglob("*") if path.is_file()):
        path.chmod(path.stat().st_mode & 0o700 | 0o044)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = build(clone, tmp_path / "dist")
    assert (_hash(again.wheel), _hash(again.sdist)) == (_hash(built.wheel), _hash(built.sdist))


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_index_will_take_them(built: Distributions) -> None:
    require_modules("twine")
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.sdist],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (checked.returncode, checked.stdout.count("PASSED")) == (0, 2), checked.stdout + checked.stderr


def _description(metadata: Message) -> str:
    payload = metadata.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_an_index_shows_the_description_as_a_page(metadata: Message) -> None:
    """It shows nothing that it cannot render, and no picture that is not on the web."""
    require_modules("readme_renderer")
    from readme_renderer import markdown

    page = markdown.render(_description(metadata))
    assert page is not None
    assert len(re.findall(r'<img src="https://[^"]+\.svg"', page)) == page.count("<img") == README.text.count("\n![")
    assert "check:" not in page


def test_the_description_leads_to_the_files_of_the_version(metadata: Message) -> None:
    """Every picture and link of the README is there, at an address that is complete."""
    description = _description(metadata)
    tag = f"v{__version__}"
    raw = SOURCE.replace("://github.com/", "://raw.githubusercontent.com/") + f"/{tag}/"
    led_to = set()
    for picture, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", description):
        assert target.startswith("https://"), target
        for start in (raw,) if picture else (f"{SOURCE}/blob/{tag}/", f"{SOURCE}/tree/{tag}/"):
            if target.startswith(start):
                led_to.add(target.removeprefix(start))
    assert led_to == set(README.links)


def test_the_index_is_told_where_the_project_is(metadata: Message) -> None:
    urls = dict(each.split(", ") for each in metadata.get_all("Project-URL", []))
    assert set(urls) == {"Homepage", "Documentation", "Changelog", "Issues", "Source"}
    assert {url for url in urls.values() if not url.startswith(SOURCE)} == set()
    for url in urls.values():
        if "/blob/main/" in url:
            assert (ROOT / url.partition("/blob/main/")[2]).exists(), url
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("MIT", ">=3.11")


@pytest.fixture
def unpacked(built: Distributions, tmp_path: Path) -> Path:
    with tarfile.open(built.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    return tmp_path / PREFIX


@pytest.mark.long
def test_the_unpacked_sdists_own_tests_pass(unpacked: Path) -> None:
    """Those of tests/project read files from everywhere. What needs git is skipped."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "tests/project"],
        cwd=unpacked,
        env={**_without_pytests_own(os.environ), "PYTHONPATH": str(unpacked), "CI": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def _without_pytests_own(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that say which worker of pytest this is."""
    return {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}


@pytest.mark.long
def test_a_wheel_from_the_unpacked_sdist_is_the_same(built: Distributions, unpacked: Path, tmp_path: Path) -> None:
    assert _hash(build(unpacked, tmp_path / "dist").wheel) == _hash(built.wheel)
