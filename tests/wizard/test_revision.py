"""The hidden field `revision` says which state of which step of whose session a form is of."""

from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from webapp.wizard import revision
from webapp.wizard.revision import FOREIGN, MISSING


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.mark.parametrize("count", [0, 1, 42, 10**9])
def test_what_is_written_is_read(count: int) -> None:
    assert revision.read("s1", "website", revision.write("s1", "website", count)) == count


def test_an_empty_field_is_missing() -> None:
    assert revision.read("s1", "website", "") is MISSING


def test_another_session_s_revision_is_foreign() -> None:
    assert revision.read("s2", "website", revision.write("s1", "website", 3)) == FOREIGN


def test_another_step_s_revision_is_foreign() -> None:
    assert revision.read("s1", "research", revision.write("s1", "website", 3)) == FOREIGN


def test_a_changed_count_is_foreign() -> None:
    _count, _dot, signature = revision.write("s1", "website", 3).partition(".")
    assert revision.read("s1", "website", f"4.{signature}") == FOREIGN


@pytest.mark.parametrize("place", range(24))
def test_a_changed_signature_is_foreign(place: int) -> None:
    count, _dot, signature = revision.write("s1", "website", 3).partition(".")
    other = "0" if signature[place] != "0" else "1"
    changed = signature[:place] + other + signature[place + 1 :]
    assert revision.read("s1", "website", f"{count}.{changed}") == FOREIGN


def test_a_cut_or_lengthened_signature_is_foreign() -> None:
    token = revision.write("s1", "website", 3)
    for changed in (token[:-1], token + "0", token.partition(".")[0], f" {token}", f"{token} "):
        assert revision.read("s1", "website", changed) == FOREIGN, changed


def test_another_application_s_revision_is_foreign(app: Flask) -> None:
    token = revision.write("s1", "website", 3)
    app.secret_key = "another secret of another application"
    assert revision.read("s1", "website", token) == FOREIGN


@pytest.mark.parametrize(
    "token",
    [
        ".", "3", "3.", ".abc", "-1.abc", "-1", "+3.abc", "3.5.abc", "٣.abc", "1e3.abc",
        "99999999999999999999.abc", "3." + "é" * 24, "\0", "null", "[]", "0x3.abc",
    ],
)  # fmt: skip
def test_what_was_never_written_is_foreign(token: str) -> None:
    assert revision.read("s1", "website", token) == FOREIGN


def test_no_made_up_text_is_a_revision(app: Flask) -> None:
    @given(st.text(min_size=1))
    def check(token: str) -> None:
        with app.app_context():
            assert revision.read("s1", "website", token) == FOREIGN

    check()
