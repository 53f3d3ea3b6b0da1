"""The names of the files that belong to an entry: its lock, and in the file store the entry itself."""

import re

# All but the characters that every file system stores as they are. Capitals are escaped, because some ignore case.
_ESCAPED = re.compile(r"[^a-z0-9._@-]")


def file_name(service: str, username: str) -> str:
    """The name of an entry's file. Two entries have different names even on a file system that ignores case."""
    return f"{_escaped(service)}+{_escaped(username)}.json"


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: "".join(f"%{byte:02x}" for byte in match[0].encode()), text)
