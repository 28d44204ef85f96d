"""Two sites are compared measure by measure, and only where figures can be compared."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.site.compare import SENTENCES, compare
from webapp.site.style import measure


def measures(**changes: Any) -> dict[str, Any]:
    return measure("", "en") | {
        "enough_text": True,
        "average_sentence_length": 18.0,
        "readability_score": 60.0,
        "question_share": 0.05,
        "second_person_share": 0.02,
        **changes,
    }


def said(own: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    return {row["measure"]: row["sentence"] for row in compare(own, theirs)}


def test_each_difference_is_one_sentence() -> None:
    theirs = measures(
        average_sentence_length=12.1,
        readability_score=78.0,
        question_share=0.14,
        second_person_share=0.004,
    )
    assert said(measures(), theirs) == {
        "average_sentence_length": "Their sentences are 6 words shorter.",
        "readability_score": "They are easier to read, by 18 points of 100.",
        "question_share": "They ask more questions: 14% of sentences, yours are 5.0%.",
        "second_person_share": (
            "They speak to the reader less often: 0.4% of words, yours are 2.0%."
        ),
    }
    assert (
        said(theirs, measures())["average_sentence_length"] == "Their sentences are 6 words longer."
    )


def test_what_hardly_differs_is_said_to_be_alike() -> None:
    codes = {row["code"] for row in compare(measures(), measures(average_sentence_length=18.4))}
    assert codes == {"sentences_alike", "as_easy", "questions_alike", "reader_alike"}


def test_figures_of_two_languages_are_not_compared_where_they_cannot_be() -> None:
    rows = said(measures(), measures(language="de", average_sentence_length=12.0))
    assert "readability_score" not in rows
    assert rows["average_sentence_length"] == "Their sentences are 6 words shorter."


@pytest.mark.parametrize("nothing", [None, {}, {"enough_text": False}, {"word_count": 900}])
def test_nothing_is_compared_with_too_little(nothing: dict[str, Any] | None) -> None:
    assert compare(measures(), nothing) == []
    assert compare(nothing, measures()) == []


share = st.none() | st.floats(0, 1)


@given(share, share, st.none() | st.floats(1, 90), st.none() | st.floats(1, 90))
def test_swapping_the_sites_turns_every_sentence_round(
    one: float | None, other: float | None, short: float | None, long: float | None
) -> None:
    own = measures(question_share=one, hedge_share=other, average_sentence_length=short)
    theirs = measures(question_share=other, hedge_share=one, average_sentence_length=long)
    forth, back = compare(own, theirs), compare(theirs, own)
    assert [row["measure"] for row in forth] == [row["measure"] for row in back]
    for there, here in zip(forth, back, strict=True):
        assert (there["own"], there["theirs"]) == (here["theirs"], here["own"])
        alike = there["code"].endswith("alike") or there["code"] == "as_easy"
        assert (there["code"] == here["code"]) is alike
        said = SENTENCES[there["code"]]
        if isinstance(said, tuple):
            said = said[there["values"]["difference"] != "1"]
        assert there["sentence"] == said.format(**there["values"])
