"""The pages of resume links: make one, list and revoke them, follow one."""

import io
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from webapp import mail
from webapp.config import settings
from webapp.errors import error_page
from webapp.extensions import transaction
from webapp.identity import anonymous, users
from webapp.identity.caller import Caller, SignInNeeded, page_caller
from webapp.identity.jwt import TokenExpired, TokenUnchecked
from webapp.texts import gettext as _
from webapp.types import now
from webapp.wizard import links, store
from webapp.wizard.views import bp as pages
from webapp.wizard.views import on_to, the_caller, to_the_start, visit_or_none

bp = Blueprint("links", __name__, url_prefix=pages.url_prefix)


@bp.get("/resume-link")
def show() -> ResponseReturnValue:
    """The caller's links, and a button that makes one."""
    visit = visit_or_none()
    return _page(the_caller()) if visit else to_the_start()


@bp.post("/resume-link")
def make() -> ResponseReturnValue:
    """A new link, shown this once as text and QR code, and mailed when an address is given."""
    caller = the_caller()
    if not caller.is_somebody:
        return to_the_start()
    address = request.form.get("email", "").strip()
    wrong = mail.fault(address) if address else None
    if wrong or (address and not settings().smtp_url):
        return _page(caller, email=address, error=wrong or _("No mail is sent from here.")), 422
    try:
        with transaction():
            session_id = store.lock(caller, now(), []).session.id
            token, _link = links.make(session_id)
            address_of_link = _address(token)
            sent = bool(address) and mail.send(session_id, address, *_letter(address_of_link))
    except store.SessionGone:
        return to_the_start()
    if address and not sent:
        flash(
            _("Too many mails wait to be sent, so this one is not: use the link here."), "warning"
        )
    return _page(caller, address_of_link, mailed_to=address if sent else "")


@bp.get("/resume-link/<link_id>/revoke")
def revoked(link_id: str) -> ResponseReturnValue:
    """Where the button's page leads when it is reloaded, for instance after an error."""
    return redirect(url_for(".show"), 303)


@bp.post("/resume-link/<link_id>/revoke")
def revoke(link_id: str) -> ResponseReturnValue:
    """Close one of the caller's links."""
    caller = the_caller()
    if not caller.is_somebody:
        return to_the_start()
    if links.revoke(caller, link_id):
        flash(_("The link is revoked: it opens nothing any more."), "success")
    return redirect(url_for(".show"), 303)


@bp.get("/resume/<token>")
def ask(token: str) -> ResponseReturnValue:
    """What a link opens: one button. Opening it uses nothing up, as mail scanners do that."""
    link = links.find(token)
    if link is None or link.state != "open":
        return _refused(link)
    caller = _before_the_link()
    own = store.load(caller) if caller.is_somebody else None
    other = own is not None and own.session.id != link.session_id
    signed_in = other and own is not None and own.session.user_id is not None
    return render_template("wizard/resume.html", token=token, other=other, signed_in=signed_in)


@bp.post("/resume/<token>")
def follow(token: str) -> ResponseReturnValue:
    """Use the link up: from now on this browser continues its session."""
    caller = _before_the_link()
    session_id, link = links.use(token, anonymous.mark()), links.find(token)
    if session_id is None or link is None:
        return _refused(link)
    if not caller.user_id or store.id_of(caller) != session_id:  # else it is their own anyway
        users.follow_link(session_id, link.id)
    flash(_("You continue where you left off on the other device."), "success")
    return on_to(store.require(the_caller()))


def _before_the_link() -> Caller:
    """Who this browser is without the link, which itself lets anybody in."""
    try:
        return page_caller()
    except (SignInNeeded, TokenExpired, TokenUnchecked):
        return Caller(None)


def _page(caller: Caller, address: str = "", **more: Any) -> str:
    defaults: dict[str, Any] = {"mailed_to": "", "email": "", "error": None}
    return render_template(
        "wizard/resume_link.html",
        address=address,
        qr=_qr(address) if address else None,
        links=[link for link in links.of_caller(caller) if link.state == "open"],
        can_mail=bool(settings().smtp_url),
        **(defaults | more),
    )


def _refused(link: links.ResumeLink | None) -> ResponseReturnValue:
    """404 for a link that was never made, 410 with the reason for one that is closed."""
    if link is None:
        return error_page(404, _("There is no such link. Check that you copied all of it."))
    why = {
        "used": _("This link was used already: each continues a session once. Make another one."),
        "revoked": _("This link was revoked. Make another one on the device where you began."),
        "expired": _("This link has expired: links live for seven days. Make another one."),
    }
    return error_page(410, why[link.state])


def _address(token: str) -> str:
    base = settings().public_url or request.host_url.rstrip("/")
    return base + url_for(".ask", token=token)


def _letter(address: str) -> tuple[str, str]:
    subject = _("Continue with %(app)s", app=settings().app_name)
    body = _(
        "Open this link on the device where you want to go on:\n\n%(address)s\n\n"
        "It works once, within seven days. If you did not ask for it, ignore this mail.",
        address=address,
    )
    return subject, body


def _qr(text: str) -> Markup:
    """The code as inline SVG, dark on light as cameras want it."""
    import segno  # not at the top: few ask for a link, and it takes 1 MB

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, scale=5, border=4, dark="#000", light="#fff",
        svgclass="qr", lineclass=None, title=_("QR code of the link"), omitsize=True,
    )  # fmt: skip
    return Markup(out.getvalue().decode())  # noqa: S704 - segno's own output
