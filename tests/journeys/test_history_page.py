"""One's own saves, to look at and to put back."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
from flask import Flask

from tests.journeys.walk import (
    ANSWERS,
    KEYS,
    SAME_ORIGIN,
    SLUGS,
    TITLES,
    begin,
    count,
    messages,
    path_of,
    save,
    sql,
    walk,
    without_secrets,
)
from tests.support.pages import Page, PageClient, Value
from webapp.operators import cleanup
from webapp.wizard import history

HISTORY = "/onboarding/history"


def entries(page: Page) -> list[str]:
    """What each save says, newest first."""
    return [
        re.sub(r"\s+", " ", section.text_content()).strip()
        for section in page.find("//main//section[contains(@class, 'answers')]")
    ]


def put_back(client: PageClient, page: Page, number: int, status: int = 303) -> Page:
    """Press "Put this back" of the entry of this number."""
    section = page.find("//main//section[contains(@class, 'answers')]")[number]
    sent = {str(one.get("name")): one.get("value") for one in section.xpath(".//input")}
    assert section.xpath(".//button[contains(., 'Put this back')]"), "there is no button"
    return client.post(HISTORY, sent, status, SAME_ORIGIN)


def test_it_lists_each_save_with_its_step_its_time_and_what_changed(any_client: PageClient) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, 42, tzinfo=UTC), tick=False) as clock:
        walk(any_client, until="integrations")
        clock.shift(3600)
        save(any_client, "persona", {"tone": "Casual", "selected_platforms": ["medium"]})
        page = without_secrets(any_client.get(HISTORY))
    found = entries(page)
    assert len(found) == 5
    assert found[0].startswith(TITLES["persona"])
    assert "20 November 2026, 11:42 UTC" in found[0]
    assert "Changed: Tone · Where will the texts appear?" in found[0]
    assert "Stored now." in found[0]
    assert "20 November 2026, 10:42 UTC" in found[1]
    assert "Stored now." not in found[1]
    assert [next(s for s, t in TITLES.items() if one.startswith(t)) for one in found] == [
        "persona", "persona", "research", "website", "api-keys",
    ]  # fmt: skip


def test_it_shows_the_answers_of_a_save_as_people_read_them(client: PageClient) -> None:
    walk(client, until="persona")
    research = entries(client.get(HISTORY))[0]
    for words in (
        "Comprehensive: many sources, compared", "Blog posts, Newsletters",
        "https://rival.example.com/", "Check facts in what is written Yes",
        "Research a topic before writing about it No",
    ):  # fmt: skip
        assert words in research


def test_keys_are_never_in_it_and_cannot_be_put_back(any_client: PageClient) -> None:
    walk(any_client, until="website")
    save(any_client, "api-keys", {"openai": "", "exa": "", "mistral": "Mistral8Wander2Key"})
    page = without_secrets(any_client.get(HISTORY))
    assert "Mistral8Wander2Key" not in page.source
    newest, oldest = entries(page)
    assert "Changed: Mistral" in newest
    assert "OpenAI" in oldest
    assert "Exa" in oldest
    assert not page.find("//main//section//form")
    for end in (KEYS["openai"][-4:], "2Key"):
        assert end not in page.text("//main")
    (field,) = any_client.get(path_of("website")).find("//form[@id='step-form']//input[1]")[:1]
    token = field.get("value")
    sent = {"csrf_token": token, "slug": "api-keys", "save": "1"}
    any_client.post(HISTORY, sent, 422, SAME_ORIGIN)


def test_putting_back_is_a_save_with_everything_that_belongs_to_one(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="finish")
    changed: dict[str, Value] = {
        "persona_name": "Changed", "tone": "Casual", "selected_platforms": ["medium"],
        "voice_description": "",
    }  # fmt: skip
    save(any_client, "persona", changed)
    page = any_client.get(HISTORY)
    back = put_back(any_client, page, 2)
    assert back.location == HISTORY
    after = any_client.follow(back)
    assert any(TITLES["persona"] in text for text in messages(after))
    values = any_client.get(path_of("persona")).form().values()
    for name, answer in ANSWERS["persona"].items():
        assert values.getlist(name) == (answer if isinstance(answer, list) else [answer]), name
    newest = entries(after)[0]
    assert "Stored now." in newest
    assert "Name of the persona" in newest
    assert len(entries(after)) == len(entries(page)) + 1
    rows = sql(any_app, "SELECT revision, saved_at FROM step_progress WHERE slug = 'persona'")
    kept = sql(
        any_app, "SELECT max(revision), max(saved_at) FROM step_history WHERE slug = 'persona'"
    )
    assert rows == kept
    built = str(sql(any_app, "SELECT core_persona FROM persona_data")[0][0])
    assert "The Clockmaker" in built, "what follows from the answers was built anew"


@pytest.mark.parametrize("slug", ["website", "research", "integrations"])
def test_every_kind_of_answer_comes_back_as_it_was(client: PageClient, slug: str) -> None:
    walk(client, until="finish")
    before = client.get(path_of(slug)).form().values()
    changes: dict[str, dict[str, Value]] = {
        "website": {"business_description": "Something else altogether.", "use_analysis": None},
        "research": {"content_types": ["News"], "auto_research": True, "competitors": ""},
        "integrations": {"platforms": [], "notify_email": ""},
    }
    save(client, slug, changes[slug])
    page = client.get(HISTORY)
    number = [i for i, one in enumerate(entries(page)) if one.startswith(TITLES[slug])][1]
    client.follow(put_back(client, page, number))
    after = client.get(path_of(slug)).form().values()
    for values in (before, after):
        values.pop("revision")
        values.pop("csrf_token")
    assert after == before


def test_what_is_stored_now_has_no_button(client: PageClient) -> None:
    walk(client, until="finish")
    save(client, "persona", {"tone": "Casual"})
    page = client.get(HISTORY)
    sections = page.find("//main//section[contains(@class, 'answers')]")
    for section in sections:
        stored = "Stored now." in section.text_content()
        button = section.xpath(".//button")
        assert not (stored and button)
    assert len(page.find("//main//section//button")) == 1


def test_each_button_says_which_save_it_puts_back(client: PageClient) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, tzinfo=UTC), tick=False) as clock:
        walk(client, until="finish")
        for tone in ("Casual", "Technical"):
            clock.shift(60)
            save(client, "persona", {"tone": tone})
        names = [one.text_content() for one in client.get(HISTORY).find("//main//section//button")]
    assert len(names) == len(set(names)) == 2
    assert all(TITLES["persona"] in name for name in names)


def test_a_page_of_the_history_that_is_stale_asks_to_look_again(
    any_client: PageClient, any_app: Flask
) -> None:
    """The same field was changed since: putting back over it is a conflict like any other."""
    walk(any_client, until="finish")
    save(any_client, "persona", {"persona_name": "Second"})
    old = any_client.get(HISTORY)
    save(any_client, "persona", {"persona_name": "Third"})
    page = any_client.follow(put_back(any_client, old, 2))
    assert any("changed meanwhile" in text for text in messages(page))
    assert sql(any_app, "SELECT persona_name FROM persona_data") == [("Third",)]


def test_putting_back_twice_is_once(client: PageClient, app: Flask) -> None:
    walk(client, until="finish")
    save(client, "persona", {"persona_name": "Second"})
    page = client.get(HISTORY)
    for _ in range(2):
        put_back(client, page, 2)
    assert sql(app, "SELECT persona_name FROM persona_data") == [("The Clockmaker",)]
    assert count(app, "step_history") == 7


@pytest.mark.parametrize("revision", ["", "999.0123456789abcdef01234567", "nonsense"])
def test_without_the_page_s_revision_nothing_is_put_back(
    client: PageClient, app: Flask, revision: str
) -> None:
    walk(client, until="finish")
    save(client, "persona", {"persona_name": "Second"})
    page = client.get(HISTORY)
    section = page.find("//main//section[contains(@class, 'answers')]")[2]
    sent = {str(one.get("name")): one.get("value") for one in section.xpath(".//input")}
    sent["revision"] = revision
    client.follow(client.post(HISTORY, sent, 303, SAME_ORIGIN))
    assert sql(app, "SELECT persona_name FROM persona_data") == [("Second",)]


def test_after_completion_answers_can_be_put_back_and_it_stays_completed(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client)
    done = "SELECT completed, completed_at, first_kblock_id FROM onboarding_sessions"
    before = sql(any_app, done)
    save(any_client, "finish", {"first_declaration": "Other words."})
    page = any_client.get(HISTORY)
    any_client.follow(put_back(any_client, page, 1))
    assert sql(any_app, done) == before
    assert sql(any_app, "SELECT content FROM kblocks") == [
        (ANSWERS["finish"]["first_declaration"],)
    ]


def test_what_does_not_hold_any_more_is_not_put_back(client: PageClient, app: Flask) -> None:
    walk(client, until="finish")
    save(client, "persona", {"persona_name": "Second"})
    sql(
        app,
        "UPDATE step_history SET snapshot = replace(snapshot, 'Conversational', 'Bombastic')",
    )
    page = client.follow(put_back(client, client.get(HISTORY), 2))
    assert messages(page), "it says that it was not done"
    assert not [text for text in messages(page) if "are back" in text]
    assert sql(app, "SELECT persona_name FROM persona_data") == [("Second",)]


def test_another_person_s_saves_are_out_of_reach(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client, until="finish")
    save(any_client, "persona", {"persona_name": "Second"})
    (revision,) = sql(any_app, "SELECT min(revision) FROM step_history WHERE slug = 'persona'")[0]
    stranger = PageClient(any_app)
    begin(stranger)
    page = stranger.get(HISTORY)
    assert entries(page) == []
    assert "Nothing is saved yet" in page.text("//main")
    token = stranger.get(path_of("api-keys")).form().values()["csrf_token"]
    sent = {"csrf_token": token, "slug": "persona", "save": str(revision)}
    stranger.post(HISTORY, sent, 404, SAME_ORIGIN)
    assert count(any_app, "persona_data") == 1
    assert sql(any_app, "SELECT persona_name FROM persona_data") == [("Second",)]


@pytest.mark.parametrize(
    ("slug", "number", "status"),
    [("persona", "x", 422), ("persona", "-1", 422), ("persona", "²", 422), ("nothing", "1", 422),
     ("persona", "999999999999999999999", 404), ("persona", "0", 404), ("", "", 422)],
)  # fmt: skip
def test_a_save_that_is_none_puts_nothing_back(
    client: PageClient, app: Flask, slug: str, number: str, status: int
) -> None:
    token = walk(client, until="finish").form().values()["csrf_token"]
    sent = {"csrf_token": token, "slug": slug, "save": number}
    client.post(HISTORY, sent, status, SAME_ORIGIN)
    assert count(app, "step_history") == 5


def test_without_a_session_there_is_no_history(client: PageClient, app: Flask) -> None:
    assert client.get(HISTORY, 303).location == "/onboarding/"
    token = client.get("/onboarding/").form().values()["csrf_token"]
    sent = {"csrf_token": token, "slug": "persona", "save": "1"}
    assert client.post(HISTORY, sent, 303, SAME_ORIGIN).location == "/onboarding/"
    client.post(HISTORY, {"slug": "persona", "save": "1"}, 400, SAME_ORIGIN)
    assert count(app, "onboarding_sessions") == 0


def test_the_last_twenty_of_each_step_are_shown(
    client: PageClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT", 3)
    walk(client, until="finish")
    for number in range(4):
        save(client, "persona", {"persona_name": f"Name {number}"})
    for _ in range(2):
        page = client.get(HISTORY)
        personas = [one for one in entries(page) if one.startswith(TITLES["persona"])]
        assert len(personas) == 3
        assert "Name 3" in personas[0]
        assert "Name 1" in personas[2]
        assert len(entries(page)) == 3 + 4
        with app.app_context():
            cleanup.run(24)
    client.follow(put_back(client, client.get(HISTORY), 2))
    assert sql(app, "SELECT persona_name FROM persona_data") == [("Name 1",)]


def test_every_page_leads_to_it_and_it_leads_back(client: PageClient) -> None:
    walk(client)
    for path in ("/onboarding/summary", *map(path_of, SLUGS)):
        assert client.get(path).find(f"//a[@href='{HISTORY}']"), path
    assert client.get(HISTORY).find("//main//a[@href='/onboarding/']")


def test_typed_markup_is_shown_as_text(client: PageClient) -> None:
    walk(client, until="finish")
    save(client, "persona", {"persona_name": "<b>bold</b>", "voice_description": "<script>x()"})
    page = client.get(HISTORY)
    assert "<b>bold</b>" in page.text("//main")
    assert not page.find("//main//b | //main//script")


def test_a_draft_outlives_the_putting_back_of_something_else(client: PageClient) -> None:
    walk(client, until="finish")
    save(client, "persona", {"persona_name": "Second"})
    client.submit(client.get(path_of("research")), {"competitors": "half a"}, "back")
    client.follow(put_back(client, client.get(HISTORY), 2))
    assert client.get(path_of("research")).form().values()["competitors"] == "half a"


def test_putting_back_over_a_draft_of_the_same_step_does_not_lose_it(client: PageClient) -> None:
    """Nothing that was typed is lost: the draft is merged, or a choice, once it is saved."""
    walk(client, until="finish")
    save(client, "persona", {"persona_name": "Second"})
    client.submit(client.get(path_of("persona")), {"voice_description": "Half a th"}, "later")
    client.follow(put_back(client, client.get(HISTORY), 2))
    page = client.get(path_of("persona"))
    assert page.form().values()["voice_description"] == "Half a th"
    client.submit(page, {}, "save")
    values = client.get(path_of("persona")).form().values()
    assert values["voice_description"] == "Half a th"
    assert values["persona_name"] == "The Clockmaker"
