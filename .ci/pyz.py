#!/usr/bin/env python3
"""Make the program with all that it needs into one file.

    .ci/pyz.py dist/webex_token_cli-0.1.0-py3-none-any.whl

writes ``webex-token.pyz`` beside the wheel. If the library distlib is installed, it also writes ``webex-token.exe``,
which is the same behind distlib's launcher for Windows. Each library is the one whose hash is in
``.github/packaging/requirements.txt``, and nothing in the file depends on when or where it is made.

    .ci/pyz.py lock

writes that list again, with the newest libraries that pyproject.toml allows. It needs uv.
"""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / ".github/packaging/requirements.txt"

# The extras whose libraries Python alone can run.
EXTRAS = ("metrics", "qr", "vault")

# Compiled for one system and one Python. A Linux desktop has them as packages of its own.
COMPILED = {"cffi", "cryptography", "pycparser"}

MAIN = "from webex_token_cli.__main__ import start\n\nstart()\n"

# The first time that a zip archive can hold.
TIME = (1980, 1, 1, 0, 0, 0)


def download(requirements: Path, folder: Path, *options: str) -> list[Path]:
    """The wheels of all requirements. Only those that run everywhere are taken."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--platform", "any",
         "--python-version", "3.11", "--dest", folder, "--requirement", requirements, *options],
        check=True,
    )  # fmt: skip
    return sorted(folder.glob("*.whl"))


def pack(wheels: Iterable[Path], target: Path, start: bytes) -> None:
    """Write the contents of the wheels into one archive that Python runs, behind the bytes that start Python."""
    content = {"__main__.py": MAIN.encode()}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            # What a wheel has for other folders than Python's, such as manual pages, has no place here.
            content |= {name: archive.read(name) for name in archive.namelist() if ".data/" not in name}
    # Python finds a namespace package, such as jaraco, by the entry of its folder.
    content |= {f"{folder}/": b"" for name in content for folder in PurePosixPath(name).parents if folder.name}
    with target.open("wb") as file:
        file.write(start)
        with zipfile.ZipFile(file, "w") as archive:
            for name in sorted(content):
                entry = zipfile.ZipInfo(name, TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, on Windows too
                entry.external_attr = (0o40755 if name.endswith("/") else 0o100644) << 16
                archive.writestr(entry, content[name])
    target.chmod(0o755)


def lock() -> None:
    """Write the list of libraries. Without their markers, because the one file is for all systems."""
    extras = [option for extra in EXTRAS for option in ("--extra", extra)]
    resolved = subprocess.run(
        [shutil.which("uv") or "uv", "pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate",
         "--python-version", "3.11", *extras, "pyproject.toml"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout  # fmt: skip
    pinned = [line.partition(";")[0].strip() for line in resolved.splitlines()]
    pinned = [each for each in pinned if each.partition("==")[0] not in COMPILED]
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder, "names.txt")
        names.write_text("\n".join(pinned), encoding="utf-8")
        hashes = {
            normalized(wheel.name.partition("-")[0]): hashlib.sha256(wheel.read_bytes()).hexdigest()
            for wheel in download(names, Path(folder))
        }
    lines = [f"{each} --hash=sha256:{hashes[normalized(each.partition('==')[0])]}\n" for each in pinned]
    title = "# The libraries in webex-token.pyz. `.ci/pyz.py lock` wrote this.\n"
    REQUIREMENTS.write_text(title + "".join(lines), encoding="utf-8")


def normalized(name: str) -> str:
    """The name by which indexes know a package that is written in several ways."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    if sys.argv[1:] == ["lock"]:
        lock()
        return
    wheel = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        libraries = download(REQUIREMENTS, Path(folder), "--require-hashes")
        pack([*libraries, wheel], wheel.with_name("webex-token.pyz"), b"#!/usr/bin/env python3\n")
        if launcher := importlib.util.find_spec("distlib"):
            start = Path(launcher.origin or "").with_name("t64.exe").read_bytes() + b"#!/usr/bin/env python\r\n"
            pack([*libraries, wheel], wheel.with_name("webex-token.exe"), start)


if __name__ == "__main__":
    main()
