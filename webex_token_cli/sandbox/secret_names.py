"""The secrets that the sandbox has handed out, each with a name that can be shown in its place."""

import re
from collections import Counter
from dataclasses import dataclass, field

# What a secret of the sandbox consists of: base64url, perhaps in parts between dots.
_WORD = re.compile(r"[A-Za-z0-9_.-]+")

# By so many of its first characters, a secret is found within a longer word. Every secret that is made here is longer.
# A shorter one, which only a client's code verifier can be, is found as a whole word.
_START = 16


@dataclass(slots=True)
class SecretNames:
    """The name of each secret, such as ``access token 3``. Not safe for several threads."""

    _names: dict[str, str] = field(default_factory=dict, repr=False)
    _counts: Counter[str] = field(default_factory=Counter, repr=False)
    _by_start: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def add(self, kind: str, secret: str) -> str:
        """Give ``secret`` a name of that kind, and return it. It keeps the name that it has."""
        if secret not in self._names:
            self._counts[kind] += 1
            self._names[secret] = f"{kind} {self._counts[kind]}"
            if len(secret) >= _START:
                self._by_start.setdefault(secret[:_START], []).append(secret)
        return secret

    @property
    def secrets(self) -> frozenset[str]:
        """All the secrets."""
        return frozenset(self._names)

    def name(self, secret: str) -> str | None:
        """The name of ``secret``; None if it was never handed out here."""
        return self._names.get(secret)

    def marked(self, text: str) -> str:
        """``text`` with each secret replaced by its name in angle brackets, wherever in it the secret is."""
        return _WORD.sub(lambda word: self._marked_word(word[0]), text)

    def _marked_word(self, word: str) -> str:
        name = self._names.get(word)
        if name is not None:
            return f"<{name}>"
        parts, position, done = [], 0, 0
        while position <= len(word) - _START:
            found = self._secret_at(word, position)
            if not found:
                position += 1
                continue
            parts += [word[done:position], f"<{self._names[found]}>"]
            done = position = position + len(found)
        return "".join(parts) + word[done:]

    def _secret_at(self, word: str, position: int) -> str:
        """The longest secret that begins there, or an empty string."""
        starting = self._by_start.get(word[position : position + _START], ())
        return max((each for each in starting if word.startswith(each, position)), key=len, default="")
