"""The program in a single file: a zip archive with all its libraries, as .ci/pyz.py makes it."""

from pathlib import Path

_IMPORTED_FROM = Path(__file__).parents[2]


def single_file(imported_from: Path = _IMPORTED_FROM) -> Path | None:
    """The archive that this program was started from, or None if the program is installed.

    Python imports from it only where it was started with the archive, or finds it in PYTHONPATH.
    """
    return imported_from if imported_from.is_file() else None
