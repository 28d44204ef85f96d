"""The host product's door: its users' results, with `Authorization: Bearer $SERVICE_TOKEN`."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app

from webapp import apidoc, product
from webapp.apidoc import OBJECT, STRING, Operation, Schema, answer
from webapp.config import settings
from webapp.errors import problem
from webapp.security import bearer, is_token
from webapp.steps.api_keys import BY_NAME
from webapp.texts import gettext as _
from webapp.vault import CannotOpen
from webapp.wizard.api import answers
from webapp.wizard.api.wrap import Answer, respond

bp = Blueprint("service", __name__, url_prefix="/api/onboarding/users")

TAG = "For the host product"
LONGEST_USER = 255
"""Characters of a `sub`."""
USER: Mapping[str, Schema] = {
    "user_id": STRING
    | {
        "maxLength": LONGEST_USER,
        "description": "The user's `sub`, percent-encoded: any text, slashes and quotes too.",
    }
}
NEVER_BEGAN = {404: "There is no such user here."}


@bp.before_request
def door() -> Response | None:
    """Only who has the token, which is compared in constant time; shut while none is configured."""
    token = settings().service_token
    if not token:
        return problem(503, _("No SERVICE_TOKEN is configured, so this door stays shut."))
    given = bearer()
    if given is None:
        response = problem(401, _("Send the header Authorization: Bearer with the service token."))
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    if not is_token(given, token):
        return problem(403, _("This is not the service token."))
    return None


@bp.get("/<everything:user_id>/status", merge_slashes=False)
@apidoc.documented(
    Operation(
        "Where a user stands",
        TAG,
        {200: answers.STATUS},
        detail="For a user who never began: `completed` is false and the rest null.",
        path=USER,
        problems={404: "Nobody is called that: the id is too long."},
        caller="service",
        etag=True,
    )
)
def status(user_id: str) -> Response:
    """As `GET status`."""
    if len(user_id) > LONGEST_USER:
        return _found(None)
    return respond(Answer(product.status_of(user_id)), etag=True)


@bp.get("/<everything:user_id>/summary", merge_slashes=False)
@apidoc.documented(
    Operation(
        "What a user answered, and what was found",
        TAG,
        {200: OBJECT},
        detail="As `GET summary`: API keys are masked.",
        path=USER,
        problems=NEVER_BEGAN,
        caller="service",
        etag=True,
    )
)
def summary(user_id: str) -> Response:
    """As `GET summary`."""
    return _found(product.summary_of(user_id))


@bp.get("/<everything:user_id>/ai-inputs", merge_slashes=False)
@apidoc.documented(
    Operation(
        "What a writing model needs of a user",
        TAG,
        {200: OBJECT},
        detail="As `GET ai-inputs`.",
        path=USER,
        problems=NEVER_BEGAN,
        caller="service",
        etag=True,
    )
)
def ai_inputs(user_id: str) -> Response:
    """As `GET ai-inputs`."""
    return _found(product.ai_inputs_of(user_id))


@bp.get("/<everything:user_id>/api-keys/<last:provider>", merge_slashes=False)
@apidoc.documented(
    Operation(
        "A user's key in clear",
        TAG,
        {200: answer(provider=STRING, api_key=STRING)},
        detail="The one place where a key leaves. Each reading is in the audit trail.",
        path={**USER, "provider": STRING | {"enum": list(BY_NAME)}},
        problems={
            404: "There is no such user, or no such key.",
            409: "The key cannot be opened any more: the user has to enter it again.",
        },
        caller="service",
    )
)
def api_key(user_id: str, provider: str) -> Response:
    """In clear, for the product alone."""
    try:
        key = product.api_key_for(user_id, provider)
    except CannotOpen:
        current_app.logger.warning("a stored key of %s cannot be opened any more", provider)
        return problem(
            409, _("This key cannot be opened any more. Ask the user to enter it again.")
        )
    if key is None:
        return problem(404, _("There is no such user here, or no such key."))
    return respond(Answer({"provider": provider, "api_key": key}))


def _found(document: dict[str, Any] | None) -> Response:
    if document is None:
        return problem(404, _("There is no such user here."))
    return respond(Answer(document), etag=True)
