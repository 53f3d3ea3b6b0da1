"""Writes down which variables the program under test asks its environment for, and does not find."""

import os


class _Overheard(os._Environ):  # type: ignore[type-arg]
    def __getitem__(self, key: str) -> str:
        try:
            return str(super().__getitem__(key))
        except KeyError:
            _write_down(key)
            raise


def _write_down(name: str) -> None:
    descriptor = os.open(_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{name}\n".encode())
    os.close(descriptor)


_FILE = os.environ.get("OVERHEARD", os.devnull)
os.environ.__class__ = _Overheard
