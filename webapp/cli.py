"""`flask onboarding …`: what an operator runs in a shell."""

import getpass
import json
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import or_, select

from webapp import audit as trail
from webapp import privacy
from webapp import webhooks as outbox
from webapp.config import settings
from webapp.extensions import db
from webapp.identity.caller import operator, trusted
from webapp.legacy import command as importing
from webapp.operators import backup as saving
from webapp.operators import bulk, funnel, rotation
from webapp.operators import cleanup as cleaning
from webapp.operators.words import duration
from webapp.wizard import ending, store
from webapp.wizard.models import OnboardingSession
from webapp.wizard.visit import Visit

onboarding = AppGroup("onboarding")
"""`webapp.commands` shows it."""

STORED, MISSING, UNKNOWN = 0, 1, 2
UNOPENED = 1
NO_WEBHOOK = "No WEBHOOK_URL is configured: nobody is told anything."


class Age(click.ParamType):
    """A time span like 48h or 7d."""

    name = "48h or 7d"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        """Text -> timedelta."""
        found = re.fullmatch(r"([1-9][0-9]{0,5})([hd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no time span: write 48h or 7d.", param, ctx)
        return timedelta(**{{"h": "hours", "d": "days"}[found[2]]: int(found[1])})


AGE = Age()
_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


@onboarding.command()
@click.argument("user_or_session")
def verify(user_or_session: str) -> None:
    """Show what of each step is stored, secrets masked.

    Exit status: 0 when every required step is stored, 1 when one is missing, 2 when there is no
    such user or session.
    """
    visit = store.load(trusted(_session_of(user_or_session)), everything=True)
    if visit is None:
        _unknown(user_or_session)
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
        if found.completed:
            click.echo(f"{found.completed} completed ones as well (COMPLETED_RETENTION_DAYS).")
        return
    if not yes and sys.stdin.isatty():
        found = cleaning.run(hours, dry_run=True)
        many = found.deleted + found.completed
        click.confirm(f"Delete {many} sessions and all their answers?", abort=True)
    done = cleaning.run(hours, who="operator", name=_operator())
    click.echo(
        f"{done.deleted} sessions deleted (nothing saved since {done.cutoff:%Y-%m-%d %H:%M} UTC)."
    )
    if done.completed:
        click.echo(f"{done.completed} completed ones deleted (COMPLETED_RETENTION_DAYS).")


@onboarding.command()
@click.argument("user")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="A file, in place of stdout.")
def export(user: str, output: str | None) -> None:
    """Print everything that is stored of USER (a user or a session) as JSON, secrets masked.

    Exit status: 1 when the file cannot be written, 2 when there is no such user or session.
    """
    text = privacy.exported(_session_of(user), who="operator", name=_operator())
    if text is None:
        _unknown(user)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o600)
            file.write(text)
    except OSError as error:
        raise click.FileError(output, error.strerror) from error


@onboarding.command()
@click.argument("user")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, erase nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(user: str, dry_run: bool, yes: bool) -> None:
    """Erase every row of USER (a user or a session), in every table.

    The audit trail keeps that it was done, without the person. Exit status: 2 when there is no such
    user or session.
    """
    session_id = _session_of(user)
    found = privacy.export(session_id)
    if found is None:
        _unknown(user)
    rows = sum(map(len, found["tables"].values())) + 1
    if dry_run:
        click.echo(f"{rows} rows of session {session_id} would be erased.")
        return
    _ask(f"Erase {rows} rows of session {session_id}, for good?", yes)
    try:
        privacy.erase(operator(session_id, _operator()), who="operator", name=_operator())
    except store.SessionGone:
        _unknown(user)
    click.echo(f"Erased: {rows} rows.")


@onboarding.command()
@click.argument("user")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(user: str, dry_run: bool, yes: bool) -> None:
    """Delete the answers of USER (a user or a session), who begins again under the same id.

    Exit status: 2 when there is no such user or session.
    """
    session_id = _session_of(user)
    visit = store.load(trusted(session_id))
    if visit is None:
        _unknown(user)
    saved = ", ".join(step.slug for step in visit.journey if step.slug in visit.saved) or "none"
    if dry_run:
        click.echo(f"The answers of session {session_id} would be deleted; saved steps: {saved}.")
        return
    _ask(f"Delete the answers of session {session_id}; saved steps: {saved}?", yes)
    try:
        store.reset(operator(session_id, _operator()))
    except store.SessionGone:
        _unknown(user)
    click.echo(f"Session {session_id} is at its first step again.")


