"""The short way of a request ends where Flask's own does."""

from typing import Any

import pytest
from flask import Flask, Request
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.test import EnvironBuilder

from webapp.application import Answer, Application, Asked


@pytest.fixture
def small() -> Application:
    """An application with three routes."""
    app = Application("small")
    for rule in ("/a/", "/a/<slug>", "/b"):
        app.add_url_rule(rule, rule, lambda **_: "")
    return app


def outcome(app: Flask, how: Any, environ: dict[str, Any]) -> object:
    """All that a way makes of a request: host, adapter and match."""
    request = Request(dict(environ))
    try:
        adapter = how(app, request)
        kept = {name: value for name, value in vars(adapter).items() if name != "map"}
        try:
            rule, values = adapter.match(return_rule=True)
        except RequestRedirect as redirect:
            return request.host, kept, redirect.new_url
        return request.host, kept, rule.rule, values
    except HTTPException as error:
        return type(error)


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"PATH_INFO": "/a"}, {"PATH_INFO": "/a", "QUERY_STRING": "x=%C3%BC&y=\xc3\xbc"},
        {"PATH_INFO": "/a/\xc3\xbc"}, {"PATH_INFO": "/a/\xff"}, {"PATH_INFO": ""},
        {"PATH_INFO": "//b"}, {"PATH_INFO": "/none"}, {"REQUEST_METHOD": "DELETE"},
        {"REQUEST_METHOD": "post"}, {"SCRIPT_NAME": "/top"}, {"SCRIPT_NAME": "/top/"},
        {"HTTP_HOST": "Other.Example:8000"}, {"HTTP_HOST": "one.example:80"},
        {"HTTP_HOST": "one.example:443", "wsgi.url_scheme": "https"}, {"HTTP_HOST": "[::1]:8000"},
        {"HTTP_HOST": "b\xe4ckerei.example"}, {"HTTP_HOST": ""}, {"HTTP_HOST": "a b"},
        {"HTTP_HOST": "x" * 64 + ".example"}, {"HTTP_HOST": "..a"}, {"HTTP_HOST": "a:99999"},
        {"HTTP_HOST": None}, {"HTTP_HOST": None, "SERVER_NAME": "::1"},
        {"HTTP_HOST": None, "SERVER_NAME": "/run/x.sock", "SERVER_PORT": ""},
        {"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "websocket"},
    ],
)  # fmt: skip
def test_every_request_finds_the_view_that_flask_would_find(
    small: Application, changed: dict[str, str | None]
) -> None:
    environ = EnvironBuilder("/a/x", base_url="http://one.example").get_environ() | changed
    environ = {name: value for name, value in environ.items() if value is not None}
    for _ in range(2):  # what is kept is kept for the same host alone
        ours = outcome(small, Application.create_url_adapter, environ)
        assert ours == outcome(small, Flask.create_url_adapter, environ)
        outcome(small, Application.create_url_adapter, environ | {"HTTP_HOST": "another.example"})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "given",
    [
        {"response": "text"}, {"response": b""}, {"response": ["a", "ü"]}, {"response": [b"a"]},
        {"response": "x", "status": 204}, {"response": "x", "status": 304},
        {"response": "x", "status": 199}, {"response": "x", "status": 404},
        {"response": "", "status": 303, "headers": {"Location": "/ü?x=ü"}},
        *({"response": "x", "status": 303, "headers": {"Location": address}} for address in (
            "/", "/onboarding/website", "/onboarding/website?from=summary&x=1", "//a.example/b",
            "/a?", "/a?#", "/a#b", "/a b", "/a?b=%C3%BC", "/a/../b", "", "a", "?a=b",
            "https://a.example/ü", "/a\\b", "/a?b?c", "/a//b",
        )),
        {"response": "x", "headers": {"Content-Location": "/ü"}},
        {"response": ["ü"], "headers": {"Content-Length": "2"}},
        {"response": b"\xff", "mimetype": "text/html"}, {"response": bytearray(b"a")},
        {"response": "ü", "mimetype": "text/html"}, {"response": "x", "mimetype": "text/plain"},
        {"response": "x", "content_type": "text/html"}, {"response": "", "status": "404 None"},
        {"response": Markup("ü")}, {"response": "x", "mimetype": "text/html", "status": 303},
        {"response": "x", "headers": {"content-type": "text/css"}}, {"response": None},
    ],
)  # fmt: skip
def test_every_answer_is_sent_as_flask_would_send_it(given: dict[str, Any], method: str) -> None:
    environ = EnvironBuilder("/", method=method).get_environ()
    sent = []
    for kind in (Answer, Answer.__base__):
        body, status, fields = kind(**given).get_wsgi_response(environ)  # type: ignore[union-attr, misc]
        sent.append((b"".join(body), status, sorted(fields)))
    assert sent[0] == sent[1]


