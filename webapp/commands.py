"""`flask onboarding`, whose commands are loaded when one of them is called: who serves pages has no
use for them and for all that they do (0.8 MB of a process)."""

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


def _loaded() -> click.Group:
    from webapp.cli import onboarding

    return onboarding


onboarding = LoadedLate("onboarding", help="Look after the onboarding sessions.")
