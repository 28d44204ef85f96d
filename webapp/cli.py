"""`flask onboarding …`: what an operator runs in a shell."""

import sys

import click
from flask.cli import AppGroup
from sqlalchemy import or_, select

from webapp.extensions import db
from webapp.operators import cleanup as cleaning
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession
from webapp.wizard.visit import Visit

onboarding = AppGroup("onboarding", help="Look after the onboarding sessions.")

STORED, MISSING, UNKNOWN = 0, 1, 2


@onboarding.command()
@click.argument("user_or_session")
def verify(user_or_session: str) -> None:
    """Show what of each step is stored, secrets masked.

    Exit status: 0 when every required step is stored, 1 when one is missing, 2 when there is no
    such user or session.
    """
    session_id = db.session.scalar(
        select(OnboardingSession.id)
        .where(or_(OnboardingSession.id == user_or_session, _is_user(user_or_session)))
        .limit(1)
    )
    visit = store.load(session_id, everything=True) if session_id else None
    if visit is None:
        click.echo(f"No session and no user is called {user_or_session}.", err=True)
        sys.exit(UNKNOWN)
    _tell(visit)
    required = [step for step in visit.journey if not step.optional]
    missing = [step.slug for step in required if step.slug not in visit.saved]
    if missing:
        click.echo(f"Missing: {', '.join(missing)}")
        sys.exit(MISSING)
    click.echo("Every required step is stored.")


@onboarding.command()
@click.option(
    "--hours",
    default=24,
    show_default=True,
    type=click.IntRange(cleaning.MIN_HOURS, cleaning.MAX_HOURS),
    help="Sessions that nothing was saved in for this long.",
)
@click.option("--dry-run", is_flag=True, help="Count, delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def cleanup(hours: int, dry_run: bool, yes: bool) -> None:
    """Delete abandoned sessions: not completed, and untouched for HOURS."""
    if dry_run:
        found = cleaning.run(hours, dry_run=True)
        click.echo(f"{found.deleted} sessions would be deleted (nothing saved for {hours} hours).")
        return
    if not yes and sys.stdin.isatty():
        found = cleaning.run(hours, dry_run=True)
        click.confirm(f"Delete {found.deleted} sessions and all their answers?", abort=True)
    done = cleaning.run(hours)
    click.echo(
        f"{done.deleted} sessions deleted (nothing saved since {done.cutoff:%Y-%m-%d %H:%M} UTC)."
    )


def _is_user(name: str):  # type: ignore[no-untyped-def]  # an SQL expression
    return OnboardingSession.user_id == name


def _tell(visit: Visit) -> None:
    session = visit.session
    click.echo(f"Session {session.id}, user {session.user_id or '(anonymous)'}")
    state = (
        f"completed {session.completed_at:%Y-%m-%d %H:%M} UTC" if session.completed_at else "open"
    )
    click.echo(f"Begun {session.created_at:%Y-%m-%d %H:%M} UTC, {state}")
    for step in visit.journey:
        row = visit.progress.get(step.slug)
        click.echo(
            f"\n{visit.journey.number(step.slug)}. {step.slug}: {_state(row, step.optional)}"
        )
        if row and row.saved_at:
            for line in step.rows(visit):
                value = line.value
                shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                click.echo(f"   {line.label}: {shown}")
    click.echo("")


def _state(row: store.StepProgress | None, optional: bool) -> str:
    if row and row.saved_at:
        return f"stored {row.saved_at:%Y-%m-%d %H:%M:%S} UTC"
    if row and row.skipped_at:
        return "skipped"
    draft = " (a draft is kept)" if row and row.draft is not None else ""
    return ("open, optional" if optional else "missing") + draft
