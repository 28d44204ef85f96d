"""A step's form and JSON: the schema of its fields, and a form that is filled from JSON."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Field, PasswordField, SelectMultipleField, URLField
from wtforms.fields.choices import SelectFieldBase

from webapp import apidoc
from webapp.apidoc import Schema
from webapp.wizard.calls import Refused
from webapp.wizard.forms import StepForm, Text
from webapp.wizard.step import Step


def schema_of(step: Step) -> Schema:
    """The schema of a step's `data`: one property for each field of its form.

    Lengths and choices are told and are checked by the form itself, in the reader's language.
    """
    form = step.form(formdata=None)
    return {
        "title": step.slug,
        "type": "object",
        "properties": {one.name: _schema(one) for one in form},
        "required": [one.name for one in form if _is_required(one)],
        "additionalProperties": False,
    }


def filled(step: Step, data: Mapping[str, Any]) -> StepForm:
    """The step's form as if a browser had sent `data`. A checkbox that is not named takes its
    default, any other field is empty then; null is as good as not named.

    Raises Refused, with what is wrong with names and types; nothing is validated yet.
    """
    if faults := apidoc.faults(data, _types(step)):
        raise Refused(faults)
    defaults = {one.name: one.default for one in step.form(formdata=None) if _is_switch(one)}
    values: MultiDict[str, str] = MultiDict()
    for name, value in {**defaults, **{k: v for k, v in data.items() if v is not None}}.items():
        if isinstance(value, bool):
            value = ["y"] if value else []
        values.setlist(name, value if isinstance(value, list) else [value])
    return step.form(formdata=values)


def errors_of(form: StepForm) -> dict[str, list[str]]:
    """What the form says is wrong: {field: [sentences]}, under `form` what belongs to no field."""
    return {
        name or "form": [str(text) for text in messages]
        for name, messages in form.errors.items()
        if messages
    }


@cache
def _types(step: Step) -> Schema:
    """The kinds of the fields alone: what the form cannot be asked."""
    properties: dict[str, Schema] = {}
    for one in step.form(formdata=None):
        kind = apidoc.STRING
        if _is_switch(one):
            kind = apidoc.BOOLEAN
        elif isinstance(one, SelectMultipleField):
            kind = apidoc.STRINGS
        properties[one.name] = apidoc.maybe(kind)
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _is_switch(field: Field) -> bool:
    return isinstance(field, BooleanField)


def _is_required(field: Field) -> bool:
    asked = [getattr(one, "required", None) for one in field.validators if isinstance(one, Text)]
    return bool(getattr(field, "required", None) or any(asked))


def _schema(field: Field) -> Schema:
    label, hint = str(field.label.text), str(field.description or "")
    told = {"description": f"{label if label[-1] in '.?' else label + '.'} {hint}".strip()}
    null = () if _is_required(field) else ("null",)
    if _is_switch(field):
        return {"type": ["boolean", *null], "default": bool(field.default), **told}
    if isinstance(field, SelectFieldBase):
        values: list[str | None] = [choice.value for choice in field.choices]
        if isinstance(field, SelectMultipleField):
            items: Schema = {"type": "string", "enum": values}
            least = {} if null else {"minItems": 1}
            return {"type": ["array", *null], "items": items, **least, **told}
        return {"type": ["string", *null], "enum": values + [None for _ in null], **told}
    limits: Schema = {}
    for one in field.validators:
        if isinstance(one, Text):
            limits = {"minLength": max(1, one.low)} if not null else {}
            limits["maxLength"] = one.high
    if isinstance(field, URLField):
        limits["maxLength"] = 500
    if isinstance(field, PasswordField):
        limits |= {"format": "password", "maxLength": 256, "writeOnly": True}
    return {"type": ["string", *null], **limits, **told}
