"""Bringing what one owner has into our tables, inside the importer's transaction.

What is here already wins, field by field; only gaps are filled. Nothing is queued and nobody is
told: a row of the old system is a result, not a wish.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm.attributes import set_committed_value

from webapp import audit
from webapp.extensions import db
from webapp.legacy import shapes, values
from webapp.legacy.bundle import Analysis, Bundle, Declaration, same_address
from webapp.legacy.models import ImportMark
from webapp.legacy.report import LEFT_OUT, NOTE, Report
from webapp.site.specificity import specificity_loss
from webapp.steps.api_keys.models import ApiKey
from webapp.steps.finish import FIRST_LAYER, KBlock
from webapp.steps.persona.models import PersonaData
from webapp.steps.research import ResearchPreferences
from webapp.steps.website.models import COMPLETED, FAILED, WebsiteAnalysis, WebsiteAnswer
from webapp.vault import vault
from webapp.wizard.models import OnboardingSession, StepProgress
from webapp.wizard.store import journey, new_session_id
from webapp.wizard.visit import Visit, load_locked

NEW, MERGED, ALREADY = "users_new", "users_merged", "users_already_there"
_BUSINESS = ("business_description", "industry", "target_audience", "business_goals")


def bring(
    bundle: Bundle, source: str, moment: datetime, report: Report, operator: str | None
) -> str:
    """Store what there is no better of here; returns NEW, MERGED or ALREADY. The rows are counted
    in the report. The caller opens the transaction, and commits it."""
    digest = bundle.digest(source)
    session = _session_of(bundle)
    if session is not None and _has_mark(session.id, digest):
        return _told(bundle, session, ALREADY, report)
    outcome = NEW if session is None else MERGED
    visit = _begun(bundle, moment) if session is None else load_locked(session, list(journey()))
    entry = _Entry(visit, bundle, moment, report)
    entry.fill()
    session = visit.session
    if outcome == MERGED and not entry.changed:
        outcome = ALREADY
    if outcome != ALREADY:
        session.revision += outcome == MERGED
        session.updated_at = moment
        entry.seal()
        rows = len(bundle.rows)
        audit.record(
            "imported", who="operator", name=operator, session_id=session.id,
            user_id=session.user_id, source=source, rows=rows,
        )  # fmt: skip
    db.session.add(
        ImportMark(
            session_id=session.id,
            digest=digest,
            source=source,
            revision=0 if entry.used else session.revision,
            imported_at=moment,
        )
    )
    db.session.flush()
    return _told(bundle, session, outcome, report)


def _has_mark(session_id: str, digest: str) -> bool:
    mine = (ImportMark.session_id == session_id) & (ImportMark.digest == digest)
    return db.session.scalar(select(ImportMark.revision).where(mine)) is not None


def _exists(session_id: str) -> bool:
    query = select(OnboardingSession.id).where(OnboardingSession.id == session_id)
    return db.session.scalar(query) is not None


def _told(bundle: Bundle, session: OnboardingSession, outcome: str, report: Report) -> str:
    for table, _row, how in bundle.rows:
        report.count(table, {NEW: how, MERGED: "merged", ALREADY: "already_there"}[outcome])
    report.counts["users"] += 1
    report.counts[outcome] += 1
    if outcome != ALREADY:
        report.counts["completed" if session.completed else "open"] += 1
    return outcome


def _session_of(bundle: Bundle) -> OnboardingSession | None:
    """The user's session; or the anonymous one that was made of these very rows before."""
    query = select(OnboardingSession).with_for_update()
    if bundle.user_id is not None:
        return db.session.scalar(query.where(OnboardingSession.user_id == bundle.user_id))
    imported = select(ImportMark.session_id).where(ImportMark.session_id == OnboardingSession.id)
    named = OnboardingSession.id.in_([bundle.session_id or "", bundle.lasting_id])
    return db.session.scalar(query.where(named, imported.exists()))


