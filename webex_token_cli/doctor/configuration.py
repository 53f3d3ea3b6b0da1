"""The configuration: whether every setting in ``config.ini`` and the environment can be used."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.names import DEFAULT_PROFILE
from webex_token_cli.config.settings import KEYS, SHARED_STORES, Overrides, Profile, Settings, resolve
from webex_token_cli.doctor.findings import Finding, fine, problem, warning
from webex_token_cli.errors import ConfigurationError, StoreUnavailable
from webex_token_cli.signin.authorization import RedirectURI

CHECK = "config"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The findings, the names of the profiles to check, and the settings of those profiles whose settings are valid.

    ``stored`` has the names of all profiles that are stored. With ``before_any``, no profile is named or stored, and
    the default profile stands for the one to come.
    """

    findings: tuple[Finding, ...]
    profiles: tuple[str, ...]
    settings: tuple[Settings, ...]
    stored: tuple[str, ...] = ()
    before_any: bool = False


def check_configuration(
    config: Callable[[], ConfigFile],
    overrides: Overrides,
    variables: Iterable[Callable[[], object]],
    named: Sequence[str],
    stored_names: Callable[[], list[str]],
    section: Callable[[str], Profile],
) -> Configuration:
    """Check the profiles ``named``; without names, all that are stored; if none is, the default profile.

    ``stored_names`` and ``section``, which gives the stored settings of a profile, raise StoreUnavailable if a store
    that many machines share does not work. The check of the store reports that.

    Each of ``variables`` parses an environment variable that belongs to no profile, and raises ConfigurationError if
    it is invalid.
    """
    errors, settings = list[ConfigurationError](), list[Settings]()
    warnings: list[Finding] = []
    stored: list[str] = []
    is_known = True
    profiles: tuple[str, ...] = tuple(named)
    path = ""
    try:
        file = config()
        path = str(file.path)
        try:
            stored = stored_names()
        except StoreUnavailable:
            is_known = False
        profiles = profiles or tuple(stored) or (DEFAULT_PROFILE,)
        for name in profiles:
            try:
                settings.append(_usable(file, name, overrides, section))
            except ConfigurationError as error:
                errors.append(error)
        unread = _unread(file, set(named) if named else None)
        warnings = [warning(CHECK, path, f"{path} {message}", fix) for message, fix in unread]
    except ConfigurationError as error:
        errors.append(error)
    for parse in variables:
        try:
            parse()
        except ConfigurationError as error:
            errors.append(error)
    # A wrong variable causes the same error for every profile; it is reported once.
    problems = list({error.message: problem(CHECK, path, error) for error in errors}.values())
    findings = [*problems, *warnings] or [
        fine(CHECK, path, _summary(path, stored if is_known else None, overrides.store))
    ]
    before_any = is_known and not named and not stored
    return Configuration(tuple(findings), profiles, tuple(settings), tuple(stored), before_any)


def _usable(file: ConfigFile, name: str, overrides: Overrides, section: Callable[[str], Profile]) -> Settings:
    """The profile's settings. Raises ConfigurationError if a command could not use them."""
    try:
        stored = section(name)
    except StoreUnavailable:
        stored = file.load(name)
    settings = resolve(stored, overrides)
    RedirectURI.parse(settings.redirect_uri)
    return settings


def _unread(file: ConfigFile, wanted: set[str] | None) -> Iterable[tuple[str, str]]:
    """Each line that the file holds and no command reads, and its fix: in the sections ``wanted``, or in all."""
    for line in file.ignored_lines():
        if wanted is not None and line.section not in {"", *wanted}:
            continue
        if not line.key:
            yield f"has a section in line {line.number} whose name is not a valid profile name.", "Rename or delete it."
        elif not line.section:
            yield f"has {line.key} in line {line.number}, before the first section.", "Move it into a section."
        else:
            yield (
                f"has {line.key} in line {line.number}, in section [{line.section}], which is not a setting.",
                f"The settings are {', '.join(KEYS)}; correct the line or delete it.",
            )


def _summary(path: str, stored: Sequence[str] | None, store: str | None) -> str:
    if store in SHARED_STORES:
        if stored is None:
            return f"WEBEX_TOKEN_STORE names the {store} store; which profiles it has is not known."
        counted = {0: "no profile yet", 1: "1 profile"}.get(len(stored), f"{len(stored)} profiles")
        return f"The {store} store, which WEBEX_TOKEN_STORE names, has {counted}, and every setting can be used."
    if not stored:
        return f"{path} names no profile yet; `webex-token login` adds one."
    counted = "1 profile" if len(stored) == 1 else f"{len(stored)} profiles"
    return f"{path} names {counted}, and every setting in it can be used."
