"""The secrets that the sandbox has handed out, each with a name that can be shown in its place."""

import re
from collections import Counter
from dataclasses import dataclass, field

# What a secret of the sandbox consists of: base64url, perhaps in parts between dots.
_WORD = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


@dataclass(slots=True)
class SecretNames:
    """The name of each secret, such as ``access token 3``. Not safe for several threads."""

    _names: dict[str, str] = field(default_factory=dict, repr=False)
    _counts: Counter[str] = field(default_factory=Counter, repr=False)

    def add(self, kind: str, secret: str) -> str:
        """Give ``secret`` a name of that kind, and return it. It keeps the name that it has."""
        if secret not in self._names:
            self._counts[kind] += 1
            self._names[secret] = f"{kind} {self._counts[kind]}"
        return secret

    @property
    def secrets(self) -> frozenset[str]:
        """All the secrets."""
        return frozenset(self._names)

    def name(self, secret: str) -> str | None:
        """The name of ``secret``; None if it was never handed out here."""
        return self._names.get(secret)

    def marked(self, text: str) -> str:
        """``text`` with each secret replaced by its name in angle brackets."""
        return _WORD.sub(lambda word: f"<{self._names[word[0]]}>" if word[0] in self._names else word[0], text)
