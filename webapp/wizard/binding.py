"""Forms that are made, filled and validated as WTForms does it, at a fraction of the cost.

WTForms asks anew for each form and each field what the class has decided already: which fields
there are and how they are set up, which of them have a filter or a validator in the form's class.
Here that is found out once for each class. What is called with what, in which order, and what ends
it is the same: `tests/wizard/test_forms.py` holds one way against the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from wtforms import Field, Form, StringField
from wtforms.fields.choices import SelectField
from wtforms.form import BaseForm
from wtforms.utils import unset_value
from wtforms.validators import StopValidation, ValidationError


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What is the same of a field in all forms of a class."""

    name: str
    kind: type[Field]
    """A class for it alone, in which stand its attributes before it is filled."""
    sent_as: str
    default: Any
    makes_default: bool
    """The default is to be called for each form."""
    fills_itself: bool
    """Its class has a `process` of its own."""
    is_text: bool
    """Its value is what was sent, or what it is given, and only filters make anything of either."""
    filters: tuple[Callable[[Any], Any], ...]
    filter_name: str
    """The form's `filter_<name>`; '' where it has none."""
    validates_itself: bool
    """Its class does more than to call validators."""
    pre_validates: bool
    validators: tuple[Callable[[Any, Field], None], ...]
    """Those of the field, then the form's `validate_<name>`."""
    ends_empty: bool
    """The first thing that looks at it ends in silence for an empty value."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same in all forms of a class."""

    unbound: Any
    """WTForms' list of the class's fields; it is another one when a field was added."""
    meta: Any
    fields: list[_Pattern]
    ask_form: list[str]
    """Fields that may ask which form they are in. The others do not hold it, so that a form is gone
    with its last use, and Python's garbage collector has nothing to find out."""
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
        new = object.__new__
        self._fields = fields = {one.name: new(one.kind) for one in plan.fields}
        for name in plan.ask_form:
            fields[name]._form = self
        self.__dict__.update(fields)  # they hide the attributes of the class
        self.process(formdata, data=data)

    def process(self, formdata: Any = None, data: Mapping[str, Any] | None = None) -> None:
        """Fill the fields; what was sent comes before `data`."""
        formdata = self.meta.wrap_formdata(self, formdata)
        sent = None if formdata is None else dict(formdata.lists())
        values, fields = data or {}, self._fields
        for one in self._plan.fields:
            field = fields[one.name]
            if one.is_text:
                _fill_text(field, one, sent, values.get(one.name, one.default))
                continue
            value = values.get(one.name, unset_value)
            own = (getattr(self, one.filter_name),) if one.filter_name else ()
            if one.fills_itself:
                field.process(formdata, value, own)
            else:
                _fill(field, one, sent, value, own)
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
            if one.ends_empty and not field.data and not field.process_errors:
                field.errors = []
            elif one.validates_itself:
                own = one.validators[len(field.validators) :]
                valid = field.validate(self, own) and valid
            else:
                valid = _validate(self, field, one) and valid
        return valid


def _plan_of(form: type[BoundForm]) -> _Plan:
    meta = form._wtforms_meta()
    first = object.__new__(form)
    BaseForm.__init__(first, form._unbound_fields, meta=meta)
    patterns, ask_form, to_end = [], [], []
    for name, field in first._fields.items():
        kind, own = type(field), getattr(form, f"validate_{name}", None)
        validators = (*field.validators, own) if own else tuple(field.validators)
        filter_name = f"filter_{name}" if hasattr(form, f"filter_{name}") else ""
        fills_itself = kind.process is not Field.process
        validates_itself = any(
            getattr(kind, method) is not getattr(Field, method)
            for method in ("validate", "post_validate", "_run_validation_chain")
        )
        pre_validates = kind.pre_validate is not Field.pre_validate
        pattern = _Pattern(
            name,
            _with_attributes(kind, vars(field)),
            sent_as=field.name,
            default=field.default,
            makes_default=callable(field.default),
            fills_itself=fills_itself,
            is_text=not (fills_itself or filter_name or callable(field.default))
            and kind.process_data is Field.process_data
            and kind.process_formdata in (Field.process_formdata, StringField.process_formdata),
            filters=tuple(field.filters),
            filter_name=filter_name,
            validates_itself=validates_itself,
            pre_validates=pre_validates,
            validators=validators,
            ends_empty=not (validates_itself or pre_validates)
            and bool(validators)
            and getattr(validators[0], "ends_empty", False),
        )
        patterns.append(pattern)
        makes_choices = bool(getattr(field, "_choices_callable", None))
        if makes_choices or fills_itself:
            ask_form.append(name)
        usual = kind.post_process in (Field.post_process, SelectField.post_process)
        if not usual or field._datalist or makes_choices:
            to_end.append(name)
    return _Plan(form._unbound_fields, meta, patterns, ask_form, to_end)


def _with_attributes(kind: type[Field], attributes: dict[str, Any]) -> type[Field]:
    """The kind of field, but one that comes with these. To copy thirty attributes to each field of
    each form took longer than to fill it."""
    kept = {
        name: staticmethod(value) if hasattr(type(value), "__get__") else value
        for name, value in (attributes | {"_form": None}).items()
    }
    return type(kind.__name__, (kind,), kept)


def _fill(
    field: Field,
    pattern: _Pattern,
    sent: Mapping[str, list[Any]] | None,
    value: Any,
    own_filters: tuple[Callable[[Any], Any], ...],
) -> None:
    """`Field.process`, but a default that is no function is not called to find that out."""
    field.process_errors = errors = []
    if value is unset_value:
        value = pattern.default() if pattern.makes_default else pattern.default
    field.object_data = value
    try:
        field.process_data(value)
    except ValueError as error:
        errors.append(error.args[0])
    if sent is not None:
        field.raw_data = sent.get(pattern.sent_as, [])
        try:
            field.process_formdata(field.raw_data)
        except ValueError as error:
            errors.append(error.args[0])
    try:
        for change in (*pattern.filters, *own_filters):
            field.data = change(field.data)
    except ValueError as error:
        errors.append(error.args[0])


def _fill_text(
    field: Field, pattern: _Pattern, sent: Mapping[str, list[Any]] | None, value: Any
) -> None:
    """The same of a text."""
    field.process_errors = []
    field.object_data = value
    if sent is not None:
        field.raw_data = given = sent.get(pattern.sent_as, [])
        if given:
            value = given[0]
    try:
        for change in pattern.filters:
            value = change(value)
    except ValueError as error:
        field.process_errors.append(error.args[0])
    field.data = value


def _validate(form: BoundForm, field: Field, pattern: _Pattern) -> bool:
    """`Field.validate`, but it is known that the validators can be called."""
    field.errors = list(field.process_errors)
    try:
        if pattern.pre_validates:
            try:
                field.pre_validate(form)
            except ValidationError as error:
                field.errors.append(error.args[0])
        for validator in pattern.validators:
            try:
                validator(form, field)
            except ValidationError as error:
                field.errors.append(error.args[0])
    except StopValidation as stop:
        if stop.args and stop.args[0]:
            field.errors.append(stop.args[0])
    return not field.errors
