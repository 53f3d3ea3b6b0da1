"""The credential stores: whether an entry can be written, read and removed."""

from collections.abc import Callable

from webex_token_cli.doctor.examination import Examination
from webex_token_cli.doctor.findings import Finding, fine, not_configured, problem, warning
from webex_token_cli.errors import ConfigurationError, StoreUnavailable
from webex_token_cli.store.credentials import CredentialStore

STORE = "store"

_CHOOSE_ANOTHER = (
    "Choose another keyring with PYTHON_KEYRING_BACKEND or keyringrc.cfg (`keyring --list-backends` lists them), or "
    "protect its file as you would protect a password."
)


def check(examination: Examination) -> list[Finding]:
    """Check each credential store in use."""
    if not examination.configuration.settings:
        return [not_configured(STORE)]
    findings = []
    for name in examination.stores:
        examination.machine.note(f"Trying the {name} store …")
        findings.append(check_store(name, examination.machine.store))
        findings += _profiles_elsewhere(name, examination)
    return findings


def _profiles_elsewhere(name: str, examination: Examination) -> list[Finding]:
    """A warning about each profile that another keyring holds than the one that is used now."""
    try:
        backend = examination.machine.store(name).backend
    except (StoreUnavailable, ConfigurationError):  # check_store has reported it
        return []
    return [
        warning(
            STORE,
            name,
            f"Profile {settings.profile} is stored in {settings.keyring}, and the keyring library now selects "
            f"{backend}.",
            "To use the new one, sign in again. To use the old one, remove PYTHON_KEYRING_BACKEND or the setting in "
            "keyringrc.cfg if one of them selects the new one.",
        )
        for settings in examination.configuration.settings
        if settings.store == name and settings.keyring not in (None, backend)
    ]


def check_store(name: str, store: Callable[[str], CredentialStore]) -> Finding:
    """Open the store called ``name``, and write, read and remove a probe entry."""
    try:
        opened = store(name)
        done = opened.check()
    except (StoreUnavailable, ConfigurationError) as error:
        return problem(STORE, name, error)
    if opened.caution is not None:
        message = f"The{opened.place.removeprefix('the')} works, but {opened.caution}."
        return warning(STORE, name, message, _CHOOSE_ANOTHER)
    return fine(STORE, name, done)
