"""The keyring library's Secret Service backend, which notes the calls that it gets."""

from keyring.backends.SecretService import Keyring as Library

from webex_token_cli.store.keyring.splitting import Keyring


class CountedLibrary:
    """The backend. ``calls`` has ``get``, ``set`` and ``delete``, in the order of the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._backend: Keyring = Library()  # type: ignore[no-untyped-call]

    def get_password(self, service: str, username: str) -> str | None:
        self.calls.append("get")
        return self._backend.get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls.append("set")
        self._backend.set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self.calls.append("delete")
        self._backend.delete_password(service, username)
