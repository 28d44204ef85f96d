"""What research may look up, how deeply, and against whom."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.wizard.samples import begin, faults, filled, read, save, step, walk
from webapp.steps.research import CONTENT_TYPES, DEPTHS


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def stored(session_id: str):  # type: ignore[no-untyped-def]
    return read(session_id).answer("research")


def ready() -> str:
    session_id = begin()
    walk(session_id, until="website")
    return session_id


def test_the_choices_are_the_contract_s() -> None:
    assert [value for value, _ in DEPTHS] == ["Basic", "Standard", "Comprehensive", "Expert"]
    assert [value for value, _ in CONTENT_TYPES] == [
        "Blog Posts", "Social Media", "Technical Articles", "News", "Academic Papers",
        "Newsletters",
    ]  # fmt: skip


@pytest.mark.parametrize("depth", ["Basic", "Standard", "Comprehensive", "Expert"])
def test_every_depth_can_be_saved(depth: str) -> None:
    session_id = ready()
    save(session_id, "research", research_depth=depth)
    assert stored(session_id).research_depth == depth


@pytest.mark.parametrize("depth", [None, "", "basic", "Deep", "Basic ", "Basic\0", "0", "<b>"])
def test_no_other_depth_is_taken(depth: str | None) -> None:
    assert faults("research", research_depth=depth) == {"research_depth"}


@pytest.mark.parametrize("types", [None, [], [""], ["Poems"], ["News", "Poems"], ["news"], ["N\0"]])
def test_content_types_are_some_of_the_list(types: list[str] | None) -> None:
    assert faults("research", content_types=types) == {"content_types"}


def test_content_types_are_stored_once_each_and_in_the_list_s_order() -> None:
    session_id = ready()
    save(session_id, "research", content_types=["Newsletters", "News", "News", "Blog Posts"])
    assert stored(session_id).content_types == ["Blog Posts", "News", "Newsletters"]


def test_all_content_types_can_be_chosen() -> None:
    every = [value for value, _label in CONTENT_TYPES]
    session_id = ready()
    save(session_id, "research", content_types=every)
    assert stored(session_id).content_types == every


@pytest.mark.parametrize("field", ["auto_research", "factual_content"])
def test_a_switch_is_on_by_default_and_off_when_its_box_is_not_sent(field: str) -> None:
    assert step("research").form(formdata=None)[field].data is True
    session_id = ready()
    save(session_id, "research")
    assert getattr(stored(session_id), field) is True
    save(session_id, "research", **{field: None})
    assert getattr(stored(session_id), field) is False


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("", []),
        (None, []),
        (" \r\n \r\n", []),
        ("rival.example.com", ["https://rival.example.com/"]),
        ("HTTP://Rival.Example.COM:80", ["http://rival.example.com/"]),
        ("bücher.example", ["https://xn--bcher-kva.example/"]),
        ("例え.テスト", ["https://xn--r8jz45g.xn--zckzah/"]),
        ("b.example\r\n\r\n  a.example  \n", ["https://b.example/", "https://a.example/"]),
        ("a.example\nA.example/\nhttps://a.example", ["https://a.example/"]),
        ("\n".join(f"{n}.example" for n in "abcde"), [f"https://{n}.example/" for n in "abcde"]),
        ("\n".join(["a.example"] * 9), ["https://a.example/"]),
    ],
)
def test_competitors_are_canonical_addresses_one_a_line(
    typed: str | None, canonical: list[str]
) -> None:
    session_id = ready()
    save(session_id, "research", competitors=typed)
    assert stored(session_id).competitors == canonical


@pytest.mark.parametrize(
    "typed",
    [
        "\n".join(f"{n}.example" for n in "abcdef"),
        "javascript:alert(1)", "data:text/html,x", "ftp://a.example", "file:///etc/passwd",
        "mailto:me@a.example", "https://user:secret@a.example", "no dots", "localhost",
        "a.example\nnonsense", "https://", "http://a.example:99999", "a..example", "-a.example",
        "a.example/\0", "a.example\x07", "a\u202eelpmaxe.example",
        "a.example/" + "p" * 491,
    ],
)  # fmt: skip
def test_what_is_no_public_address_is_no_competitor(typed: str) -> None:
    assert faults("research", competitors=typed) == {"competitors"}


def test_a_competitor_s_address_may_have_500_characters() -> None:
    assert faults("research", competitors="https://a.example/" + "p" * 482) == set()
    assert faults("research", competitors="https://a.example/" + "p" * 483) == {"competitors"}


def test_the_sentence_about_a_wrong_competitor_names_the_line() -> None:
    form = filled("research", competitors="a.example\nftp://b.example")
    assert not form.validate()
    (message,) = form.errors["competitors"]
    assert "ftp://b.example" in message
    assert "a.example\n" not in message


def test_what_is_stored_fills_the_form_again_and_counts_as_the_same() -> None:
    session_id = ready()
    save(session_id, "research", competitors="b.example\na.example", auto_research=None)
    again = step("research").form(formdata=None, data=step("research").values(stored(session_id)))
    assert again.validate()
    assert again["competitors"].data == "https://b.example/\nhttps://a.example/"
    assert step("research").same(again, stored(session_id))


def test_the_summary_shows_every_answer() -> None:
    session_id = ready()
    save(session_id, "research", competitors="b.example", factual_content=None)
    rows = {str(row.label): row.value for row in step("research").rows(read(session_id))}
    assert "Standard" in str(rows.pop("Depth"))
    shown = [str(value) for value in rows.values()]
    assert any("Blog" in text and "News" in text for text in shown)
    assert any("https://b.example/" in text for text in shown)
    assert ("Yes" in shown, "No" in shown) == (True, True)


def test_research_is_possible_once_its_preferences_are_saved() -> None:
    session_id = ready()
    (before,) = step("research").capabilities(read(session_id))
    save(session_id, "research")
    (after,) = step("research").capabilities(read(session_id))
    assert (before.name, before.available, after.available) == ("ai_research", False, True)
