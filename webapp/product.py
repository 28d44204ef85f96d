"""What the host product asks for of its users, as Python functions; `webapp.service` serves the
same over HTTP. All of them need an application context."""

from typing import Any

from webapp import audit
from webapp.ai_inputs import ai_inputs
from webapp.extensions import db, transaction
from webapp.identity.caller import Caller
from webapp.steps.api_keys import ApiKey
from webapp.vault import vault
from webapp.wizard import store
from webapp.wizard.api import answers
from webapp.wizard.api.routes import every_step
from webapp.wizard.owner import its_own
from webapp.wizard.visit import Visit


def status_of(user_id: str) -> dict[str, Any]:
    """Where a user stands, as `GET status` tells it; `completed` is false, and the rest null, for
    one who never began."""
    return answers.status(_visit(user_id))


def summary_of(user_id: str) -> dict[str, Any] | None:
    """Everything that a user answered and what was found, API keys masked; None for one who never
    began."""
    visit = _visit(user_id, everything=True)
    return answers.summary(visit, every_step()) if visit else None


def ai_inputs_of(user_id: str) -> dict[str, Any] | None:
    """What a writing model needs of a user (`webapp.ai_inputs`); None for one who never began."""
    visit = _visit(user_id, everything=True)
    return ai_inputs(visit) if visit else None


def api_key_for(user_id: str, provider: str) -> str | None:
    """A user's stored key in clear, None when there is none.

    Every reading goes to the audit trail, in the transaction that reads; a key that is not there
    is not read. Raises `vault.CannotOpen` when the key that sealed it is gone from ENCRYPTION_KEYS:
    the user has to enter it again.
    """
    caller = Caller(None, user_id=user_id)
    if not _can_be(user_id):
        return None
    with transaction():
        query = its_own(db.select(ApiKey), ApiKey, caller).where(ApiKey.provider == provider)
        row = db.session.scalar(query)
        if row is None:
            return None
        key = vault().open(row.ciphertext, row.session_id, row.provider)
        audit.record(
            "key_read",
            who="service",
            session_id=row.session_id,
            user_id=user_id,
            provider=row.provider,
        )
    return key


def _visit(user_id: str, everything: bool = False) -> Visit | None:
    if not _can_be(user_id):
        return None
    return store.load(Caller(None, user_id=user_id), everything=everything)


def _can_be(user_id: str) -> bool:
    """False for what no database stores."""
    fit = "\0" not in user_id and user_id == user_id.encode("utf-8", "replace").decode()
    return fit and 0 < len(user_id) <= 255
