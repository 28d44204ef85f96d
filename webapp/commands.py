"""`flask onboarding`, whose commands are loaded when one of them is called: who serves pages has no
use for them and for all that they do (0.8 MB of a process)."""

import os
import sys
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

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
        except (*errors.DATABASE_ERRORS, DBAPIError) as error:
            cause = getattr(error, "orig", None) or error
            said = str(cause).strip().partition("\n")[0]
            is_behind = type(cause).__name__ in _UNDEFINED or said.startswith(_NO_SUCH)
            is_ours = getattr(cause, "sqlite_errorcode", 0) == _SQL_FAULT
            if not is_behind and (is_ours or not errors.is_database_away(error)):
                raise  # with its traceback
            click.echo(f"The database did not do it: {logs.mask(said)}", err=True)
            click.echo(_BEHIND if is_behind else _AGAIN, err=True)
            sys.exit(os.EX_TEMPFAIL)


_UNDEFINED, _NO_SUCH = {"UndefinedTable", "UndefinedColumn"}, ("no such table", "no such column")
"""What PostgreSQL and SQLite say of a database that is older than the code."""
_SQL_FAULT = 1
"""SQLite's SQLITE_ERROR: not of the database, but of what it was told."""
_BEHIND = "Is it migrated? Run `flask --app wsgi db upgrade`, then the command again."
_AGAIN = "What was done before that stays done; run the command again."


def _loaded() -> click.Group:
    from webapp.cli import onboarding

    return onboarding


onboarding = LoadedLate("onboarding", help="Look after the onboarding sessions.")