def test_what_is_to_be_done_once_an_answer_is_sent_is_done() -> None:
    done: list[str] = []
    answer = Answer("text")
    answer.call_on_close(lambda: done.append("closed"))
    body = answer.get_wsgi_response(EnvironBuilder("/").get_environ())[0]
    assert b"".join(body) == b"text"
    body.close()  # type: ignore[attr-defined]
    assert done == ["closed"]


def test_what_an_address_says_is_each_request_s_own(small: Application) -> None:
    environ = EnvironBuilder("/a/x", base_url="http://one.example").get_environ()
    for _ in range(2):
        adapter = small.create_url_adapter(Request(dict(environ)))
        assert adapter
        rule, values = adapter.match(return_rule=True)
        assert (rule.rule, values) == ("/a/<slug>", {"slug": "x"})
        dict.clear(values)  # type: ignore[arg-type]


FORMS = st.text(st.sampled_from("ab&=+%2C0f;é\0 "), max_size=30)


@given(FORMS)
def test_a_form_and_cookies_are_read_as_flask_reads_them(text: str) -> None:
    read = []
    for kind in (Asked, Request):
        environ = EnvironBuilder(method="POST", data=text.encode()).get_environ()
        environ |= {
            "CONTENT_TYPE": "application/x-WWW-form-urlencoded; charset=utf-8",
            "HTTP_COOKIE": text.encode().decode("latin1"),
        }
        asked = kind(environ)
        asked.get_data()
        assert asked.mimetype_params == {"charset": "utf-8"}
        assert asked.files == {}
        assert asked.stream.read() == b""
        read.append(([*asked.form.items(True)], [*asked.cookies.items(True)], asked.get_data()))
    assert read[0] == read[1]


@given(FORMS)
def test_a_form_is_read_alike_where_its_body_was_not_looked_at_before(text: str) -> None:
    read = []
    for kind in (Asked, Request):
        environ = EnvironBuilder(method="POST", data=text.encode()).get_environ()
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        read.append([*kind(environ).form.items(True)])
    assert read[0] == read[1]


@given(st.text(st.sampled_from('ab=; "\t,\\é'), max_size=30))
@example("a=1; b=2; c")
@example("a=1;b=2")
@example("a=1; ; b=2")
@example("a=1; =2; a=3")
@example('a="1; b=2"; c=d=e')
def test_cookies_are_read_as_flask_reads_them(sent: str) -> None:
    environ = EnvironBuilder().get_environ() | {"HTTP_COOKIE": sent}
    read = [[*kind(dict(environ)).cookies.items(True)] for kind in (Asked, Request)]
    assert read[0] == read[1]


@given(st.text(st.sampled_from("ab&=+%2Cé"), max_size=20))
def test_an_address_is_read_as_flask_reads_it(query: str) -> None:
    environ = EnvironBuilder().get_environ() | {"QUERY_STRING": query.encode().decode("latin1")}
    read = [[*kind(dict(environ)).args.items(True)] for kind in (Asked, Request)]
    assert read[0] == read[1]


class Wire:
    """What arrives in pieces, and may end too early."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read(self, size: int = -1) -> bytes:
        """A piece; never more than was asked for."""
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if 0 <= size < len(piece):
            self.pieces.insert(0, piece[size:])
        return piece if size < 0 else piece[:size]


def sent(*pieces: bytes, **environ: Any) -> Asked:
    """A request whose body arrives like that."""
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "wsgi.input": Wire(*pieces)}
    return Asked(EnvironBuilder(method="POST").get_environ() | form | environ)


def test_a_body_that_arrives_in_pieces_is_read_whole_and_no_further() -> None:
    asked = sent(b"a=", b"1&b", b"=2", b"POST /the-next-request", CONTENT_LENGTH="7")
    assert asked.get_data() == b"a=1&b=2" == asked.get_data(cache=False)
    assert [*asked.form.items(True)] == [("a", "1"), ("b", "2")]
    assert asked.stream.read() == b""


def test_a_body_that_ends_before_its_length_is_not_taken_for_a_whole_one() -> None:
    with pytest.raises(ClientDisconnected):
        sent(b"a=1", CONTENT_LENGTH="4").get_data()


@pytest.mark.parametrize("length", ["99999999", "9" * 30, "-1", "\u0661", "", "x"])
def test_a_length_that_is_too_large_or_none_gets_what_flask_makes_of_it(length: str) -> None:
    found = []
    for kind in (Asked, Request):
        asked = kind(sent(b"a=1", CONTENT_LENGTH=length).environ)
        asked.max_content_length = 1000
        try:
            found.append(asked.get_data())
        except HTTPException as error:
            found.append(type(error))
    assert found[0] == found[1]
