"""Header fields of an answer are those of werkzeug, whatever is done to them."""

from typing import Any

import pytest
from flask import Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from webapp.headers import Fields, add_missing, kind, vary_by

NAMES = st.sampled_from(["Vary", "vary", "VARY", "Content-Type", "content-type", "X-One"])
VALUES = st.sampled_from(["", "a", "text/html; charset=utf-8", 7, "two\nlines", "two\rlines"])
ACTS = st.one_of(
    st.tuples(st.sampled_from(["set", "add", "setdefault", "__setitem__"]), NAMES, VALUES),
    st.tuples(st.sampled_from(["get", "remove", "__contains__", "getlist"]), NAMES),
    st.tuples(st.just("pop"), NAMES, st.none()),
    st.tuples(st.just("get"), NAMES, st.just(3), st.just(int)),
)


def outcome(fields: Headers, name: str, *given: Any) -> object:
    """What an act returns, or the kind of what it raises."""
    try:
        return getattr(fields, name)(*given)
    except (KeyError, ValueError) as error:
        return type(error)


@given(st.lists(ACTS, max_size=12))
def test_every_act_does_what_it_does_to_werkzeug_s_fields(acts: list[Any]) -> None:
    ours, theirs = Fields(), Headers()
    for act in acts:
        assert outcome(ours, *act) == outcome(theirs, *act)
        assert list(ours) == list(theirs)


@pytest.mark.parametrize("kind_of", [Fields, Headers])
def test_a_field_that_is_there_is_left_as_it_is(kind_of: type[Headers]) -> None:
    response = Response(headers=kind_of([("x-frame-options", "SAMEORIGIN")]))
    add_missing(response, [("X-Frame-Options", "DENY"), ("X-Two", "2")])
    assert response.headers.getlist("X-Frame-Options") == ["SAMEORIGIN"]
    assert response.headers["X-Two"] == "2"
    with pytest.raises(ValueError, match="newline"):
        add_missing(response, [("X-Three", "a\r\nSet-Cookie: b")])


def test_what_an_answer_depends_on_is_said_once() -> None:
    response = Response()
    vary_by(response, "Cookie")
    vary_by(response, "cookie", "Accept-Encoding")
    vary_by(response, "Accept-Encoding", "Cookie")
    assert response.headers.getlist("Vary") == ["Cookie, Accept-Encoding"]


def test_the_kind_of_the_content_is_told_without_its_charset() -> None:
    assert kind(Response(content_type="Text/HTML ; charset=utf-8")) == "text/html"
    response = Response()
    del response.headers["Content-Type"]
    assert kind(response) == ""
