"""What an analysis says in codes, said in words; what has no codes stays as it was stored."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from webapp import readings
from webapp.readings import advice_in_words, audit_in_words, compared_in_words, method_of
from webapp.site.compare import compare
from webapp.site.methods import METHODS
from webapp.site.profile import derive
from webapp.site.style import measure

PROSE = ["We mix flour and water. Then we wait, because a dough takes time to rise."] * 20


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


@pytest.fixture
def found() -> dict[str, Any]:
    return derive(measure(PROSE, "en"), {"url": "http://a.example/", "title": "Bread"})


def test_in_english_it_is_what_was_stored(found: dict[str, Any]) -> None:
    stored = found["style_guidelines"]
    said = advice_in_words(stored)
    assert said.pop("best_practices") == stored["best_practices"]
    assert said.pop("avoid_elements") == stored["avoid_elements"]
    assert said == stored["guidelines"]
    assert any(said.values())
    audit = found["seo_audit"]
    assert audit["issues"]
    pairs = list(zip(audit["issues"], audit["recommendations"], strict=True))
    assert audit_in_words(audit) == pairs


def test_every_sentence_goes_through_the_translation(
    found: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "gettext", lambda _text: "ÜBERSETZT")
    assert {
        one for part in advice_in_words(found["style_guidelines"]).values() for one in part
    } == {"ÜBERSETZT"}
    assert set(audit_in_words(found["seo_audit"])) == {("ÜBERSETZT", "ÜBERSETZT")}
    assert method_of("word_count") == {
        "sentence": "ÜBERSETZT", "source": METHODS["word_count"].source, "estimate": False,
    }  # fmt: skip
    own = measure(PROSE, "en")
    rows = compare(own, own)
    assert rows
    assert {compared_in_words(row) for row in rows} == {"ÜBERSETZT"}


@pytest.mark.parametrize("codes", [None, {}, "x", [], {"best_practices": [{"code": "new"}]}])
def test_codes_that_are_not_known_leave_the_stored_sentences(codes: Any) -> None:
    stored = {
        "guidelines": {"tone_recommendations": ["Be calm."]},
        "best_practices": ["Rest."],
        "avoid_elements": [],
        "codes": codes if isinstance(codes, dict) else None,
    }
    said = advice_in_words(stored)
    assert said["tone_recommendations"] == ["Be calm."]
    assert said["best_practices"] == ["Rest."]
    audit = {"issues": ["Amiss."], "recommendations": ["Mend."], "codes": ["of later"]}
    assert audit_in_words(audit) == [("Amiss.", "Mend.")]
    assert compared_in_words({"sentence": "Alike.", "code": "of later"}) == "Alike."


def test_nothing_measured_says_nothing() -> None:
    assert advice_in_words(None) == {"best_practices": [], "avoid_elements": []}
    assert audit_in_words(None) == []
    assert method_of("of_later") is None


def test_every_method_can_be_told() -> None:
    for name in METHODS:
        told = method_of(name)
        assert told is not None
        assert told["sentence"]
