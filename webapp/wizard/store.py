"""Sessions and steps in SQL: everything that a request reads or commits goes through here.

Every write begins by updating the session's own row. That touches `updated_at`, counts the revision
and takes the row's lock in one statement, so that two tabs, a retry and the cleanup meet there and
decide one after the other on what they read behind the lock.
"""

from datetime import datetime
from typing import Any

from webapp import meters, tally
from webapp.extensions import after_commit, db, transaction
from webapp.identity.caller import Caller, trusted
from webapp.tally import standing
from webapp.types import now
from webapp.wizard import history, progress
from webapp.wizard.forms import StepForm
from webapp.wizard.merge import Merge
from webapp.wizard.models import OnboardingSession
from webapp.wizard.progress import (
    draft_of,
    mark,
    new_session_id,
    open_session,
    put_draft,
    seal,
    start_again,
)
from webapp.wizard.refusals import (
    AnswersInvalid,
    JourneyIncomplete,
    StaleRevision,
    StepRequired,
)
from webapp.wizard.revision import CURRENT, FOREIGN, MISSING
from webapp.wizard.step import Step
from webapp.wizard.visit import (
    SessionGone,
    StepState,
    Visit,
    id_of,
    is_untouched,
    journey,
    load,
    load_locked,
    lock,
    needed,
    problems,
    require,
    untouched,
    with_followers,
)

__all__ = [
    "AnswersInvalid", "JourneyIncomplete", "SessionGone", "StaleRevision", "StepRequired",
    "changed_elsewhere", "id_of", "journey", "keep_draft", "load", "lock", "new_session_id",
    "open_session", "refresh", "require", "reset", "save", "skip",
]  # fmt: skip


def save(
    caller: Caller,
    step: Step,
    form: StepForm,
    base: int | None,
    action: str = "",
    page: str = "",
    keeps_draft: bool = False,
    whole: bool = True,
    merges: bool = True,
) -> Visit:
    """Gate, validate and store one step, in one transaction; the only way an answer is saved.

    `base` is the revision that the form was made from (`revision.read`), `page` the id of the page
    that it stood on; `keeps_draft`: what is half typed there is another matter; not `whole`: keep
    what there is of an answer, an open step stays open; not `merges`: a newer state is stale, even
    where other fields were changed. Returns the session after the commit. Raises StepLocked,
    AnswersInvalid, StaleRevision, JourneyIncomplete or SessionGone, and then nothing is stored.
    """
    if not form.validate():
        require(caller, step).require(step)
        raise AnswersInvalid(form)
    moment = now()
    with transaction():
        visit = lock(caller, moment, with_followers(step), attach=False)
        visit.require(step)
        before = step.snapshot(visit) if step.slug in visit.saved else {}
        if _is_saved_already(visit, step, form):
            if action in step.actions:
                step.act(action, visit, moment)
                visit.flush()
            return visit
        if not _is_current(visit, step, base):
            form = _merged(visit, step, form, base, merges)
        if whole and (errors := step.check(form, visit)):
            form.add_errors(errors)
            raise AnswersInvalid(form, merged=bool(visit.merged))
        completes = step is journey().last and not visit.session.completed
        if completes and (found := problems(visit)):
            raise JourneyIncomplete(found)
        step.save(form, visit, moment)
        if action in step.actions:
            step.act(action, visit, moment)
        if not whole and step.slug not in visit.saved:
            visit.flush()
            return visit
        _refresh_followers(visit, step.slug, moment)
        seal(visit, step, moment, caller, completes)
        after = step.snapshot(visit)
        history.record(visit.session.id, step.slug, visit.session.revision, moment, before, after)
        draft = draft_of(visit, step) if keeps_draft else {}
        mark(visit, step, saved_at=moment, saved_page=page or None, **draft)
        visit.flush()
        after_commit(meters.saved, step.slug)
    return visit


def _is_saved_already(visit: Visit, step: Step, form: StepForm) -> bool:
    """The same values once more (a double click, a retry) are saved already; a draft would stay."""
    row = visit.progress.get(step.slug)
    saved = row is not None and row.saved_at is not None and row.draft is None
    return saved and step.same(form, step.stored(visit))


def _merged(visit: Visit, step: Step, form: StepForm, base: int | None, may: bool) -> StepForm:
    """The form with what another tab saved since it was made, where the two changed different
    fields; else StaleRevision. A completed session is changed on purpose or not at all."""
    merge = _merge(visit, step, form, base) if may else None
    if merge is None or merge.conflicts or visit.session.completed:
        meters.conflicted(step.slug)
        raise StaleRevision
    visit.merged = merge.theirs
    merged = step.form(formdata=None, data=merge.values)
    if not merged.validate():
        raise AnswersInvalid(merged, merged=True)
    return merged


