"""The command `flask onboarding import`: progress on a terminal, then the report."""

import sys

import click

from webapp.legacy.run import BATCH, SOURCES, Import, ImportStopped
from webapp.legacy.sources import SourceError

__all__ = ["BATCH", "SOURCES", "run"]

DONE, STOPPED, NO_SOURCE = 0, 1, 2


def run(
    kind: str,
    source: str,
    dry_run: bool,
    as_json: bool,
    batch: int,
    offset: int,
    operator: str | None,
) -> int:
    """Import and report; returns the exit status."""
    work = Import(kind, source, dry_run, batch, offset, operator)
    status = DONE
    if sys.stderr.isatty():
        click.echo("Looking through the source …", err=True)
    try:
        with work.open():
            _go(work)
    except SourceError as error:
        click.echo(str(error), err=True)
        if not work.report.counts:
            work.report.close()
            return NO_SOURCE
        status = STOPPED  # it broke off in the middle
    except ImportStopped:
        click.echo(
            "The database did not take it for several seconds. What is reported below is stored; "
            "run the same command again for the rest.",
            err=True,
        )
        status = STOPPED
    for piece in work.report.as_json() if as_json else work.report.as_text():
        click.echo(piece, nl=not as_json)
    work.report.close()
    return status


def _go(work: Import) -> None:
    if not sys.stderr.isatty():
        for _many in work.steps():
            pass
        return
    with click.progressbar(length=work.owners, label="Importing", file=sys.stderr) as bar:
        for many in work.steps():
            bar.update(many)
