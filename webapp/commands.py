"""`flask onboarding`, whose commands are loaded when one of them is called: who serves pages has no
use for them and for all that they do (0.8 MB of a process)."""

import os
import sys
from typing import Any

import click
from flask.cli import AppGroup

from webapp.legacy import models  # noqa: F401 - a migration compares the tables of all


class LoadedLate(AppGroup):
    """The group of `webapp.cli`, without its commands until somebody looks for one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return _loaded().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        return _loaded().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Where the database is away, locked or not migrated, it ends with a
        sentence and the status that says "try again" (EX_TEMPFAIL, 75)."""
        from webapp import errors, logs

        try:
            return super().invoke(ctx)
        except errors.DATABASE_ERRORS as error:
            said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            click.echo(
                f"The database did not do it: {logs.mask(said)}\n"
                "What was done before that stays done; run the command again.",
                err=True,
            )
            sys.exit(os.EX_TEMPFAIL)


def _loaded() -> click.Group:
    from webapp.cli import onboarding

    return onboarding


onboarding = LoadedLate("onboarding", help="Look after the onboarding sessions.")
