"""A release is made only where everything agrees, and the packages of other systems describe what is released."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support.documents import README, block
from tests.support.folders import ROOT
from tests.support.requirements import require
from webex_token_cli._version import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]


def release(*arguments: str, root: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, root / ".ci/release.py", *arguments], capture_output=True, encoding="utf-8", check=False
    )


@pytest.mark.parametrize(
    ("tag", "repository", "heading", "said"),
    [
        (f"v{__version__}", SOURCE, f"{__version__} - 2026-11-30", "The text.\n"),
        ("v9.9.9", SOURCE, f"{__version__} - 2026-11-30", "The tag v9.9.9 is not that of"),
        (f"v{__version__}", "https://example.com/fork", f"{__version__} - 2026-11-30", "names " + SOURCE),
        (f"v{__version__}", SOURCE, "Unreleased", "section of the changelog is 'Unreleased'"),
    ],
)
def test_only_a_finished_version_is_released(
    tmp_path: Path, tag: str, repository: str, heading: str, said: str
) -> None:
    for name in (".ci/release.py", "pyproject.toml", "webex_token_cli/_version.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/CHANGELOG.md").write_text(
        f"# Changelog\n\n## {heading}\n\nThe text.\n\n## 0.0.1 - 2026-01-01\n"
    )
    done = release("notes", tag, repository, root=tmp_path)
    assert said in (done.stdout if said == "The text.\n" else done.stderr)
    assert (done.returncode == 0) == (said == "The text.\n")


@pytest.mark.posix
def test_a_published_version_changes_one_line_of_the_readme(tmp_path: Path) -> None:
    require("sed")
    pages = (".github/docs/install.md", ".github/docs/pytest-plugin.md")
    for name in ("README.md", *pages):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(["sh", "-c", block("published")], cwd=tmp_path, check=True)
    before, after = README.text.splitlines(), (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line, old in zip(after, before, strict=True) if line != old] == [
        "Install the program with `pipx install webex-token-cli`, and see how it works with `webex-token demo`."
    ]
    assert [page for page in pages if "on a package index" in (tmp_path / page).read_text(encoding="utf-8")] == []


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for name in ("a.tar.gz", "webex-token.pyz", "webex-token.exe"):
        (tmp_path / name).touch()
    done = release("packages", str(tmp_path))
    assert done.returncode == 0, done.stderr
    return tmp_path / "packages"


# The SHA-256 of an empty file.
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_formula_is_ruby_and_describes_the_project(packages: Path) -> None:
    path = packages / "homebrew/webex-token.rb"
    formula = path.read_text(encoding="utf-8")
    for line in (
        f'desc "{PROJECT["description"].rstrip(".")}"',
        f'homepage "{SOURCE}"',
        f'license "{PROJECT["license"]}"',
        f'url "{SOURCE}/releases/download/v{__version__}/webex-token.pyz"',
        f'sha256 "{EMPTY}"',
    ):
        assert line in formula
    require("ruby")
    assert subprocess.run(["ruby", "-c", path], capture_output=True, check=False).returncode == 0


def test_the_pkgbuild_is_bash_and_asks_for_the_same_libraries(packages: Path) -> None:
    """bash itself tells what is in it, as makepkg does."""
    require("bash")
    shown = ('"$pkgver" "$pkgdesc" "$url" "$license" "${depends[*]}"', '"${optdepends[*]}" "$source" "$sha256sums"')
    script = f"set -eu; source ./PKGBUILD; declare -F build package >/dev/null; printf '%s\\n' {' '.join(shown)}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=packages / "aur", capture_output=True, encoding="utf-8", check=False
    )
    assert done.stdout.splitlines() == [
        __version__,
        PROJECT["description"].rstrip("."),
        SOURCE,
        "MIT",
        "python python-click python-filelock python-keyring python-platformdirs python-requests",
        "python-cryptography: for the extra https python-prometheus_client: for the extra metrics "
        "python-pytest: for the extra pytest python-segno: for the extra qr python-hvac: for the extra vault",
        f"{SOURCE}/releases/download/v{__version__}/a.tar.gz",
        EMPTY,
    ], done.stderr


def test_the_manifests_of_winget_are_about_this_version(packages: Path) -> None:
    manifests = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((packages / "winget").glob("*.yaml"))
    ]
    assert [each["ManifestType"] for each in manifests] == ["installer", "defaultLocale", "version"]
    assert {(each["PackageIdentifier"], str(each["PackageVersion"])) for each in manifests} == {
        ("WebexToken.WebexToken", __version__)
    }
    installer, locale, _ = manifests
    assert installer["Installers"][0]["InstallerUrl"].endswith(f"/v{__version__}/webex-token.exe")
    assert (locale["License"], locale["ShortDescription"]) == ("MIT", PROJECT["description"].rstrip("."))


def test_each_says_that_it_has_not_run(packages: Path) -> None:
    for path in (path for path in packages.rglob("*") if path.is_file()):
        head = path.read_text(encoding="utf-8").splitlines()[0]
        assert "has not run" in head or "neither validated nor installed" in head, path
        assert "@" not in head
