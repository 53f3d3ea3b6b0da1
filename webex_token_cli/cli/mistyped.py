"""What a person may have meant who typed a word that the program does not know."""

import re
from collections.abc import Iterable
from typing import Any

import click

# How alike two words are that may be the same one, by difflib. With its usual 0.6, "logn" is like "logout" as well.
_ALIKE = 0.65

_EXTRA_ARGUMENT = re.compile(r"Got unexpected extra argument \((\S+)\)")


def alike(word: str, known: Iterable[str]) -> str:
    """A question that names those of the ``known`` words that are like ``word``, after a blank; empty if none is."""
    import difflib

    return did_you_mean(difflib.get_close_matches(word.lower(), list(known), cutoff=_ALIKE))


def did_you_mean(words: Iterable[str]) -> str:
    """The question after a blank; empty without ``words``."""
    named = " or ".join(map(repr, words))
    return f" Did you mean {named}?" if named else ""


class Choice(click.Choice):  # type: ignore[type-arg] # click before 8.2 cannot take one
    """One of several words. A word that is none of them is a usage error, which names those like it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word. Raises BadParameter."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            suggestion = alike(str(value), map(str, self.choices))
            raise click.BadParameter(f"{error.message}{suggestion}", error.ctx, error.param) from None


def explained(error: click.ClickException) -> click.ClickException:
    """``error`` with what the person may have meant, the same with every version of click."""
    context = getattr(error, "ctx", None)
    if context is None:
        return error
    if isinstance(error, click.NoSuchOption):
        return click.UsageError(f"No such option {error.option_name!r}.{_meant(error.option_name, context)}", context)
    extra = _EXTRA_ARGUMENT.fullmatch(error.message)
    if extra and "--profile" in _options(context.command, context):
        hint = f"A profile is named with an option: `{context.command_path} --profile {extra[1]}`."
        return click.UsageError(f"{error.message}. {hint}", context)
    return error


def _meant(option: str, context: click.Context) -> str:
    """The options that are like ``option``, or the place for an option of the commands."""
    if isinstance(context.command, click.Group) and option in _options_below(context.command, context):
        return f" It is an option of commands, and stands behind one: `{context.command_path} COMMAND {option}`."
    return alike(option, _options(context.command, context))


def _options(command: click.Command, context: click.Context) -> list[str]:
    params = command.get_params(context)
    return [name for param in params if isinstance(param, click.Option) for name in param.opts]


def _options_below(group: click.Group, context: click.Context) -> set[str]:
    commands = [group.get_command(context, name) for name in group.list_commands(context)]
    return {option for command in commands if command is not None for option in _options(command, context)}
