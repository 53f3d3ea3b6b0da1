"""The group of commands: it suggests a command for a mistyped one, and shows its help if no command is given."""

import click

# How alike two words are that may be the same one, by difflib. With its usual 0.6, "logn" is like "logout" as well.
_ALIKE = 0.65


class CommandGroup(click.Group):
    """A group that may be called without a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that ``args`` begin with. A word that is none is a usage error, which names those like it.

        Click suggests commands since 8.4, and only to a group that has imported them all.
        """
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        import difflib

        alike = difflib.get_close_matches(name.lower(), self.list_commands(ctx), cutoff=_ALIKE)
        suggestion = f" Did you mean {' or '.join(map(repr, alike))}?" if alike else ""
        raise click.UsageError(f"No such command {name!r}.{suggestion}", ctx)


def show_help_without_command(ctx: click.Context) -> None:
    """Print the help of the group if no command was given; that is no error."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
