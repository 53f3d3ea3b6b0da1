"""The group of commands: it suggests a command for a mistyped one, and shows its help if no command is given."""

from collections.abc import Mapping
from typing import ClassVar

import click


class CommandGroup(click.Group):
    """A group that may be called without a command.

    ``called_elsewhere`` has words of other programs for what a command or an option does here.
    """

    called_elsewhere: ClassVar[Mapping[str, str]] = {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that ``args`` begin with. A word that is none is a usage error, which names those like it.

        Click suggests commands since 8.4, and only to a group that has imported them all.
        """
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        from webex_token_cli.cli.mistyped import alike, did_you_mean

        meant = self.called_elsewhere.get(name.lower())
        suggestion = alike(name, self.list_commands(ctx)) if meant is None else did_you_mean([meant])
        raise click.UsageError(f"No such command {name!r}.{suggestion}", ctx)


def show_help_without_command(ctx: click.Context) -> None:
    """Print the help of the group if no command was given; that is no error."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