def _begun(bundle: Bundle, moment: datetime) -> Visit:
    otherwise = new_session_id() if bundle.user_id else bundle.lasting_id
    wanted = bundle.session_id or otherwise
    if _exists(wanted):
        wanted = otherwise
    session = OnboardingSession(
        id=wanted,
        user_id=bundle.user_id,
        completed=False,
        revision=1,
        sealed_revision=0,
        # Whoever had it there opened it by its id; only an id that cannot be guessed does here.
        begun_by_api=bundle.user_id is None and _is_random(wanted),
        created_at=bundle.began or bundle.touched or moment,
        updated_at=moment,
    )
    db.session.add(session)
    db.session.flush()
    return Visit(session, [], {step.slug: None for step in journey()}, journey())


def _is_random(session_id: str) -> bool:
    try:
        return str(uuid.UUID(session_id, version=4)) == session_id
    except ValueError:
        return False


class _Entry:
    """One bundle on its way into one session."""

    def __init__(self, visit: Visit, bundle: Bundle, moment: datetime, report: Report) -> None:
        self.visit, self.bundle, self.moment, self.report = visit, bundle, moment, report
        self.session = visit.session
        steps = select(StepProgress).where(StepProgress.session_id == visit.session.id)
        visit.progress = {row.slug: row for row in db.session.scalars(steps)}  # to be changed
        self.changed = False
        self.touched: set[str] = set()
        """Slugs of the steps of which something was stored."""
        self.completes = False
        self.table, self.row = bundle.rows[0][:2]
        newest = select(func.max(ImportMark.revision)).where(
            ImportMark.session_id == self.session.id
        )
        self.used = bool(visit.progress) and self.session.revision != db.session.scalar(newest)
        """Somebody has been at work in the session since it was imported, if it was."""

    def fill(self) -> None:
        """Every table in turn, then what follows from them: saved steps, the end."""
        for slug, part in (
            ("api-keys", self._keys),
            ("website", self._analyses),
            ("website", self._website),
            ("research", self._research),
            ("persona", self._persona),
            (self.visit.journey.last.slug, self._declarations),
        ):
            before, self.changed = self.changed, False
            part()
            if self.changed:
                self.touched.add(slug)
            self.changed |= before
        self._complete()
        self._steps()
        self.visit.flush()

    def seal(self) -> None:
        """Forms that were made before cannot save over what came in."""
        for slug in self.touched:
            row = self.visit.progress.get(slug)
            if row is not None and row.done:
                row.revision = self.session.revision
        if self.completes:
            self.session.sealed_revision = self.session.revision

    def _keys(self) -> None:
        query = select(ApiKey).where(ApiKey.session_id == self.session.id)
        stored = {row.provider: row for row in db.session.scalars(query)}
        for provider, (key, written) in self.bundle.keys.items():
            if provider in stored:
                continue
            sealed = vault().seal(key, self.session.id, provider)
            stored[provider] = ApiKey(
                session_id=self.session.id,
                provider=provider,
                ciphertext=sealed,
                key_id=vault().key_name(sealed),
                last_four=key[-4:],
                created_at=written or self.moment,
                updated_at=written or self.moment,
            )
            db.session.add(stored[provider])
            self.changed = True
        if stored:
            self.visit.keep("api-keys", stored)

    def _analyses(self) -> None:
        query = select(WebsiteAnalysis).where(WebsiteAnalysis.session_id == self.session.id)
        self.stored = {same_address(row.website_url): row for row in db.session.scalars(query)}
        for analysis in self.bundle.analyses:
            columns, strange = shapes.analysis_columns(analysis.columns)
            for name in strange:
                self.report.add(LEFT_OUT, self.table, self.row, "bad_shape", column=name)
            row = self.stored.get(same_address(analysis.url))
            if row is None:
                self._new_analysis(analysis, columns)
            else:
                self._fill(row, columns)
                if analysis.completed and row.status == FAILED and columns:
                    row.status, row.error_code, row.error_message = COMPLETED, None, None
                    row.analysis_date = row.analysis_date or analysis.date
                    self.changed = True

    def _new_analysis(self, analysis: Analysis, columns: dict[str, Any]) -> None:
        moment = analysis.date or self.bundle.touched or self.moment
        row = WebsiteAnalysis(
            session_id=self.session.id,
            id=str(uuid.uuid4()),
            website_url=analysis.url,
            status=COMPLETED if analysis.completed else FAILED,
            error_message=None if analysis.completed else analysis.error,
            warning_message=analysis.warning,
            analysis_date=analysis.date or moment if analysis.completed else None,
            queued_at=moment,
            created_at=moment,
            updated_at=moment,
            **columns,
        )
        db.session.add(row)
        self.stored[same_address(analysis.url)] = row
        self.changed = True

    def _website(self) -> None:
        told = self.bundle.website
        if not told:
            return
        answer: WebsiteAnswer | None = self.visit.answer("website")
        if answer is None:
            answer = WebsiteAnswer(
                session_id=self.session.id,
                has_website=told.get("has_website", "website_url" in told),
                website_url=told.get("website_url"),
                use_analysis=told.get("use_analysis", True),
                **{name: told.get(name, "") for name in _BUSINESS},
                created_at=self.bundle.began or self.moment,
                updated_at=self.bundle.touched or self.moment,
            )
            self.changed = True
        else:
            gaps = {name: told[name] for name in _BUSINESS if name in told}
            if answer.has_website and not answer.website_url:
                gaps["website_url"] = told.get("website_url")
            self._fill(answer, gaps)
        if answer.website_url:
            found = self.stored.get(same_address(answer.website_url))
            if found and found.website_url != answer.website_url and found in db.session.new:
                found.website_url = answer.website_url  # the answer names its analysis exactly
            same = found if found and found.website_url == answer.website_url else None
            set_committed_value(answer, "analysis", same)
        self.visit.keep("website", answer)

    def _research(self) -> None:
        told = self.bundle.research
        if not told:
            return
        answer: ResearchPreferences | None = self.visit.answer("research")
        if answer is None:
            answer = ResearchPreferences(
                session_id=self.session.id,
                **{"competitors": []} | told,
                created_at=self.bundle.touched or self.moment,
                updated_at=self.bundle.touched or self.moment,
            )
            self.changed = True
        else:
            gaps = {name: told.get(name) for name in ("content_types", "competitors")}
            if not answer.content_types and told.get("content_types"):  # nothing was chosen here
                for name in ("research_depth", "auto_research", "factual_content"):
                    setattr(answer, name, told[name])
            self._fill(answer, gaps)
        self.visit.keep("research", answer)

    def _persona(self) -> None:
        told = self.bundle.persona
        if not told:
            return
        answer: PersonaData | None = self.visit.answer("persona")
        website: WebsiteAnswer | None = self.visit.answer("website")
        found = website.current_analysis if website else None
        analysis = found if website and website.use_analysis else None
        given = {
            "persona_name": told.get("persona_name", ""),
            "tone": told.get("tone") or self._tone(analysis),
            "audience": shapes.audience(self.bundle.website, found),
            "voice_description": "",
            "selected_platforms": told.get("selected_platforms", []),
        }
        if answer is None:
            answer = PersonaData(
                session_id=self.session.id,
                **given,
                created_at=self.bundle.touched or self.moment,
                updated_at=self.bundle.touched or self.moment,
            )
            made = shapes.built_persona(
                given, told, analysis, website.business if website else None
            )
            for name, value in made.items():
                setattr(answer, name, value)
            self.changed = True
        else:
            self._fill(answer, {**given, "voice_description": None})
        self.visit.keep("persona", answer)

    def _tone(self, analysis: WebsiteAnalysis | None) -> str:
        """The tone of the site where the persona's own has no name here; '' leaves it open."""
        style = (analysis.writing_style or {}) if analysis else {}
        settings = (analysis.recommended_settings or {}) if analysis else {}
        tone = values.tone(settings.get("writing_tone"), style.get("tone"))
        if tone:
            self.report.map("tone", "(the site's)", tone)
        else:
            self.report.add(LEFT_OUT, self.table, self.row, "unknown_value", column="tone")
        return tone or ""

    def _declarations(self) -> None:
        if not self.bundle.declarations:
            return
        query = select(KBlock).where(KBlock.session_id == self.session.id)
        blocks = {block.id: block for block in db.session.scalars(query)}
        for declaration in self.bundle.declarations:
            known = blocks.get(declaration.block_id or "")
            if known and known.content == declaration.text:
                continue
            if any(declaration.text == block.content for block in blocks.values()):
                continue
            block = self._block(declaration, taken=set(blocks))
            blocks[block.id] = block
            db.session.add(block)
            self.changed = True
            if self.session.first_declaration is None:
                self.session.first_declaration = declaration.text
                self.session.first_kblock_id = block.id

    def _block(self, declaration: Declaration, taken: set[str]) -> KBlock:
        loss, why = specificity_loss(declaration.text)
        written = declaration.date or self.moment
        wanted = declaration.block_id
        return KBlock(
            session_id=self.session.id,
            id=wanted if wanted and wanted not in taken else str(uuid.uuid4()),
            layer=FIRST_LAYER,
            content=declaration.text,
            loss=loss,
            justification=why,
            edges=[],
            created_at=written,
            updated_at=written,
        )

    def _complete(self) -> None:
        """Finished there is finished here, unless somebody is at work in the session by now."""
        if self.bundle.completed is None or self.session.completed:
            return
        if self.used:
            self.report.add(NOTE, self.table, self.row, "finished_there")
            return
        self.session.completed, self.session.completed_at = True, self.bundle.completed
        self.changed = self.completes = True

    def _steps(self) -> None:
        """A step whose answer came in and holds by our own rules counts as saved, every other stays
        as it is, with what is known filled in."""
        progress = self.visit.progress
        for step in self.visit.journey:
            row = progress.get(step.slug)
            open_still = row is None or not row.done
            if open_still and step.slug in self.touched and self._holds(step):
                self._mark(step.slug, saved_at=self._saved_at(step.slug))
        ahead = self.visit.resume
        if ahead and (ahead.slug not in progress or not progress[ahead.slug].first_seen_at):
            self._mark(ahead.slug)

    def _holds(self, step: Any) -> bool:
        stored = step.stored(self.visit)
        if stored is None or step.slug in self.bundle.unfinished:
            return False
        if step is self.visit.journey.last:
            return True
        form = step.form(formdata=None, data=step.values(stored))
        if not form.validate() or step.check(form, self.visit):
            return False
        return not list(step.faults(self.visit))

    def _saved_at(self, slug: str) -> datetime:
        if slug == self.visit.journey.last.slug and self.session.completed_at:
            return self.session.completed_at
        return self.bundle.touched or self.bundle.began or self.moment

    def _mark(self, slug: str, **columns: Any) -> None:
        row = self.visit.progress.get(slug)
        if row is None:
            row = StepProgress(session_id=self.session.id, slug=slug, revision=0)
            self.visit.progress[slug] = row
            db.session.add(row)
        row.first_seen_at = row.first_seen_at or columns.get("saved_at") or self.moment
        for name, value in columns.items():
            setattr(row, name, value)
        if "saved_at" in columns:
            self.touched.add(slug)
        self.changed = True

    def _fill(self, row: Any, told: dict[str, Any]) -> None:
        for name, value in told.items():
            if values.is_empty(getattr(row, name)) and not values.is_empty(value):
                setattr(row, name, value)
                self.changed = True
