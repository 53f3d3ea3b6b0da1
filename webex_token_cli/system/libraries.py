"""How a person adds a library that this program can use, but that is not installed beside it."""

import sys
from pathlib import Path

_DISTRIBUTION = "webex-token-cli"


def how_to_add(library: str, extra: str | None = None, prefix: Path | None = None) -> str:
    """The sentence that says how to add ``library``, which the ``extra`` of this distribution brings, if there is one.

    pipx and uv each own the environment that they made, and pip is not in it. They leave a file in ``prefix``, the
    environment's folder, by which it is recognized.
    """
    prefix = Path(sys.prefix) if prefix is None else prefix
    if (prefix / "pipx_metadata.json").exists():
        command = f"pipx inject {_DISTRIBUTION} {library}"
    elif (receipt := prefix / "uv-receipt.toml").exists():
        libraries = dict.fromkeys([*_libraries_in(receipt), library])
        command = f"uv tool install {' '.join(f'--with {each}' for each in libraries)} {_DISTRIBUTION}"
    else:
        command = f"pip install '{_DISTRIBUTION}[{extra}]'" if extra else f"pip install {library}"
    return f"Install it with `{command}`."


def _libraries_in(receipt: Path) -> list[str]:
    """The libraries that were added before. uv removes them if they are not named again."""
    import tomllib  # only for this, in a message that few people see

    try:
        requirements = tomllib.loads(receipt.read_text(encoding="utf-8"))["tool"]["requirements"]
        names = [str(each["name"]) for each in requirements]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [name for name in names if name != _DISTRIBUTION]