def _merge(visit: Visit, step: Step, form: StepForm, base: int | None) -> Merge | None:
    """Both sides against the state that the form was made from; None when that is not known."""
    if step.slug not in visit.saved or base in (MISSING, FOREIGN):
        return None
    known = history.snapshot_at(trusted(visit.session.id), step.slug, base or 0)
    if known is None and base == visit.session.sealed_revision:  # made before the first save
        known = step.blank(visit, form)
    return None if known is None else step.merge(known, visit, form)


def changed_elsewhere(visit: Visit, step: Step, form: StepForm, base: int | None) -> frozenset[str]:
    """Fields that only another tab changed since the form was made; none when nobody can tell."""
    merge = _merge(visit, step, form, base)
    return merge.theirs if merge else frozenset()


def skip(
    caller: Caller, step: Step, base: int | None, typed: dict[str, Any] | None = None
) -> Visit:
    """Pass an optional step. What was stored, or typed in the form that skips, stays as its draft.

    Raises StepRequired, StepLocked, StaleRevision or SessionGone.
    """
    if not step.optional:
        raise StepRequired(step.slug)
    moment = now()
    with transaction():
        visit = lock(caller, moment, needed(step))
        visit.require(step)
        row = visit.progress.get(step.slug)
        if not (row and row.skipped_at):
            if not _is_current(visit, step, base):
                meters.conflicted(step.slug)
                raise StaleRevision
            draft = typed
            if answer := step.stored(visit):
                draft = typed or untouched(step, visit)
                db.session.delete(answer)
            elif typed is not None and is_untouched(typed, step, visit):
                draft = None
            seal(visit, step, moment, caller)
            mark(visit, step, skipped_at=moment, draft=draft, draft_at=draft and moment)
            after_commit(meters.skipped, step.slug)
    return visit


def keep_draft(
    caller: Caller, step: Step, typed: dict[str, Any] | None, base: int | None, page: str = ""
) -> datetime | None:
    """Keep what was typed, not validated; None, or just what is stored, leaves no draft. Returns
    when it was kept.

    A draft of a step that is still locked is kept too: it is shown when the step is reached. One
    from a `page` that was saved meanwhile is late, and dropped. Raises SessionGone.
    """
    moment = now()
    with transaction():
        visit = lock(caller, moment, needed(step), attach=False)
        row = visit.progress.get(step.slug)
        if page and row and row.saved_page == page:
            return None
        if typed is not None and is_untouched(typed, step, visit):
            typed = None
        columns: dict[str, Any] = {
            "draft": typed,
            "draft_at": moment if typed is not None else None,
            "draft_revision": base if typed is not None else None,
        }
        before = standing(row)
        if row is None:
            row = StepState(step.slug, moment if visit.may_visit(step) else None)
        row = row._replace(**columns)
        put_draft(visit, row)
        tally.count(visit.session, [tally.Change(step.slug, before, standing(row))])
        if typed is not None:
            after_commit(meters.drafted, step.slug)
    return moment if typed is not None else None


def reset(caller: Caller, base: int | None = None) -> None:
    """Delete every answer of the session and start again, under the same id; no form from before
    can save. `base`: the session's count that it must still have. Raises SessionGone, or
    StaleRevision."""
    moment = now()
    with transaction():
        session = lock(caller, moment, []).session
        if base is not None and base + 1 != session.revision:  # the lock counts as well
            meters.conflicted("all")
            raise StaleRevision
        start_again(session, moment, caller)


def refresh(session_id: str, slug: str) -> None:
    """Renew what followed from a step's results, inside the transaction that changed them; the
    caller holds the session's lock."""
    step = journey().get(slug)
    session = db.session.get(OnboardingSession, session_id)
    if step and session:
        _refresh_followers(load_locked(session, with_followers(step)), slug, now())
        if session.completed:
            progress.announce(session, "changed", slug, now())


def _refresh_followers(visit: Visit, slug: str, moment: datetime) -> None:
    for follower in visit.journey:
        if slug in follower.needs and follower.slug in visit.saved:
            follower.refresh(visit, moment)


def _is_current(visit: Visit, step: Step, base: int | None) -> bool:
    if base == CURRENT:
        return True
    if base is MISSING:
        return visit.revision(step.slug) == 0
    return base == visit.revision(step.slug)
