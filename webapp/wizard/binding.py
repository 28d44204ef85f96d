"""Forms that are made, filled and validated as WTForms does it, at a fraction of the cost.

WTForms asks anew for each form and each field what the class has decided already: which fields
there are and how they are set up, which of them have a filter or a validator in the form's class.
Here that is found out once for each class. What is called with what, in which order, and what ends
it is the same: `tests/wizard/test_forms.py` holds one way against the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from wtforms import Field, Form
from wtforms.fields.choices import SelectField
from wtforms.form import BaseForm
from wtforms.utils import unset_value
from wtforms.validators import StopValidation, ValidationError


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What is the same of a field in all forms of a class."""

    name: str
    kind: type[Field]
    state: dict[str, Any]
    """Its attributes before it is filled."""
    fills_itself: bool
    """Its class has a `process` of its own."""
    filter_name: str
    """The form's `filter_<name>`; '' where it has none."""
    validates_itself: bool
    """Its class does more than to call validators."""
    pre_validates: bool
    validators: tuple[Callable[[Any, Field], None], ...]
    """Those of the field, then the form's `validate_<name>`."""
    ends_empty: bool
    """The first of them ends in silence for an empty value."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same in all forms of a class."""

    unbound: Any
    """WTForms' list of the class's fields; it is another one when a field was added."""
    meta: Any
    fields: list[_Pattern]
    to_end: list[str]
    """Fields that have something to do when all are filled."""


class BoundForm(Form):
    """A form without CSRF token, prefix, `obj` or forms within it; no field is taken out of it.

    A field's first validator may have `ends_empty` set to True: it raises a StopValidation without
    a message for every empty value. It is then not called for one.
    """

    form_errors: list[str]
    _fields: dict[str, Field]
    _plan: _Plan
    _class_plan: ClassVar[_Plan | None] = None
    _unbound_fields: ClassVar[Any]
    _wtforms_meta: ClassVar[Any]

    def __init__(self, formdata: Any = None, data: Mapping[str, Any] | None = None) -> None:
        """`formdata` is what was sent, None for nothing; `data` has values to begin with."""
        plan = self._class_plan
        if plan is None or plan.unbound is not self._unbound_fields:
            plan = type(self)._class_plan = _plan_of(type(self))
        self._plan = plan
        self.meta = plan.meta
        self._prefix = self._form_error_key = ""
        self.form_errors = []
        self._fields = fields = {}
        for one in plan.fields:
            fields[one.name] = field = object.__new__(one.kind)
            state = one.state.copy()
            state["_form"] = self
            field.__dict__ = state
        self.__dict__.update(fields)  # they hide the attributes of the class
        self.process(formdata, data=data)

    def process(self, formdata: Any = None, data: Mapping[str, Any] | None = None) -> None:
        """Fill the fields; what was sent comes before `data`."""
        formdata = self.meta.wrap_formdata(self, formdata)
        values = data or {}
        for one in self._plan.fields:
            field = self._fields[one.name]
            value = values.get(one.name, unset_value)
            filters = [getattr(self, one.filter_name)] if one.filter_name else []
            if one.fills_itself:
                field.process(formdata, value, filters)
            else:
                _fill(field, formdata, value, filters)
        self.post_process(formdata)

    def post_process(self, formdata: Any = None) -> None:
        """What fields do when all are filled."""
        for name in self._plan.to_end:
            self._fields[name].post_process(formdata)

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """Whether every field is valid; each has its errors."""
        if extra_validators is not None:
            return bool(super().validate(extra_validators))
        valid = True
        for one in self._plan.fields:
            field = self._fields[one.name]
            if one.validates_itself:
                own = one.validators[len(field.validators) :]
                valid = field.validate(self, own) and valid
            else:
                valid = _validate(self, field, one) and valid
        return valid


def _plan_of(form: type[BoundForm]) -> _Plan:
    meta = form._wtforms_meta()
    first = object.__new__(form)
    BaseForm.__init__(first, form._unbound_fields, meta=meta)
    patterns, to_end = [], []
    for name, field in first._fields.items():
        kind, own = type(field), getattr(form, f"validate_{name}", None)
        validators = (*field.validators, own) if own else tuple(field.validators)
        filter_name = f"filter_{name}"
        pattern = _Pattern(
            name,
            kind,
            vars(field),
            fills_itself=kind.process is not Field.process,
            filter_name=filter_name if hasattr(form, filter_name) else "",
            validates_itself=any(
                getattr(kind, method) is not getattr(Field, method)
                for method in ("validate", "post_validate", "_run_validation_chain")
            ),
            pre_validates=kind.pre_validate is not Field.pre_validate,
            validators=validators,
            ends_empty=getattr(validators[0], "ends_empty", False) if validators else False,
        )
        patterns.append(pattern)
        usual = kind.post_process in (Field.post_process, SelectField.post_process)
        if not usual or field._datalist or getattr(field, "_choices_callable", None):
            to_end.append(name)
    return _Plan(form._unbound_fields, meta, patterns, to_end)


def _fill(field: Field, formdata: Any, value: Any, filters: list[Callable[[Any], Any]]) -> None:
    """`Field.process`, but a default that is no function is not called to find that out."""
    field.process_errors = errors = []
    if value is unset_value:
        value = field.default() if callable(field.default) else field.default
    field.object_data = value
    try:
        field.process_data(value)
    except ValueError as error:
        errors.append(error.args[0])
    if formdata is not None:
        field.raw_data = formdata.getlist(field.name) if field.name in formdata else []
        try:
            field.process_formdata(field.raw_data)
        except ValueError as error:
            errors.append(error.args[0])
    try:
        for change in (*field.filters, *filters):
            field.data = change(field.data)
    except ValueError as error:
        errors.append(error.args[0])


def _validate(form: BoundForm, field: Field, pattern: _Pattern) -> bool:
    """`Field.validate`, but it is known that the validators can be called."""
    field.errors = list(field.process_errors)
    try:
        if pattern.pre_validates:
            try:
                field.pre_validate(form)
            except ValidationError as error:
                field.errors.append(error.args[0])
        if pattern.ends_empty and not field.data:
            return not field.errors
        for validator in pattern.validators:
            try:
                validator(form, field)
            except ValidationError as error:
                field.errors.append(error.args[0])
    except StopValidation as stop:
        if stop.args and stop.args[0]:
            field.errors.append(stop.args[0])
    return not field.errors
