"""`flask onboarding …`: what an operator runs in a shell."""

import getpass
import json
import sys
from datetime import UTC, datetime

import click
from flask.cli import AppGroup
from sqlalchemy import or_, select

from webapp import audit as trail
from webapp.extensions import db
from webapp.identity.caller import trusted
from webapp.legacy import command as importing
from webapp.operators import cleanup as cleaning
from webapp.operators import funnel, rotation
from webapp.operators.words import duration
from webapp.wizard import store
from webapp.wizard.models import OnboardingSession
from webapp.wizard.visit import Visit

onboarding = AppGroup("onboarding", help="Look after the onboarding sessions.")

STORED, MISSING, UNKNOWN = 0, 1, 2
UNOPENED = 1
_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


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
    visit = store.load(trusted(session_id), everything=True) if session_id else None
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
    done = cleaning.run(hours, who="operator", name=_operator())
    click.echo(
        f"{done.deleted} sessions deleted (nothing saved since {done.cutoff:%Y-%m-%d %H:%M} UTC)."
    )


@onboarding.command("rotate-keys")
@click.option(
    "--batch",
    default=rotation.BATCH,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Sealed values in one transaction.",
)
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
def rotate_keys(batch: int, as_json: bool) -> None:
    """Seal every stored secret anew with the first of ENCRYPTION_KEYS.

    It can be stopped at any time and run again, beside a server at work. Exit status: 0 when the
    older keys are needed no more, 1 when a value could not be opened (nothing of it was changed).
    """
    done = rotation.Rotation()
    for done in rotation.run(batch, _operator()):
        if not as_json and sys.stderr.isatty():
            click.echo(f"\r{done.rotated} … ", nl=False, err=True)
    if as_json:
        click.echo(json.dumps({**done.counts, "examples": done.examples}))
    else:
        click.echo(f"{done.rotated} sealed anew, {done.already} with the newest key before.")
        if done.unopened:
            click.echo(f"{done.unopened} cannot be opened with any of ENCRYPTION_KEYS:")
            for example in done.examples:
                click.echo(f"   {example}")
            click.echo("Nothing was deleted; their owners are asked to enter them again.")
    if done.unopened:
        sys.exit(UNOPENED)


@onboarding.command("import")
@click.argument("kind", type=click.Choice(importing.SOURCES))
@click.argument("source")
@click.option("--dry-run", is_flag=True, help="Report what would be done, store nothing.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@click.option(
    "--batch",
    default=importing.BATCH,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Users in one transaction.",
)
@click.option(
    "--utc-offset",
    default=0,
    show_default=True,
    type=click.IntRange(-14 * 60, 14 * 60),
    help="Minutes that the former server's clock was ahead of UTC, for times written by it.",
)
def import_(
    kind: str, source: str, dry_run: bool, as_json: bool, batch: int, utc_offset: int
) -> None:
    """Bring the data of an earlier system: a SQLAlchemy URL, a SQLite file or a folder.

    The source is only read. What is here already wins; run it again whenever you like. Exit status:
    0 also when rows could not be attached (they are reported), 1 when our own database stopped it,
    2 for a source that is none of this kind.
    """
    sys.exit(importing.run(kind, source, dry_run, as_json, batch, utc_offset, _operator()))


@onboarding.command()
@click.option("--user", help="About this user; one who was erased is found as well.")
@click.option("--session", "session_id", help="About this session.")
@click.option("--since", type=click.DateTime(_MOMENTS), help="Since then, in UTC.")
@click.option(
    "--newest",
    type=click.IntRange(1, 1_000_000),
    help="The newest so many alone.  [default: 100, without any other choice]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def audit(
    user: str | None,
    session_id: str | None,
    since: datetime | None,
    newest: int | None,
    as_json: bool,
) -> None:
    """Read the audit trail: who did what, when, about whom; oldest first."""
    if not (user or session_id or since or newest):
        newest = 100
    moment = since.replace(tzinfo=UTC) if since else None
    for entry in trail.read(user_id=user, session_id=session_id, since=moment, newest=newest):
        click.echo(_as_json(entry) if as_json else _as_line(entry))


def _as_json(entry: trail.AuditEntry) -> str:
    columns = ("id", "who", "name", "action", "session_id", "user_id", "details")
    shown = {"at": entry.at.isoformat()} | {name: getattr(entry, name) for name in columns}
    return json.dumps(shown, ensure_ascii=False)


def _as_line(entry: trail.AuditEntry) -> str:
    """In one line whatever a user is called: line ends and signs that move the cursor escaped."""
    by = f"{entry.who} {entry.name}" if entry.name else entry.who
    about = [f"session {entry.session_id}"] if entry.session_id else []
    about += [f"user {entry.user_id}"] if entry.user_id else []
    details = [f"{name}={value}" for name, value in entry.details.items()]
    line = "  ".join([f"{entry.at:%Y-%m-%d %H:%M:%S}Z", by, entry.action, *about, *details])
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _operator() -> str | None:
    """Who runs this command, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return None


@onboarding.command()
@click.option("--days", type=click.IntRange(1, 36_500), help="Began in the last so many days.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
def stats(days: int | None, as_json: bool) -> None:
    """Show how many sessions reached and passed each step, and where they stopped.

    A line a step, its slug first, then all sessions and analyses. Deleted sessions are counted too.
    """
    found = funnel.read(days, patience=30)
    if as_json:
        click.echo(json.dumps(funnel.as_dict(found), indent=2))
        return
    width = max(len(step.slug) for step in found.steps)
    for step in found.steps:
        click.echo(
            f"{step.slug:{width}}  reached {step.reached}  passed {step.passed}  "
            f"skipped {step.skipped}  stopped {step.stopped}  drafts {step.drafts}  "
            f"median {duration(step.median)}"
        )
    failed = sum(number for _code, number in found.analyses_failed)
    reasons = ", ".join(f"{code} {number}" for code, number in found.analyses_failed)
    click.echo(f"\nStarted {found.started}, completed {found.completed}.")
    click.echo(
        f"Analyses done {found.analyses_done}, failed {failed}{f' ({reasons})' if failed else ''}."
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
                note = f" ({line.note})" if line.note else ""
                click.echo(f"   {line.label}: {shown}{note}")
    click.echo("")


def _state(row: store.StepState | None, optional: bool) -> str:
    if row and row.saved_at:
        return f"stored {row.saved_at:%Y-%m-%d %H:%M:%S} UTC"
    if row and row.skipped_at:
        return "skipped"
    draft = " (a draft is kept)" if row and row.draft is not None else ""
    return ("open, optional" if optional else "missing") + draft
