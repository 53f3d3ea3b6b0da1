"""Whether ``config.ini`` and the variables can be used: every section, every setting."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from webex_token_cli.config.file import KEYS, ConfigFile
from webex_token_cli.config.settings import DEFAULT_PROFILE, Overrides, Settings, resolve
from webex_token_cli.doctor.findings import Finding, fine, problem, warning
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI

CHECK = "config"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What was found, the profiles to look at, and the settings of those that have usable ones."""

    findings: tuple[Finding, ...]
    profiles: tuple[str, ...]
    settings: tuple[Settings, ...]


def check_configuration(
    config: Callable[[], ConfigFile],
    overrides: Overrides,
    others: Iterable[Callable[[], object]],
    named: Sequence[str],
) -> Configuration:
    """Look at the profiles ``named``, or at all that have a section, or at the default one where none has.

    ``others`` are settings that no profile has: each raises ConfigurationError when it cannot be used.
    """
    errors, settings = list[ConfigurationError](), list[Settings]()
    warnings: list[Finding] = []
    profiles: tuple[str, ...] = tuple(named)
    path = ""
    try:
        file = config()
        path = str(file.path)
        stored = file.names()
        profiles = profiles or tuple(stored) or (DEFAULT_PROFILE,)
        for name in profiles:
            try:
                settings.append(_usable(file, name, overrides))
            except ConfigurationError as error:
                errors.append(error)
        warnings = [
            warning(CHECK, path, f"{path} {said}", fix) for said, fix in _unread(file, set(named) if named else None)
        ]
    except ConfigurationError as error:
        errors.append(error)
    for use in others:
        try:
            use()
        except ConfigurationError as error:
            errors.append(error)
    # What a variable says wrongly, each profile comes upon.
    problems = list({error.message: problem(CHECK, path, error) for error in errors}.values())
    findings = [*problems, *warnings] or [fine(CHECK, path, _all_well(path, stored))]
    return Configuration(tuple(findings), profiles, tuple(settings))


def _usable(file: ConfigFile, name: str, overrides: Overrides) -> Settings:
    """The profile's settings. Raises ConfigurationError when a command could not use them."""
    settings = resolve(file.load(name), overrides)
    RedirectURI.parse(settings.redirect_uri)
    return settings


def _unread(file: ConfigFile, wanted: set[str] | None) -> Iterable[tuple[str, str]]:
    """What the file says and nobody reads, with what to do: in the sections ``wanted``, or in all."""
    for line in file.ignored_lines():
        if wanted is not None and line.section not in {"", *wanted}:
            continue
        if not line.key:
            yield f"has a section in line {line.number} whose name no profile can have.", "Rename or delete it."
        elif not line.section:
            yield f"has {line.key} in line {line.number}, before the first section.", "Move it into a section."
        else:
            yield (
                f"has {line.key} in line {line.number}, in section [{line.section}], which is no setting.",
                f"The settings are {', '.join(KEYS)}; correct the line or delete it.",
            )


def _all_well(path: str, stored: Sequence[str]) -> str:
    if not stored:
        return f"{path} names no profile yet; a sign-in makes it."
    counted = "1 profile" if len(stored) == 1 else f"{len(stored)} profiles"
    return f"{path} names {counted}, and all of it can be used."
