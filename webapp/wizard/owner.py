"""Whose session it is: the condition that every query of a caller's own rows carries."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, String, bindparam, exists
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model, db
from webapp.identity.caller import Caller
from webapp.types import UTCDateTime, now
from webapp.wizard.models import OnboardingSession, Owned


class ResumeLink(Owned, Model):
    """One link that continues a session elsewhere, open until it is used, revoked or expired. The
    browser that used it may open the session from then on."""

    __tablename__ = "resume_links"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    used_by: Mapped[str | None] = mapped_column(String(64))
    """The mark of the browser that used it (`anonymous.mark`)."""
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def state(self) -> str:
        """`open`, `used`, `revoked` or `expired`."""
        if self.used_at:
            return "used"
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at <= now() else "open"


def owned_by(caller: Caller) -> ColumnElement[bool]:
    """True of the one session, if any, that this caller may read and write.

    A user's session is found by the user alone, an anonymous one by its id as long as no user has
    adopted it. An id that came through the API opens only what was begun there, or what is of the
    user whose token came along. Who followed a resume link keeps to the session of the link, a
    user's too, until the link is revoked.

    Two callers of one `kind_of` differ in the bound values alone (`bound_to`).
    """
    bound: dict[str, Any] = {
        name: bindparam(name, value) for name, value in bound_to(caller).items()
    }
    named = OnboardingSession.id == bound["caller_session"]
    nobodys = OnboardingSession.user_id.is_(None)
    if caller.trusted:
        return named
    theirs = OnboardingSession.user_id == bound["caller_user"]
    if caller.by_id:
        begun_there = nobodys & OnboardingSession.begun_by_api
        return named & (begun_there | theirs if caller.user_id else begun_there)
    if caller.user_id:
        return theirs
    if caller.link_id:
        let_in = (
            exists()
            .where(
                ResumeLink.session_id == OnboardingSession.id,
                ResumeLink.id == bound["caller_link"],
                ResumeLink.used_at.is_not(None),
                ResumeLink.revoked_at.is_(None),
            )
            .correlate(OnboardingSession)  # a query of links has links of its own around this one
        )
        return named & (nobodys | let_in)
    return named & nobodys


def kind_of(caller: Caller) -> Caller:
    """Which condition this caller has: the same for all who differ in ids alone."""
    return _kind(bool(caller.user_id), caller.by_id, bool(caller.link_id), caller.trusted)


@cache
def _kind(has_user: bool, by_id: bool, has_link: bool, is_trusted: bool) -> Caller:
    user, link = "any" if has_user else None, "any" if has_link else None
    return Caller("any", user, by_id, link, is_trusted)


def bound_to(caller: Caller) -> dict[str, str | None]:
    """The values of the condition, by the names of its parameters."""
    return {
        "caller_session": caller.session_id or "",
        "caller_user": caller.user_id,
        "caller_link": caller.link_id,
    }


def its_own(query: Any, kind: type[Owned], caller: Caller) -> Any:
    """A query of rows that belong to sessions, kept to those of the caller's own."""
    mine = OnboardingSession.id == kind.session_id
    return query.join(OnboardingSession, mine).where(owned_by(caller))


def guests(session_id: str) -> list[dict[str, Any]]:
    """The used links of a session, as rows to insert again: a reset must not lock their browsers
    out."""
    table = ResumeLink.__table__
    used = (table.c.session_id == session_id) & table.c.used_at.is_not(None)
    query = table.select().where(used, table.c.revoked_at.is_(None))
    return [dict(row) for row in db.session.execute(query).mappings()]
