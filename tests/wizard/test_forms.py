"""The short way that forms are made, filled and validated, against WTForms' own: same values, same
errors, same calls in the same order."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, DateField, Field, Form, IntegerField, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import InputRequired, Optional, StopValidation, ValidationError

from tests.wizard.samples import GOOD, SLUGS, filled, step
from webapp.wizard.binding import BoundForm
from webapp.wizard.forms import OneOf, SomeOf, StepForm, Text, strip

CALLS: list[tuple[str, str, Any]] = []
"""What was called in the odd forms: kind, field, value."""
ODD = (
    *("", " ", "  x \r\n", "0", "7", "yes", "no", "y", "false", "\0", "a\ud800", "ß" * 1100, "-1"),
    *("keep", "Casual", "blog", "openai", "sk-", "\u200bsk-" + "a" * 40, "2026-02-31"),
    *("example.com", "http://[::1", "a@b", "baker@fern-street.org", "News", "Basic", "rss"),
)
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=30),
    st.sampled_from([None, 5, 0, True, False, 1.5, [], ["blog", "blog"], ["News", 5], {"a": 1}]),
)


class _Noted:
    """A validator that says that it was called, and then what it was told to say."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name, self.error = name, error

    def __call__(self, form: Form, field: Field) -> None:
        CALLS.append((self.name, field.name, field.data))
        if self.error:
            raise self.error


def _noted(name: str) -> Callable[[Any], Any]:
    def change(value: Any) -> Any:
        CALLS.append((name, "filter", value))
        if value == "7":
            raise ValueError("Not a seven.")
        return f"{value}!" if isinstance(value, str) else value

    return change


class _Own(StringField):
    """A field with a way of its own to be filled and validated, and something to do at the end."""

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        super().process(formdata, *args, **kwargs)
        CALLS.append(("process", self.name, self.data))

    def post_process(self, formdata: Any = None) -> None:
        CALLS.append(("post_process", self.name, self.data))
        self.data = f"<{self.data}>"

    def post_validate(self, form: Form, validation_stopped: bool) -> None:
        CALLS.append(("post_validate", self.name, validation_stopped))
        raise ValidationError("Too late.")


class _Odd:
    """Fields of all kinds of trouble; mixed into a form of each kind."""

    plain = StringField()
    renamed = StringField(name="other-name", default="as it was")
    filtered = StringField(filters=[_noted("first"), _noted("second")], default=lambda: "made")
    number = IntegerField(validators=[_Noted("a"), _Noted("b", ValidationError("No b."))])
    date = DateField(validators=[Optional(), _Noted("after")])
    chain = StringField(
        validators=[
            _Noted("a", ValidationError("Not a.")),
            _Noted("b", ValidationError("Not b.")),
            _Noted("c", StopValidation("Stop.")),
            _Noted("never"),
        ]
    )
    silent = StringField(validators=[_Noted("a"), _Noted("b", StopValidation()), _Noted("never")])
    asked = StringField(validators=[InputRequired("Say it."), _Noted("after")])
    text = StringField(filters=[strip], validators=[Text(2, 5), _Noted("after")])
    needed = StringField(filters=[strip], validators=[Text(1, 5, "Needed."), _Noted("after")])
    late_text = StringField(validators=[_Noted("before"), Text(2, 5), _Noted("after")])
    choice = SelectField(choices=["1", "2"], coerce=int)
    called = SelectField(choices=lambda: ["x", "y"])
    one = OneOf("One", [("a", "A"), ("b", "B")], required="One.", validators=[_Noted("after")])
    some = SomeOf("Some", [("a", "A"), ("b", "B")], validators=[_Noted("after")])
    switch = BooleanField(default=True)
    own = _Own(validators=[_Noted("a")])

    def filter_filtered(self, value: Any) -> Any:
        """The last filter."""
        return _noted("inline")(value)

    def validate_plain(self, field: Field) -> None:
        """Changes what comes after it."""
        CALLS.append(("inline", "plain", field.data))
        field.data = "changed"

    def validate_chain(self, field: Field) -> None:
        """Never called."""
        CALLS.append(("inline", "chain", field.data))

    def validate_text(self, field: Field) -> None:
        """Not called for an empty text."""
        CALLS.append(("inline", "text", field.data))
        raise ValidationError("By the form.")

    def validate_own(self, field: Field) -> None:
        """Of a field that validates itself."""
        CALLS.append(("inline", "own", field.data))


