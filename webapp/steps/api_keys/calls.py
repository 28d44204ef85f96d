"""The JSON operations of the keys step: one key at a time, and what is known of providers."""

from typing import Any

from webapp import apidoc
from webapp.apidoc import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    STRINGS,
    Operation,
    Schema,
    answer,
    maybe,
)
from webapp.steps.api_keys.check import check
from webapp.steps.api_keys.providers import BY_NAME, MAX_LENGTH, PROVIDERS, Provider, mend
from webapp.texts import gettext as _
from webapp.wizard.calls import Asks, Body, Call, Document, NotThere, Params, Reads, Refused, Saves
from webapp.wizard.step import Visit

TAG = "API keys"
SLUG = "api-keys"

NAME: Schema = STRING | {"enum": list(BY_NAME)}
KEY: Schema = STRING | {"maxLength": 1000, "format": "password", "writeOnly": True}
REVISION: Schema = maybe(STRING | {"description": "Of the step `api-keys` as it was read."})
KEYS = answer(
    api_keys=OBJECT
    | {
        "additionalProperties": STRING,
        "description": "Provider -> the last four characters behind dots.",
    },
    total_providers=INTEGER,
    configured_providers=STRINGS,
)
ONE = answer(
    name=STRING, label=STRING, kind=STRING, description=STRING, setup_url=STRING, shape=OBJECT
)
_STALE = {
    409: "An earlier step is open, or `revision` is not what is stored.",
    412: "If-Match names another state.",
}


def stored(visit: Visit, _params: Params | None = None) -> Document:
    """Which keys are stored; of each the last four characters."""
    keys = visit.answer(SLUG) or {}
    return {
        "api_keys": {name: row.masked for name, row in keys.items()},
        "total_providers": len(PROVIDERS),
        "configured_providers": list(keys),
    }


def given(body: Body, _params: Params) -> dict[str, Any]:
    """The form's one field of this key; an empty one, which keeps what is stored, is none here."""
    if not mend(body["api_key"]):
        raise Refused({"api_key": ["This field is missing."]})
    return {body["provider"]: body["api_key"]}


def taken(_body: Body, params: Params) -> dict[str, Any]:
    """The form's tick beside this key."""
    return {"remove": [_provider(params).name]}


def is_stored(visit: Visit, params: Params) -> None:
    """Raise NotThere for a key that is not."""
    if _provider(params).name not in (visit.answer(SLUG) or {}):
        raise NotThere(_("No key is stored for this provider."))


def every(_body: Body, _params: Params) -> Document:
    """All providers."""
    return {"providers": [_told(provider) for provider in PROVIDERS]}


def one(_body: Body, params: Params) -> Document:
    """One of them."""
    return _told(_provider(params))


def validate(body: Body, params: Params) -> Document:
    """The shape of a key, and what its provider says of it; nothing is stored."""
    verdict = check(_provider(params).name, mend(body["api_key"]))
    said: dict[str, Any] = {"valid": verdict.valid, "message": verdict.message}
    return said | ({"checked": verdict.checked} if verdict.checked else {})


def _field(name: str, body: Body) -> str:
    return "api_key" if name == body.get("provider") else name


def _provider(params: Params) -> Provider:
    found = BY_NAME.get(params["provider"])
    if found is None:
        raise NotThere(_("There is no such provider."))
    return found


def _told(provider: Provider) -> dict[str, Any]:
    kinds = {
        "language": _("A language model, which writes."),
        "search": _("A search, which finds sources."),
        "interface": _("A part of the product's interface."),
    }
    shortest = 36 if provider.is_uuid else provider.shortest
    return {
        "name": provider.name,
        "label": provider.label,
        "kind": provider.kind,
        "description": kinds[provider.kind],
        "setup_url": provider.setup_url,
        "shape": {
            "starts_with": provider.start,
            "min_length": shortest,
            "max_length": 36 if provider.is_uuid else MAX_LENGTH,
            "is_uuid": provider.is_uuid,
        },
    }


CALLS: tuple[Call, ...] = (
    Reads("GET", "api-keys", Operation("The stored keys", TAG, {200: KEYS}, etag=True), stored),
    Saves(
        "POST",
        "api-keys",
        Operation(
            "Store one key",
            TAG,
            {200: KEYS},
            body=apidoc.body(
                ("provider", "api_key"), provider=NAME, api_key=KEY, revision=REVISION
            ),
            detail="With a key of a language model the step is saved. Others are kept, and the "
            "step stays open until there is one.",
            problems=_STALE,
            if_match=True,
        ),
        given,
        stored,
        field=_field,
        in_parts=True,
    ),
    Saves(
        "DELETE",
        "api-keys/<provider>",
        Operation(
            "Delete one key",
            TAG,
            {200: KEYS},
            detail="The last key of a language model stays once the step is saved: store another "
            "one first.",
            path={"provider": NAME},
            problems=_STALE | {404: "No such key is stored.", 422: "It is the last one."},
            if_match=True,
        ),
        taken,
        stored,
        before=is_stored,
        field=lambda name, _body: "form",
        in_parts=True,
    ),
    Asks(
        "GET",
        "providers",
        Operation(
            "The providers",
            TAG,
            {200: answer(providers=apidoc.listing(ONE))},
            caller="anybody",
            etag=True,
        ),
        every,
    ),
    Asks(
        "GET",
        "providers/<provider>",
        Operation(
            "One provider",
            TAG,
            {200: ONE},
            path={"provider": NAME},
            problems={404: "There is no such provider."},
            caller="anybody",
            etag=True,
        ),
        one,
    ),
    Asks(
        "POST",
        "providers/<provider>/validate",
        Operation(
            "Check a key, and store nothing",
            TAG,
            {
                200: {
                    **answer(valid=BOOLEAN, message=STRING),
                    "properties": {
                        "valid": BOOLEAN | {"description": "Its shape."},
                        "checked": STRING
                        | {
                            "enum": ["accepted", "refused", "unknown"],
                            "description": "What the provider says; only where it was asked.",
                        },
                        "message": STRING,
                    },
                }
            },
            body=apidoc.body(("api_key",), api_key=KEY),
            path={"provider": NAME},
            problems={404: "There is no such provider."},
            caller="anybody",
        ),
        validate,
    ),
)
"""What the step hands to the engine."""
