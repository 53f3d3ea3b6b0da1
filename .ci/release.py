#!/usr/bin/env python3
"""What a release needs besides its files.

    .ci/release.py notes v0.1.0 https://github.com/webex-token/webex-token-cli

prints the changelog's section on this version, or says why this commit cannot be released under this tag, from this
repository.

    .ci/release.py packages dist

writes the formula for Homebrew, the PKGBUILD for Arch Linux and the manifests for winget into ``dist/packages``, with
the hashes of the files in ``dist``.
"""

import hashlib
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / ".github/packaging"


def project() -> dict[str, object]:
    """The table ``project`` of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def version() -> str:
    """The version that the package has."""
    text = (ROOT / "webex_token_cli/_version.py").read_text(encoding="utf-8")
    return re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)[0]


def source() -> str:
    """The address of the repository."""
    return str(dict(project()["urls"])["Source"])  # type: ignore[call-overload]


def notes(tag: str, repository: str) -> str:
    """The text on this version. Exits with a message if something in the repository contradicts the arguments."""
    if tag != f"v{version()}":
        sys.exit(f"The tag {tag} is not that of version {version()} in webex_token_cli/_version.py.")
    if repository != source():
        sys.exit(f"pyproject.toml names {source()} as the source, and this repository is {repository}.")
    changelog = (ROOT / ".github/CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    title, _, text = sections[0].partition("\n")
    if not re.fullmatch(rf"{re.escape(version())} - \d{{4}}-\d\d-\d\d", title):
        sys.exit(f"The first section of the changelog is '{title}', and not '{version()} - YYYY-MM-DD'.")
    return text.strip()


def packages(dist: Path) -> None:
    """Write each template with the values of this release."""
    values = {**_described(), **_files(dist)}
    for template in sorted(TEMPLATES.rglob("*.in")):
        text = re.sub(r"@([A-Z_0-9]+)@", lambda found: values[found[1]], template.read_text(encoding="utf-8"))
        target = dist / "packages" / template.relative_to(TEMPLATES).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _described() -> dict[str, str]:
    described = project()
    extras: dict[str, list[str]] = described["optional-dependencies"]  # type: ignore[assignment]
    dependencies: list[str] = described["dependencies"]  # type: ignore[assignment]
    optional = [(name, each) for name, asked in extras.items() if name not in ("dev", "test") for each in asked]
    return {
        "VERSION": version(),
        "DESCRIPTION": str(described["description"]).rstrip("."),
        "HOMEPAGE": source(),
        "LICENSE": str(described["license"]),
        "DEPENDS": " ".join(map(_of_arch, dependencies)),
        "OPTDEPENDS": "\n    ".join(f"'{_of_arch(each)}: for the extra {extra}'" for extra, each in optional),
    }


def _of_arch(requirement: str) -> str:
    """The name that Arch Linux gives to a library of Python."""
    return "python-" + re.split(r"[^\w-]", requirement)[0]


def _files(dist: Path) -> dict[str, str]:
    """The address and the hash of each file of the release."""
    values = {}
    for name, pattern in (("SDIST", "*.tar.gz"), ("PYZ", "*.pyz"), ("EXE", "*.exe")):
        (path,) = dist.glob(pattern)
        values[f"{name}_URL"] = f"{source()}/releases/download/v{version()}/{path.name}"
        values[f"{name}_SHA256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return values


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["notes", tag, repository]:
            print(notes(tag, repository))
        case ["packages", dist]:
            packages(Path(dist))
        case _:
            sys.exit(__doc__)