@onboarding.command()
@click.argument("user")
@click.option("--dry-run", is_flag=True, help="Say whether it could be completed, change nothing.")
def complete(user: str, dry_run: bool) -> None:
    """Complete the session of USER (a user or a session) for them.

    Every step is checked once more, and the declaration is the one that their draft of the last
    step holds. Optional steps that are open are passed. Exit status: 1 when something is missing,
    which is told; 2 when there is no such user or session.
    """
    session_id = _session_of(user)
    try:
        visit = store.require(trusted(session_id), everything=True)
        if visit.session.completed:
            click.echo("It is completed already.")
            return
        if dry_run:
            _form, waiting = ending.what_is_missing(visit)
            if waiting:
                raise store.JourneyIncomplete(waiting)
            click.echo("It would be completed.")
            return
        ending.complete(operator(session_id, _operator()))
    except store.SessionGone:
        _unknown(user)
    except store.JourneyIncomplete as error:
        for step, told in error.args[0]:
            last = step is store.journey().last
            why = "; ".join(told) or ("no declaration is typed" if last else "not saved")
            click.echo(f"Missing: {step.slug} ({why})")
        sys.exit(MISSING)
    click.echo("Completed.")


@onboarding.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def backup(path: Path, force: bool) -> None:
    """Copy the SQLite database to PATH, beside a server at work.

    Exit status: 2 when none was made, for instance on PostgreSQL, where pg_dump does it.
    """
    try:
        size = saving.run(path, force, _operator())
    except saving.NotPossible as error:
        click.echo(str(error), err=True)
        sys.exit(UNKNOWN)
    click.echo(f"{path}: {size:,} bytes, checked.")
    if files := saving.belonging():
        click.echo("Keep these with it, or stored API keys cannot be opened again:")
        for file in files:
            click.echo(f"   {file}")
    else:
        click.echo("Keep ENCRYPTION_KEYS with it, or stored API keys cannot be opened again.")


@onboarding.command("list")
@click.option("--state", default="open", show_default=True, type=click.Choice(bulk.STATES))
@click.option("--older-than", type=AGE, help="Touched last so long ago: 48h, 7d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--dry-run", is_flag=True, help="Count, list nobody.")
def list_(state: str, older_than: timedelta | None, as_json: bool, dry_run: bool) -> None:
    """List sessions: who, where they stand, and when they were touched last; no answers.

    The audit trail keeps that it was asked for. Exit status: 2 for wrong options.
    """
    if dry_run:
        click.echo(f"{bulk.count(state, older_than)} would be listed.")
        return
    bulk.note_listing(state, older_than, _operator())
    for one in bulk.sessions(state, older_than):
        if as_json:
            click.echo(json.dumps(one, ensure_ascii=False))
        else:
            where = one["step"] or one["state"]
            line = f"{one['session']}  {one['updated_at'][:16]}Z  {where}  {one['user'] or '-'}"
            click.echo(_printable(line))


