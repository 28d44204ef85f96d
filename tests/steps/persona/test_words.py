"""The telling words of a description."""

from webapp.steps.persona.words import avoid_words, telling_words


def test_function_words_short_words_and_numbers_tell_nothing() -> None:
    assert telling_words("With your oven, with your bread, in 2026, at the top: with 1000.") == [
        "oven",
        "bread",
    ]
    assert telling_words("Unsere Öfen und nicht eure") == ["Öfen"]
    assert telling_words("") == []


def test_frequent_words_come_first_and_no_more_than_asked_for() -> None:
    assert telling_words("bread oven oven flour flour flour", 2) == ["flour", "oven"]


def test_a_capital_is_kept_unless_the_word_is_also_written_without() -> None:
    assert telling_words("Flour from Leeds is flour.") == ["flour", "Leeds"]


def test_a_run_of_letters_is_no_word() -> None:
    assert telling_words("x" * 31 + " " + "y" * 30) == ["y" * 30]


def test_words_to_avoid_leave_out_the_writers_own_whatever_the_case() -> None:
    assert "Zeug" in avoid_words("de", "Professional", ())
    assert "Zeug" not in avoid_words("de", "Professional", ("zeug",))
    assert avoid_words("en", None, ()) == avoid_words(None, "Casual", ()) == []
