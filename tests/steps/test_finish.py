"""The declaration, the first block, and what it leaves open."""

from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support.pages import PageClient
from tests.wizard.samples import GOOD, begin, faults, in_hand, read, save, step, walk
from webapp.extensions import db, transaction
from webapp.steps.finish import KBlock, specificity_loss


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def blocks(session_id: str) -> list[KBlock]:
    """The session's blocks, as they are in the database."""
    db.session.remove()
    return list(db.session.scalars(select(KBlock).where(KBlock.session_id == session_id)))


@pytest.mark.parametrize("text", ["x", "d" * 2000, "🥖" * 2000, "Zwei\nZeilen", "<script>", "日本"])
def test_a_declaration_of_1_to_2000_characters_completes(any_app: Flask, text: str) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id, until="integrations")
        save(session_id, "finish", first_declaration=f"  {text}\r\n")
        session = read(session_id).session
        assert (session.first_declaration, session.completed) == (text, True)
        (block,) = blocks(session_id)
        assert (block.content, block.id) == (text, session.first_kblock_id)


@pytest.mark.parametrize(
    "text",
    [None, "", " \r\n\t ", "\u00a0", "d" * 2001, "🥖" * 2001, "a\0", "\x1b[1m", "\ud800 half"],
)
def test_no_other_declaration_is_taken(text: str | None) -> None:
    assert faults("finish", first_declaration=text) == {"first_declaration"}


def test_a_changed_declaration_changes_the_block_and_makes_no_second_one(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = begin()
        walk(session_id)
        (first,) = blocks(session_id)
        before = (first.id, first.created_at)
        save(session_id, "finish", first_declaration="Bread.")
        (block,) = blocks(session_id)
        assert (block.id, block.created_at) == before
        assert (block.content, block.layer) == ("Bread.", 1)
        assert block.loss > 0.9
        assert read(session_id).session.first_kblock_id == block.id


def test_a_second_session_has_a_block_of_its_own() -> None:
    sessions = [begin(), begin()]
    for session_id in sessions:
        walk(session_id)
    (one,), (other,) = (blocks(session_id) for session_id in sessions)
    assert one.id != other.id


def test_a_more_specific_declaration_leaves_less_open() -> None:
    texts = [
        "Bread.",
        "I want to write about bread and about baking.",
        "I want to bring 40 neighbours of Fern Street into our courses on sourdough by October.",
        "My newsletter should bring 40 neighbours of Fern Street into our sourdough courses by "
        "October 2027, because experienced hobbyists from Leipzig and Dresden keep asking for "
        "reliable instructions, and the cookbooks recommended online contradict each other "
        "whenever temperature or fermentation is concerned, which discourages beginners.",
    ]
    losses = [specificity_loss(text)[0] for text in texts]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 4


@given(st.text(max_size=400))
def test_the_loss_is_a_share_with_a_reason_whatever_is_declared(text: str) -> None:
    loss, why = specificity_loss(text)
    assert 0 <= loss <= 1
    assert why.endswith(".")


def test_repeating_a_word_makes_nothing_more_specific() -> None:
    once, often = "newsletter " * 1, "newsletter " * 12
    telling = [specificity_loss(text)[1].split(", ")[1] for text in (once, often)]
    assert telling == ["1 of them long and different"] * 2


def test_the_stored_reason_tells_the_measures() -> None:
    session_id = begin()
    walk(session_id)
    (block,) = blocks(session_id)
    loss, why = specificity_loss(GOOD["finish"]["first_declaration"])
    assert (block.loss, block.justification, block.edges) == (loss, why, [])


def test_the_page_says_which_earlier_step_no_longer_holds_and_links_to_it(
    client: PageClient,
) -> None:
    client.submit(client.get("/onboarding/"))
    with client.flask.session_transaction() as cookie:
        session_id = cookie["sid"]
    walk(session_id, until="integrations")
    page = client.get("/onboarding/finish")
    with transaction():
        visit = in_hand(session_id)
        visit.answer("research").content_types = []
    typed = {"first_declaration": "To be read."}
    refused = client.submit(page, typed, status=422)
    links = refused.find("//main//*[not(self::dl)]//a[@href='/onboarding/research']")
    assert links, "the page links to the step"
    assert "Choose at least one kind of content." in refused.text("//main")
    assert refused.form().values()["first_declaration"] == "To be read."
    assert not read(session_id).session.completed
    assert blocks(session_id) == []
    fixed = client.get("/onboarding/research")
    client.submit(fixed, {"content_types": ["News"]})
    done = client.submit(client.get("/onboarding/finish"), typed)
    assert done.location == "/onboarding/summary"


def test_the_summary_shows_the_declaration() -> None:
    session_id = begin()
    walk(session_id, until="integrations")
    assert list(step("finish").rows(read(session_id))) == []
    save(session_id, "finish")
    (row,) = step("finish").rows(read(session_id))
    assert row.value == GOOD["finish"]["first_declaration"]