@onboarding.command()
@click.option(
    "--days",
    default=3,
    show_default=True,
    type=click.IntRange(1, 365),
    help="Stopped so many days ago, or longer.",
)
@click.option("--dry-run", is_flag=True, help="Count, send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remind(days: int, dry_run: bool, yes: bool) -> None:
    """Mail a link to go on with to those who stopped and left an address, once in all.

    Who stopped longer ago than RETENTION_HOURS may be cleaned up before a reminder: keep answers
    for longer than --days. Exit status: 1 when the outbox is full (run it again later), 2 without
    SMTP_URL or PUBLIC_URL.
    """
    for name in ("SMTP_URL", "PUBLIC_URL"):
        if not getattr(settings(), name.lower()):
            click.echo(f"{name} is not set: without it no link can be mailed.", err=True)
            sys.exit(UNKNOWN)
    if days * 24 >= settings().retention_hours:
        kept = settings().retention_hours
        click.echo(f"The cleanup may come first: RETENTION_HOURS is {kept}.", err=True)
    if dry_run or (not yes and sys.stdin.isatty()):
        many = sum(1 for _one in bulk.to_remind(days))
        if dry_run:
            click.echo(f"{many} would be reminded.")
            return
        click.confirm(f"Mail {many} people a link?", abort=True)
    sent = 0
    try:
        for session_id, address in bulk.to_remind(days):
            sent += bulk.remind(session_id, address, days, _operator())
    except bulk.OutboxFull:
        click.echo(f"{sent} reminded. The outbox is full: run it again later.", err=True)
        sys.exit(MISSING)
    click.echo(f"{sent} reminded. A server or worker at work sends the mails.")


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


@onboarding.group(invoke_without_command=True)
@click.option("--failed", is_flag=True, help="Those alone that were given up.")
@click.option(
    "--newest",
    default=50,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="The newest so many.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with what is sent.")
@click.pass_context
@with_appcontext
def webhooks(context: click.Context, failed: bool, newest: int, as_json: bool) -> None:
    """What the host product is told (WEBHOOK_URL): newest first, delivered or not."""
    if context.invoked_subcommand:
        return
    if not settings().webhook_url:
        click.echo(NO_WEBHOOK, err=True)
    for row in outbox.read(newest, failed):
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else _one_line(row))


@webhooks.command("repeat")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--failed", is_flag=True, help="All that were given up.")
def repeat_webhooks(ids: tuple[str, ...], failed: bool) -> None:
    """Send events again, each under its own id, whatever became of them, for another day.

    Exit status: 2 when an id is unknown (the others are sent), 1 without WEBHOOK_URL.
    """
    if bool(ids) == failed:
        raise click.UsageError("Name the ids of events, or --failed for all that were given up.")
    if not settings().webhook_url:
        click.echo(NO_WEBHOOK, err=True)
        sys.exit(1)
    if failed:
        click.echo(f"{outbox.repeat_failed(_operator())} will be sent again.")
        return
    unknown = [one for one in ids if outbox.repeat(one, _operator()) is None]
    click.echo(f"{len(ids) - len(unknown)} will be sent again.")
    if unknown:
        click.echo(f"No event of a session is called {', '.join(unknown)}.", err=True)
        sys.exit(UNKNOWN)


@webhooks.command("test")
def test_webhooks() -> None:
    """Send an event of the type onboarding.test now, once, and say what the receiver answered.

    Exit status: 0 when it took it (2xx), 1 when not.
    """
    if not settings().webhook_url:
        click.echo(NO_WEBHOOK, err=True)
        sys.exit(1)
    sent = outbox.send_test(_operator())
    said = f"answer {sent.answered}" if sent.answered else "no answer"
    if sent.fault:
        click.echo(f"{sent.id} was not taken: {said}, {sent.fault}.", err=True)
        sys.exit(1)
    click.echo(f"{sent.id} was taken: {said}.")


def _one_line(row: Mapping[str, Any]) -> str:
    """An event for people, its times in UTC."""
    told = [row["id"], row["type"], row["state"], f"attempts {row['attempts']}"]
    told += [f"answer {row['answer']}"] if row["answer"] else []
    told += [row["fault"]] if row["fault"] else []
    if row["state"] == "waiting":
        told.append(f"after {row['behind']}" if row["behind"] else f"next {row['next_at'][:19]}Z")
    user = row["payload"]["data"]["user_id"]
    line = "  ".join([f"{row['created_at'][:19]}Z", *told, f"user {user}" if user else "anonymous"])
    return _printable(line)


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
    return _printable(
        "  ".join([f"{entry.at:%Y-%m-%d %H:%M:%S}Z", by, entry.action, *about, *details])
    )


def _printable(line: str) -> str:
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


def _session_of(name: str) -> str:
    """The id of the session that is, or else whose user is, called so; "" for nobody's."""
    called = or_(OnboardingSession.id == name, OnboardingSession.user_id == name)
    found = db.session.scalars(select(OnboardingSession.id).where(called)).all()
    return name if name in found else next(iter(found), "")


def _unknown(name: str) -> NoReturn:
    click.echo(f"No session and no user is called {name}.", err=True)
    sys.exit(UNKNOWN)


def _ask(question: str, yes: bool) -> None:
    """Before something is destroyed, where somebody can answer."""
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True)


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