class _Ours(_Odd, BoundForm):
    pass


class _Theirs(_Odd, Form):
    pass


def _state(form: Form) -> dict[str, Any]:
    names = ("name", "id", "data", "raw_data", "object_data", "errors", "process_errors")
    return {
        "fields": [{name: getattr(field, name) for name in names} for field in form],
        "data": form.data,
        "errors": form.errors,
        "form_errors": form.form_errors,
    }


def _told(make: Callable[[], Form]) -> Any:
    """What comes of filling and validating, or the kind of exception; and what was called."""
    CALLS.clear()
    said: list[Any] = []
    try:
        form = make()
        said.append(_state(form))
        said.append(form.validate())
        said.append(_state(form))
        said.append([str(getattr(form, one.short_name, "")) for one in form])
    except Exception as error:
        said.append((type(error), str(error)))
    return said, list(CALLS)


def _posts(names: list[str]) -> st.SearchStrategy[MultiDict[str, str]]:
    """What might be sent: any of the fields, some of them twice, and strangers."""
    name = st.sampled_from([*names, "stranger"])
    pairs = st.lists(st.tuples(name, st.sampled_from(ODD) | st.text(max_size=30)), max_size=40)
    return pairs.map(MultiDict)


ODD_NAMES = [name for name in vars(_Odd) if not name.startswith(("_", "validate_", "filter_"))]


@given(post=st.none() | _posts([*ODD_NAMES, "other-name"]), data=st.dictionaries(
    st.sampled_from(ODD_NAMES), VALUES
))  # fmt: skip
@settings(deadline=None)
def test_odd_fields_come_out_as_by_wtforms(post: Any, data: dict[str, Any]) -> None:
    ours = _told(lambda: _Ours(post, data=data))
    assert ours == _told(lambda: _Theirs(post, data=data))


def test_without_anything_fields_hold_their_defaults_as_by_wtforms() -> None:
    assert _told(_Ours) == _told(_Theirs)
    assert _told(lambda: _Ours(data=None)) == _told(lambda: _Theirs(data=None))
    assert _told(lambda: _Ours(MultiDict())) == _told(lambda: _Theirs(MultiDict()))


def test_the_odd_forms_meet_what_they_are_there_for() -> None:
    _said, calls = _told(
        lambda: _Ours(MultiDict({"text": "", "chain": "x", "own": "o", "late_text": ""}))
    )
    named = {(kind, name) for kind, name, _value in calls}
    assert {("c", "chain"), ("before", "late_text"), ("post_validate", "own")} <= named
    assert not {("never", "chain"), ("inline", "text"), ("after", "text")} & named
    assert calls.index(("process", "own", "o")) < calls.index(("post_process", "own", "o"))


def test_extra_validators_are_called_last_but_for_the_form_s_own() -> None:
    def run(kind: type[Form]) -> Any:
        form = kind(MultiDict({"text": "abc", "own": "o"}))
        extra = {"text": [_Noted("extra")], "own": [_Noted("extra")]}
        CALLS.clear()
        return form.validate(extra), _state(form), list(CALLS)

    assert run(_Ours) == run(_Theirs)


def test_what_is_no_form_data_is_refused() -> None:
    with pytest.raises(TypeError, match="getlist"):
        _Ours({"plain": "x"})


