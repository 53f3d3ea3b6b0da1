"""The configuration: whether every setting in ``config.ini`` and the environment can be used."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.names import DEFAULT_PROFILE
from webex_token_cli.config.settings import KEYS, Overrides, Settings, resolve
from webex_token_cli.doctor.findings import Finding, fine, problem, warning
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI

CHECK = "config"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The findings, the names of the profiles to check, and the settings of those profiles whose settings are valid.

    ``stored`` has the names of all profiles in the file.
    """

    findings: tuple[Finding, ...]
    profiles: tuple[str, ...]
    settings: tuple[Settings, ...]
    stored: tuple[str, ...] = ()


def check_configuration(
    config: Callable[[], ConfigFile],
    overrides: Overrides,
    variables: Iterable[Callable[[], object]],
    named: Sequence[str],
) -> Configuration:
    """Check the profiles ``named``; without names, all that have a section; without sections, the default profile.

    Each of ``variables`` parses an environment variable that belongs to no profile, and raises ConfigurationError if
    it is invalid.
    """
    errors, settings = list[ConfigurationError](), list[Settings]()
    warnings: list[Finding] = []
    stored: list[str] = []
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
    findings = [*problems, *warnings] or [fine(CHECK, path, _summary(path, stored))]
    return Configuration(tuple(findings), profiles, tuple(settings), tuple(stored))


def _usable(file: ConfigFile, name: str, overrides: Overrides) -> Settings:
    """The profile's settings. Raises ConfigurationError if a command could not use them."""
    settings = resolve(file.load(name), overrides)
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


def _summary(path: str, stored: Sequence[str]) -> str:
    if not stored:
        return f"{path} names no profile yet; `webex-token login` adds one."
    counted = "1 profile" if len(stored) == 1 else f"{len(stored)} profiles"
    return f"{path} names {counted}, and every setting in it can be used."
