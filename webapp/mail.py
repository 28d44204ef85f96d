"""Mail, where an operator configured SMTP_URL: an outbox row with the request, sent by a job.

A letter can carry a resume link, so its text is sealed like any other secret until it is sent, and
the row is deleted then.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import formataddr
from typing import Any
from urllib.parse import unquote, urlsplit

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import ForeignKey, LargeBinary, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp import jobs
from webapp.config import settings
from webapp.extensions import Model, db
from webapp.texts import gettext as _
from webapp.types import UTCDateTime, now
from webapp.vault import vault

SEND = "mail"
TIMEOUT_SECONDS = 20
MOST_WAITING = 3
"""Letters of one session that may wait at a time."""


class Refused(Exception):
    """The mail server does not take the letter; the text is its codes."""


class Letter(Model):
    """A mail that waits to be sent."""

    __tablename__ = "letters"

    session_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("onboarding_sessions.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


def fault(address: str) -> str | None:
    """What is wrong with an address, in a sentence; None when mail can be sent there."""
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return _("Write an email address like name@example.com.")
    return None


def send(session_id: str, recipient: str, subject: str, body: str) -> bool:
    """Put a letter into the outbox, in the transaction at hand; a job sends it. False when too many
    wait already: then none is kept."""
    letter_id = str(uuid.uuid4())
    if jobs.add(SEND, letter_id, session_id, at_most=MOST_WAITING):
        return False
    db.session.add(
        Letter(
            session_id=session_id,
            id=letter_id,
            recipient=recipient,
            subject=subject[:200],
            body=vault().seal(body, session_id, letter_id),
            created_at=now(),
        )
    )
    return True


class MailTask:
    """Sends one letter. The subject is its id; at least once, at most a few times."""

    kind = SEND
    max_attempts = 8
    """With the growing pauses about half an hour: a mail server may be restarting."""

    def start(self, subject: str) -> Mapping[str, Any] | None:
        """The letter, opened; None when it was sent already."""
        letter = db.session.scalar(select(Letter).where(Letter.id == subject))
        if letter is None:
            return None
        return {
            "recipient": letter.recipient,
            "subject": letter.subject,
            "body": vault().open(letter.body, letter.session_id, letter.id),
            "id": letter.id,
        }

    def work(self, given: Mapping[str, Any]) -> bool:
        """Hand it to the mail server."""
        import smtplib  # the worker's alone
        import ssl

        config = settings()
        server = urlsplit(config.smtp_url)
        message = EmailMessage()
        message["From"] = formataddr((config.app_name, config.mail_from))
        message["To"] = given["recipient"]
        message["Subject"] = given["subject"]
        # The same id for a second try: a mail server may drop it then.
        message["Message-ID"] = f"<{given['id']}@{config.mail_from.rpartition('@')[2]}>"
        message.set_content(given["body"])
        host, port = server.hostname or "", server.port
        # Without a name of ours smtplib asks a name server, and tells the machine's own.
        name = config.mail_from.rpartition("@")[2]
        connection: smtplib.SMTP
        if server.scheme == "smtps":
            context = ssl.create_default_context()
            connection = smtplib.SMTP_SSL(
                host, port or 465, name, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            connection = smtplib.SMTP(host, port or 25, name, timeout=TIMEOUT_SECONDS)
        with connection:
            if server.scheme == "smtp+starttls":
                connection.starttls(context=ssl.create_default_context())
            if server.username:
                connection.login(unquote(server.username), unquote(server.password or ""))
            try:
                connection.send_message(message)
            except smtplib.SMTPRecipientsRefused as error:  # its text names the recipient
                codes = ", ".join(str(code) for code, _text in error.recipients.values())
                raise Refused(codes) from None
        return True

    def finish(self, subject: str, result: bool) -> None:
        """What is sent is not kept."""
        db.session.execute(delete(Letter).where(Letter.id == subject))

    def give_up(self, subject: str) -> None:
        """The link in it can be made again."""
        db.session.execute(delete(Letter).where(Letter.id == subject))