def test_a_field_that_is_added_to_the_class_is_in_the_next_form() -> None:
    class Growing(BoundForm):
        first = StringField()

    class Grown(Growing):
        second = StringField()

    assert list(Growing().data) == ["first"]
    assert list(Grown().data) == ["first", "second"]
    Growing.third = StringField()
    assert list(Growing().data) == ["first", "third"]
    assert list(Grown().data) == ["first", "second"]


def test_forms_of_a_class_share_no_values() -> None:
    one, other = (
        _Ours(MultiDict({"plain": "one", "number": "x"})),
        _Ours(MultiDict({"plain": "two"})),
    )
    one.validate()
    assert (one.plain.data, other.plain.data) == ("changed", "two")
    assert one.number.errors
    assert not other.number.errors
    assert not other.number.process_errors
    assert one.called._form is one
    assert other.own._form is other
    third = _Ours()
    assert (third.plain.raw_data, third.plain.data) == (None, None)


# -- the steps' forms ------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS)
def test_a_step_s_form_is_gone_with_its_last_use(app: Flask, slug: str) -> None:
    with app.test_request_context():
        form = filled(slug)
        assert form.validate()
        seen = weakref.ref(form)
        gc.disable()
        try:
            del form
            assert seen() is None
        finally:
            gc.enable()


@pytest.fixture
def wtforms_way(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Form]], Any]:
    """Calls with WTForms' own methods in the place of the short ones."""

    def make(self: Form, formdata: Any = None, data: Any = None) -> None:
        BaseForm.__init__(self, self._unbound_fields, meta=self._wtforms_meta())
        for name, field in self._fields.items():
            setattr(self, name, field)
        self.process(formdata, data=data)

    def fill(self: Form, formdata: Any = None, data: Any = None) -> None:
        Form.process(self, formdata, data=data)

    def run(form: Callable[[], Form]) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(BoundForm, "__init__", make)
            patched.setattr(BoundForm, "process", fill)
            patched.setattr(BoundForm, "post_process", Form.post_process)
            patched.setattr(BoundForm, "validate", Form.validate)
            return _told(form)

    return run


SOME = settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("slug", SLUGS)
def test_steps_forms_come_out_as_by_wtforms(app: Flask, wtforms_way: Any, slug: str) -> None:
    with app.test_request_context():
        kind: type[StepForm] = step(slug).form
        names = kind.names()
        controls = [*names, *(f"{n}-{end}" for n in names[:9] for end in ("made", "again"))]

        @given(post=_posts(controls), good=st.booleans(), without=st.sampled_from(names))
        @SOME
        def by_post(post: MultiDict[str, str], good: bool, without: str) -> None:
            if good:
                post.update({k: v for k, v in GOOD[slug].items() if k != without})
            assert _told(lambda: kind(formdata=post)) == wtforms_way(lambda: kind(formdata=post))

        @given(data=st.dictionaries(st.sampled_from(names), VALUES))
        @SOME
        def by_data(data: dict[str, Any]) -> None:
            ours = _told(lambda: kind(formdata=None, data=data))
            assert ours == wtforms_way(lambda: kind(formdata=None, data=data))

        by_post()
        by_data()


@pytest.mark.parametrize("slug", SLUGS)
def test_good_answers_are_valid_both_ways(app: Flask, wtforms_way: Any, slug: str) -> None:
    with app.test_request_context():
        (_filled, valid, *_rest), _calls = _told(lambda: filled(slug))
        assert valid
        assert _told(lambda: filled(slug)) == wtforms_way(lambda: filled(slug))


@pytest.mark.parametrize("language", ["en", "de", "es", "ar"])
def test_errors_are_in_the_language_of_the_request(
    app: Flask, wtforms_way: Any, language: str
) -> None:
    with app.test_request_context(f"/?lang={language}"):
        for slug in SLUGS:
            kind = step(slug).form
            assert _told(lambda kind=kind: kind(MultiDict())) == wtforms_way(
                lambda kind=kind: kind(MultiDict())
            )
