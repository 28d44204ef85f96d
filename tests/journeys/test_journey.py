"""The whole journey over the pages: gate, resuming, drafts, completion, and what is in the way."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from tests.conftest import MakeApp
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
    same_browser,
    save,
    sql,
    walk,
    without_secrets,
    wrong_fields,
)
from tests.support.counting import dispose
from tests.support.pages import HOST, Page, PageClient
from webapp import extensions

# -- the gate and the resume point -----------------------------------------------------------------


@pytest.mark.parametrize("path", [*map(path_of, SLUGS), "/onboarding/summary", "/onboarding/reset"])
def test_without_a_session_every_page_leads_to_the_start_with_a_word(
    client: PageClient, path: str
) -> None:
    page = client.follow(client.get(path, 303))
    assert page.path == "/onboarding/"
    assert messages(page)


def test_each_step_opens_when_the_one_before_it_is_saved_and_not_sooner(
    any_client: PageClient,
) -> None:
    page = begin(any_client)
    for number, slug in enumerate(SLUGS):
        assert page.path == path_of(slug)
        for locked in SLUGS[number + 1 :]:
            answer = any_client.get(path_of(locked), 303)
            assert answer.location == path_of(slug)
            told = messages(any_client.follow(answer))
            assert any(TITLES[slug] in message for message in told), told
        sent_back = any_client.follow(any_client.get("/onboarding/summary", 303))
        assert sent_back.path == path_of(slug)
        assert any("summary is ready once" in message for message in messages(sent_back))
        for opened in SLUGS[: number + 1]:
            any_client.get(path_of(opened))
        page = any_client.follow(save(any_client, slug))
    assert page.path == "/onboarding/summary"


def test_a_post_to_a_locked_step_stores_no_answer(any_client: PageClient, any_app: Flask) -> None:
    page = begin(any_client)
    for slug in SLUGS[1:]:
        sent = {"csrf_token": page.form().values()["csrf_token"], "action": "save"}
        sent |= {name: value for name, value in ANSWERS[slug].items() if isinstance(value, str)}
        answer = any_client.post(path_of(slug), sent, 303, SAME_ORIGIN)
        assert answer.location == path_of("api-keys")
    for table in ("website_answers", "research_preferences", "persona_data", "kblocks"):
        assert count(any_app, table) == 0
    assert sql(any_app, "SELECT completed FROM onboarding_sessions")[0][0] in (0, False)


def test_after_every_step_a_new_process_resumes_at_the_next_one(
    make_app: MakeApp, any_url: str
) -> None:
    app = make_app(any_url)
    client = PageClient(app)
    begin(client)
    for slug, following in zip(SLUGS, (*SLUGS[1:], ""), strict=True):
        save(client, slug)
        expected = path_of(following) if following else "/onboarding/summary"
        assert same_browser(client, app).get("/onboarding/", 303).location == expected
        dispose(app)
        app = make_app(any_url)  # the server was restarted
        client = same_browser(client, app)
        page = client.follow(client.get("/onboarding/", 303))
        assert page.path == expected
        for done in SLUGS[: SLUGS.index(slug) + 1]:
            assert "Last saved" in client.get(path_of(done)).text("//main")


def test_begin_in_a_session_under_way_resumes_it(any_client: PageClient, any_app: Flask) -> None:
    page = walk(any_client, until="persona")
    token = page.form().values()["csrf_token"]
    again = any_client.post("/onboarding/start", {"csrf_token": token})
    assert again.location == path_of("persona")
    assert count(any_app, "onboarding_sessions") == 1
    assert count(any_app, "research_preferences") == 1


# -- skip, back, later, discard --------------------------------------------------------------------


def test_an_optional_step_can_be_skipped_and_answered_afterwards(
    any_client: PageClient, any_app: Flask
) -> None:
    page = walk(any_client, until="integrations")
    page = any_client.follow(any_client.submit(page, {"platforms": ["ghost"]}, "skip"))
    assert page.path == path_of("finish")
    assert "Skipped" in page.text("//*[@id='integrations']")
    assert count(any_app, "platform_integrations") == 0
    page = any_client.follow(save(any_client, "finish"))
    assert page.path == "/onboarding/summary"
    assert "Skipped" in page.text("//*[@id='integrations']")

    step = any_client.get(path_of("integrations"))
    assert step.form().values().getlist("platforms") == ["ghost"], "what was typed is the draft"
    answered = any_client.follow(any_client.submit(step, ANSWERS["integrations"], "save"))
    assert "WordPress" in answered.text("//*[@id='integrations']")
    assert "Skipped" not in answered.text("//*[@id='integrations']")


def test_skipping_what_was_saved_takes_the_answer_out_and_keeps_it_as_a_draft(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="finish")
    any_client.submit(any_client.get(path_of("integrations")), {}, "skip")
    assert count(any_app, "platform_integrations") == 0
    kept = any_client.get(path_of("integrations")).form().values()
    assert kept.getlist("platforms") == ["wordpress", "rss"]
    assert kept["notify_email"] == "clock@example.com"


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if slug != "integrations"])
def test_a_required_step_cannot_be_skipped(client: PageClient, app: Flask, slug: str) -> None:
    page = walk(client, until=slug)
    sent = page.form().filled({})
    sent["action"] = "skip"
    refused = client.post(path_of(slug), sent, 422, SAME_ORIGIN)
    assert "cannot be skipped" in refused.text("//main")
    rows = sql(app, "SELECT skipped_at FROM step_progress WHERE slug = :slug", slug=slug)
    assert rows == [(None,)]


@pytest.mark.parametrize(("action", "lands_on"), [("back", "research"), ("later", "persona")])
def test_leaving_a_step_keeps_what_was_typed_unchecked(
    any_client: PageClient, any_app: Flask, action: str, lands_on: str
) -> None:
    page = walk(any_client, until="persona")
    typed = {"persona_name": "n" * 200, "audience": "", "voice_description": "two\r\nlines"}
    left = any_client.follow(any_client.submit(page, typed, action))
    assert left.path == path_of(lands_on)
    assert count(any_app, "persona_data") == 0
    kept = any_client.follow(any_client.get("/onboarding/", 303))
    assert kept.path == path_of("persona")
    values = kept.form().values()
    assert {name: values[name] for name in typed} == typed
    assert "not saved yet" in kept.text("//main")
    assert ("action", "discard") in kept.form().buttons()
    if action == "later":
        assert any("Kept for later" in message for message in messages(left))

    gone = any_client.follow(any_client.submit(kept, {}, "discard"))
    assert gone.path == path_of("persona")
    assert gone.form().values()["persona_name"] != typed["persona_name"]
    assert "not saved yet" not in gone.text("//main")
    assert sql(any_app, "SELECT count(*) FROM step_progress WHERE draft_at IS NOT NULL") == [(0,)]


def test_a_draft_of_a_saved_step_leaves_what_is_stored_until_it_is_saved(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="finish")
    page = any_client.get(path_of("persona"))
    any_client.submit(page, {"persona_name": "Somebody else"}, "back")
    stored = "SELECT persona_name FROM persona_data"
    assert sql(any_app, stored) == [("The Clockmaker",)]
    assert "The Clockmaker" in any_client.get(path_of("finish")).text("//*[@id='persona']")
    draft = any_client.get(path_of("persona"))
    assert draft.form().values()["persona_name"] == "Somebody else"
    any_client.submit(draft, {}, "save")
    assert sql(any_app, stored) == [("Somebody else",)]
    assert "not saved yet" not in any_client.get(path_of("persona")).text("//main")


def test_leaving_a_step_unchanged_makes_no_draft(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client)
    sql(any_app, "UPDATE onboarding_sessions SET completed = false, completed_at = NULL")
    for slug in SLUGS[1:]:
        any_client.submit(any_client.get(path_of(slug)), {}, "back")
    drafts = sql(any_app, "SELECT slug FROM step_progress WHERE draft_at IS NOT NULL")
    assert drafts == []


@pytest.mark.parametrize("action", ["later", "save"])
def test_a_typed_key_is_never_part_of_a_draft(
    any_client: PageClient, any_app: Flask, action: str
) -> None:
    page = begin(any_client)
    if action == "later":
        kept = any_client.follow(any_client.submit(page, dict(KEYS), "later"))
        without_secrets(kept)
        assert kept.form().values()["openai"] == ""
        assert count(any_app, "api_keys") == 0
    else:
        any_client.flask.delete_cookie("onward")
        fresh = any_client.get("/onboarding/")
        sent = {**KEYS, "csrf_token": fresh.form().values()["csrf_token"], "action": "save"}
        any_client.follow(any_client.post(path_of("api-keys"), sent, 303, SAME_ORIGIN))
    drafts = sql(any_app, "SELECT draft FROM step_progress")
    assert not [key for key in KEYS.values() if key in json.dumps(drafts, default=str)]


# -- the review and the summary --------------------------------------------------------------------

SHOWN = {
    "api-keys": ["OpenAI", "Exa", KEYS["openai"][-4:], KEYS["exa"][-4:]],
    "website": [
        "We repair old clocks & teach others how.",
        "clockmaking",
        "Owners of clocks that stopped",
        "More clocks that run",
    ],
    "research": [
        "Comprehensive",
        "Blog posts",
        "Newsletters",
        "https://rival.example.com/",
        "https://other.example.org/shop",
        "Research before writing No",
        "Check facts Yes",
    ],
    "persona": [
        "The Clockmaker",
        "Conversational",
        "Owners of clocks that stopped",
        "Calm, exact, a little dry.",
        "LinkedIn",
        "Blog",
    ],
    "integrations": ["WordPress", "RSS or Atom feed", "clock@example.com"],
}

CAPABILITIES = {
    "AI content generation": True,
    "Style analysis": False,
    "AI research": True,
    "Content personalisation": True,
    "Persona generation": False,
    "Third-party integrations": True,
}


def test_the_review_shows_every_answer_with_links_that_change_it(any_client: PageClient) -> None:
    review = without_secrets(walk(any_client, until="finish"))
    for slug, answers in SHOWN.items():
        section = review.text(f"//section[@id='{slug}']")
        assert [answer for answer in answers if answer not in section] == []
        (link, *_) = review.find(f"//section[@id='{slug}']//a[@href='{path_of(slug)}']")
        assert link.text_content().startswith("Change")

    page = any_client.get(path_of("research"))
    changed = any_client.submit(page, {"research_depth": "Expert"}, "save")
    assert changed.location.split("#")[0] == path_of("finish"), "back where the change began"
    assert "Expert" in any_client.follow(changed).text("//section[@id='research']")


def test_the_summary_shows_every_answer_every_result_and_every_capability(
    any_client: PageClient,
) -> None:
    page = without_secrets(walk(any_client))
    for slug, answers in SHOWN.items():
        section = page.text(f"//section[@id='{slug}']")
        assert [answer for answer in answers if answer not in section] == []
        assert page.find(f"//section[@id='{slug}']//time[@datetime]"), "it says when it was saved"
    assert ANSWERS["finish"]["first_declaration"] in page.text("//figure")
    said = {
        str(item.xpath(".//b")[0].text_content()): "not yet" not in item.text_content()
        for item in page.find("//ul[@class='capabilities']/li")
    }
    assert said == CAPABILITIES
    text = page.text("//main")
    for words in (
        "At most 3,000 characters",
        "of 100 for what it rests on",
        "No writing was measured",
    ):
        assert words in text
    assert "••••" + KEYS["openai"][-4:] in text


def test_what_the_persona_speaks_on_stands_in_the_order_of_the_form(any_client: PageClient) -> None:
    page = walk(any_client)
    named = [str(h.text_content()).strip() for h in page.find("//h3[@class='platform-name']")]
    assert named == ["LinkedIn", "Blog"]


def test_finishing_makes_one_block_and_completes_the_session(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client)
    columns = "completed, completed_at, first_kblock_id, first_declaration"
    ((completed, completed_at, block_id, declaration),) = sql(
        any_app,
        f"SELECT {columns} FROM onboarding_sessions",  # noqa: S608 - our own names
    )
    assert completed
    assert completed_at
    blocks = sql(any_app, "SELECT id, layer, content, loss FROM kblocks")
    assert len(blocks) == 1
    assert blocks[0][:3] == (block_id, 1, declaration)
    assert declaration == ANSWERS["finish"]["first_declaration"]
    assert 0 <= float(str(blocks[0][3])) <= 1
    assert any_client.get("/onboarding/", 303).location == "/onboarding/summary"


def test_a_step_that_became_invalid_is_named_before_anything_is_completed(
    any_client: PageClient, any_app: Flask
) -> None:
    page = walk(any_client, until="finish")
    sql(any_app, "UPDATE persona_data SET persona_name = :long", long="n" * 80)
    sql(any_app, "UPDATE research_preferences SET content_types = '[]'")
    sql(any_app, "UPDATE persona_data SET tone = 'Shouting'")
    refused = any_client.submit(page, ANSWERS["finish"], "save", 422)
    assert refused.title.startswith("Error: ")
    links = [str(a.get("href")) for a in refused.find("//*[@role='alert']//li/a")]
    assert links == [path_of("research"), path_of("persona")]
    assert "Choose at least one kind of content." in refused.text("//*[@role='alert']")
    assert refused.form().values()["first_declaration"] == ANSWERS["finish"]["first_declaration"]
    assert count(any_app, "kblocks") == 0
    for slug in ("research", "persona"):
        any_client.submit(any_client.get(path_of(slug)), ANSWERS[slug], "save")
    done = any_client.follow(any_client.submit(refused, {}, "save"))
    assert done.path == "/onboarding/summary"


def test_a_key_that_is_gone_stands_in_the_way_of_completion(
    any_client: PageClient, any_app: Flask
) -> None:
    page = walk(any_client, until="finish")
    sql(any_app, "DELETE FROM api_keys WHERE provider = 'openai'")
    refused = any_client.submit(page, ANSWERS["finish"], "save", 422)
    links = [str(a.get("href")) for a in refused.find("//*[@role='alert']//li/a")]
    assert links == [path_of("api-keys")]
    assert count(any_app, "kblocks") == 0


def test_after_completion_every_answer_can_be_changed(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client)
    ((done_at,),) = sql(any_app, "SELECT completed_at FROM onboarding_sessions")
    changes = {
        "api-keys": {"mistral": "Mistral8Wander2Key", "remove": ["exa"]},
        "website": {"industry": "horology"},
        "research": {"research_depth": "Basic"},
        "persona": {"tone": "Academic"},
        "integrations": {"platforms": ["youtube"]},
        "finish": {"first_declaration": "To keep time, and to tell of it."},
    }
    for slug, change in changes.items():
        page = any_client.get(path_of(slug))
        assert [value for _, value in page.form().buttons()] == (
            ["save", "skip"] if slug == "integrations" else ["save"]
        )
        answer = any_client.submit(page, change, "save")
        assert answer.location.split("#")[0] == "/onboarding/summary"
    text = any_client.get("/onboarding/summary").text("//main")
    for words in ("Mistral", "horology", "Basic", "Academic", "YouTube", "To keep time"):
        assert words in text
    assert "••••" + KEYS["exa"][-4:] not in text
    ((after,),) = sql(any_app, "SELECT completed_at FROM onboarding_sessions")
    assert after == done_at
    assert sql(any_app, "SELECT content FROM kblocks") == [("To keep time, and to tell of it.",)]


def test_a_tab_that_was_open_before_completion_cannot_undo_it(
    any_client: PageClient, any_app: Flask
) -> None:
    review = walk(any_client, until="finish")
    tabs = {slug: any_client.get(path_of(slug)) for slug in SLUGS}
    any_client.submit(review, ANSWERS["finish"], "save")
    state = "SELECT completed, completed_at, first_kblock_id FROM onboarding_sessions"
    before, block = sql(any_app, state), sql(any_app, "SELECT id, content FROM kblocks")
    changes = {
        "website": {"industry": "watches"},
        "research": {"research_depth": "Basic"},
        "persona": {"tone": "Casual"},
        "integrations": {"platforms": []},
        "finish": {"first_declaration": "Something else"},
    }
    for slug, change in changes.items():
        conflict = any_client.submit(tabs[slug], change, "save", 409)
        assert conflict.heading == "This step was saved somewhere else meanwhile"
    any_client.submit(tabs["integrations"], {}, "skip", 409)
    refused = any_client.submit(
        tabs["api-keys"], {"openai": "sk-Another7Key2Of9Mine4"}, "save", 409
    )
    assert "sk-Another7Key2Of9Mine4" not in refused.source
    assert sql(any_app, state) == before
    assert sql(any_app, "SELECT id, content FROM kblocks") == block
    for slug in ("website", "persona"):
        any_client.submit(tabs[slug], changes[slug], "back")
    assert sql(any_app, state) == before
    assert any_client.get("/onboarding/", 303).location == "/onboarding/summary"


# -- reset, and other people -----------------------------------------------------------------------


@pytest.mark.parametrize("until", ["research", ""])
def test_starting_again_deletes_every_answer_and_voids_old_tabs(
    any_client: PageClient, any_app: Flask, until: str
) -> None:
    walk(any_client, until=until)
    old = any_client.get(path_of("website"))
    page = any_client.follow(any_client.submit(any_client.get("/onboarding/reset")))
    assert page.path == path_of("api-keys")
    assert any("Everything was deleted" in message for message in messages(page))
    for table in ("api_keys", "website_answers", "research_preferences", "persona_data",
                  "platform_integrations", "kblocks", "website_analyses", "jobs"):  # fmt: skip
        assert count(any_app, table) == 0, table
    assert count(any_app, "onboarding_sessions") == 1
    any_client.follow(save(any_client, "api-keys"))
    any_client.submit(old, {"industry": "watches"}, "save", 409)
    assert count(any_app, "website_answers") == 0


def test_two_people_never_see_each_other(any_app: Flask) -> None:
    ada, bert = PageClient(any_app), PageClient(any_app)
    walk(ada)
    theirs = {"persona": {"persona_name": "Bert’s own voice"}, "api-keys": {
        "openai": "sk-Bert1Keeps2This3Key", "exa": None}}  # fmt: skip
    page = walk(bert, "finish", theirs)
    assert "The Clockmaker" not in page.source
    assert KEYS["openai"][-4:] not in page.text("//section[@id='api-keys']")
    assert "Bert’s own voice" not in ada.get("/onboarding/summary").source
    bert.submit(bert.get("/onboarding/reset"))
    assert ada.get("/onboarding/summary").find("//section[@id='persona']//dd")
    assert count(any_app, "persona_data") == 1


def test_one_person_s_revision_saves_nothing_of_another(any_app: Flask) -> None:
    ada, bert = PageClient(any_app), PageClient(any_app)
    of_ada, of_bert = walk(ada, until="website"), walk(bert, until="website")
    sent = of_bert.form().filled(ANSWERS["website"], "save")
    sent["revision"] = of_ada.form().values()["revision"]
    bert.post(path_of("website"), sent, 409, SAME_ORIGIN)
    sent["revision"] = begin(PageClient(any_app)).form().values()["revision"]
    bert.post(path_of("website"), sent, 409, SAME_ORIGIN)
    assert count(any_app, "website_answers") == 0


@pytest.mark.parametrize("spoil", ["", "garbage", "cut", "changed", "signed elsewhere"])
def test_a_cookie_that_does_not_hold_is_no_session(
    any_client: PageClient, any_app: Flask, make_app: MakeApp, any_url: str, spoil: str
) -> None:
    walk(any_client, until="research")
    cookie = any_client.flask.get_cookie("onward")
    assert cookie is not None
    if spoil == "signed elsewhere":
        stranger = PageClient(make_app(any_url, SECRET_KEY="another key that signs, of somebody"))
        begin(stranger)
        cookie = stranger.flask.get_cookie("onward")
        assert cookie is not None
        value = cookie.value
    else:
        body, _, rest = cookie.value.partition(".")
        value = {"": "", "garbage": "x", "cut": cookie.value[:-4], "changed": f"{body}A.{rest}"}[
            spoil
        ]
    visitor = PageClient(any_app)
    visitor.flask.set_cookie("onward", value)
    assert visitor.get("/onboarding/").path == "/onboarding/"
    assert visitor.get(path_of("website"), 303).location == "/onboarding/"


def test_a_session_that_was_cleaned_up_leads_to_the_start(
    any_client: PageClient, any_app: Flask
) -> None:
    page = walk(any_client, until="website")
    sql(any_app, "DELETE FROM onboarding_sessions")
    start = any_client.follow(any_client.get(path_of("website"), 303))
    assert start.path == "/onboarding/"
    # What was still open in the browser is not lost either: it waits where it belongs.
    first = any_client.follow(any_client.submit(page, ANSWERS["website"], "save"))
    assert first.path == path_of("api-keys")
    assert any(TITLES["website"] in message for message in messages(first))
    reached = any_client.follow(save(any_client, "api-keys"))
    assert reached.path == path_of("website")
    values = reached.form().values()
    for name, answer in ANSWERS["website"].items():
        assert values[name] == answer
    assert any_client.follow(any_client.submit(reached, {}, "save")).path == path_of("research")
    assert count(any_app, "website_answers") == 1


@pytest.mark.parametrize("action", ["save", "back", "later"])
def test_a_post_without_a_session_opens_one_and_keeps_the_values(
    any_client: PageClient, any_app: Flask, action: str
) -> None:
    token = any_client.get("/onboarding/").form().values()["csrf_token"]
    sent = {"csrf_token": token, "action": action, **KEYS, "persona_name": "x"}
    first = any_client.follow(any_client.post(path_of("api-keys"), sent, 303, SAME_ORIGIN))
    without_secrets(first)
    assert count(any_app, "onboarding_sessions") == 1
    assert count(any_app, "api_keys") == 0
    assert messages(first)


# -- two versions of one answer --------------------------------------------------------------------


def test_the_same_values_twice_count_as_saved(any_client: PageClient, any_app: Flask) -> None:
    begin(any_client)
    for slug, following in zip(SLUGS, (*SLUGS[1:], ""), strict=True):
        page = any_client.get(path_of(slug))
        once = any_client.submit(page, ANSWERS[slug], "save")
        at = sql(any_app, "SELECT saved_at, revision FROM step_progress WHERE slug = :s", s=slug)
        twice = any_client.submit(page, ANSWERS[slug], "save")
        assert once.location == twice.location
        if following:
            assert twice.location == path_of(following)
        again = sql(any_app, "SELECT saved_at, revision FROM step_progress WHERE slug = :s", s=slug)
        assert again == at
    assert count(any_app, "kblocks") == 1
    assert count(any_app, "api_keys") == 2


def test_a_double_click_on_skip_counts_as_skipped(any_client: PageClient) -> None:
    page = walk(any_client, until="integrations")
    for _ in range(2):
        assert any_client.submit(page, {}, "skip").location == path_of("finish")


def test_two_tabs_meet_on_a_page_that_lets_choose_field_by_field(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="finish")
    one, two = (any_client.get(path_of("persona")) for _ in range(2))
    any_client.submit(
        one,
        {
            "persona_name": "From one",
            "tone": "Technical",
            "audience": "Of one",
            "selected_platforms": ["facebook"],
        },
        "save",
    )
    typed = {
        "persona_name": "From <two>",
        "tone": "Casual",
        "audience": "Of two",
        "selected_platforms": ["medium", "substack"],
    }
    conflict = any_client.submit(two, typed, "save", 409)
    assert sql(any_app, "SELECT persona_name, tone FROM persona_data") == [
        ("From one", "Technical")
    ]
    shown = conflict.text("//main")
    for words in (
        "From one",
        "From <two>",
        "Technical",
        "Casual",
        "Medium, Substack",
        "Facebook",
    ):
        assert words in shown
    choice = conflict.form()
    for name in ("persona_name", "tone", "audience", "selected_platforms"):
        assert sorted(choice.options(f"choose-{name}")) == ["stored", "typed"]
        assert choice.values()[f"choose-{name}"] == "typed"
    assert choice.options("choose-voice_description") == [], "both sides say the same"
    assert conflict.find(f"//main//a[@href='{path_of('persona')}']")

    chosen = {"choose-persona_name": "stored", "choose-tone": "typed", "choose-audience": "stored"}
    settled = any_client.submit(conflict, chosen, "save")
    assert settled.location == path_of("finish")
    row = sql(any_app, "SELECT persona_name, tone, audience, voice_description FROM persona_data")
    assert row == [("From one", "Casual", "Of one", "Calm, exact, a little dry.")]
    values = any_client.get(path_of("persona")).form().values()
    assert values.getlist("selected_platforms") == ["medium", "substack"]


def test_two_tabs_that_changed_different_fields_are_both_heard(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="finish")
    one, two = (any_client.get(path_of("persona")) for _ in range(2))
    any_client.submit(one, {"persona_name": "From one", "audience": "Of one"}, "save")
    merged = any_client.submit(two, {"tone": "Casual", "selected_platforms": ["medium"]}, "save")
    assert merged.location == path_of("finish")
    row = sql(any_app, "SELECT persona_name, audience, tone FROM persona_data")
    assert row == [("From one", "Of one", "Casual")]
    values = any_client.get(path_of("persona")).form().values()
    assert values.getlist("selected_platforms") == ["medium"]
    assert count(any_app, "persona_data") == 1


def test_what_two_tabs_say_together_is_checked_like_everything(
    any_client: PageClient, any_app: Flask
) -> None:
    """Each tab is right by itself: one has no website any more, the other no description."""
    site = {"has_website": "yes", "website_url": "clock.example"}
    walk(any_client, "finish", {"website": site})
    one, two = (any_client.get(path_of("website")) for _ in range(2))
    any_client.submit(one, {"business_description": ""}, "save")
    refused = any_client.submit(two, {"has_website": "no"}, "save", 422)
    assert wrong_fields(refused) == {"business_description"}
    assert sql(any_app, "SELECT has_website FROM website_answers")[0][0] in (1, True)


def test_a_choice_between_switches_and_lists_can_take_either_side(any_client: PageClient) -> None:
    """A form from before the completion has no base to merge on: every difference is a choice."""
    review = walk(any_client, until="finish")
    one, two = (any_client.get(path_of("research")) for _ in range(2))
    theirs = {
        "auto_research": True,
        "factual_content": None,
        "content_types": ["Academic Papers"],
        "competitors": "",
        "research_depth": "Expert",
    }
    any_client.submit(one, theirs, "save")
    any_client.submit(review, ANSWERS["finish"], "save")
    mine = {
        "content_types": ["News"],
        "competitors": "third.example.net",
        "research_depth": "Basic",
    }
    conflict = any_client.submit(two, mine, "save", 409)
    sides = {
        "auto_research": "stored",
        "factual_content": "typed",
        "content_types": "typed",
        "competitors": "stored",
        "research_depth": "stored",
    }
    any_client.submit(conflict, {f"choose-{n}": side for n, side in sides.items()}, "save")
    values = any_client.get(path_of("research")).form().values()
    assert values.getlist("auto_research") == ["y"]
    assert values.getlist("factual_content") == ["y"]
    assert values.getlist("content_types") == ["News"]
    assert values["competitors"] == ""
    assert values["research_depth"] == "Expert"


def test_what_is_chosen_on_the_conflict_page_is_checked_like_everything(
    any_client: PageClient, any_app: Flask
) -> None:
    """The value of a field that was chosen as typed may have been tampered with since."""
    walk(any_client, until="finish")
    one, two = (any_client.get(path_of("persona")) for _ in range(2))
    any_client.submit(one, {"persona_name": "One"}, "save")
    conflict = any_client.submit(two, {"persona_name": "Two"}, "save", 409)
    sent = conflict.form().filled({}, "save")
    sent["typed-persona_name"] = "n" * 81
    refused = any_client.post(path_of("persona"), sent, 422, SAME_ORIGIN)
    assert refused.form().values()["persona_name"] == "n" * 81
    assert sql(any_app, "SELECT persona_name FROM persona_data") == [("One",)]


def test_a_third_save_while_somebody_chooses_is_a_conflict_again(any_client: PageClient) -> None:
    walk(any_client, until="finish")
    tabs = [any_client.get(path_of("persona")) for _ in range(3)]
    any_client.submit(tabs[0], {"persona_name": "First"}, "save")
    conflict = any_client.submit(tabs[1], {"persona_name": "Second"}, "save", 409)
    newest = any_client.get(path_of("persona"))
    any_client.submit(newest, {"persona_name": "Third"}, "save")
    again = any_client.submit(conflict, {"choose-persona_name": "typed"}, "save", 409)
    assert "Third" in again.text("//main")
    assert "Second" in again.text("//main")
    any_client.submit(again, {"choose-persona_name": "typed"}, "save")
    assert any_client.get(path_of("persona")).form().values()["persona_name"] == "Second"


def test_keys_in_two_tabs_conflict_without_showing_one(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="website")
    one, two = (any_client.get(path_of("api-keys")) for _ in range(2))
    any_client.submit(one, {"mistral": "Mistral8Wander2Key"}, "save")
    conflict = any_client.submit(
        two, {"mistral": "Mistral9Other1Key3", "exa": KEYS["exa"]}, "save", 409
    )
    without_secrets(conflict)
    assert "Mistral9Other1Key3" not in conflict.source
    assert "Mistral8Wander2Key" not in conflict.source
    any_client.submit(conflict, {}, "save")
    assert count(any_app, "api_keys") == 3


# -- a token that has run out ----------------------------------------------------------------------


def test_an_expired_token_brings_the_form_back_and_one_click_saves(
    any_client: PageClient, any_app: Flask
) -> None:
    page = begin(any_client)
    for slug, following in zip(SLUGS, (*SLUGS[1:], "summary"), strict=True):
        sent = page.form().filled(ANSWERS[slug], "save")
        sent["csrf_token"] = "of yesterday"
        before = sql(any_app, "SELECT revision FROM onboarding_sessions")
        back = without_secrets(any_client.post(path_of(slug), sent, 400, SAME_ORIGIN))
        assert sql(any_app, "SELECT revision FROM onboarding_sessions") == before
        assert back.heading == TITLES[slug]
        assert any("open for too long" in message for message in messages(back))
        assert "Try again" in back.text("//form[@id='step-form']//button[@value='save']")
        values = back.form().values()
        assert values["revision"] == sent["revision"]
        if slug == "api-keys":
            assert values["openai"] == ""
            assert "was not sent back" in back.text("//main")
            saved = any_client.submit(back, ANSWERS[slug], "save")
        else:
            for name in ANSWERS[slug]:
                assert values.getlist(name) == sent.getlist(name)
            saved = any_client.submit(back, {}, "save")
        assert saved.location == path_of(following)
        page = any_client.follow(saved)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": f"http://{HOST}"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_values_are_given_back_to_our_own_pages_alone(
    client: PageClient, headers: dict[str, str]
) -> None:
    page = walk(client, until="website")
    sent = page.form().filled({"industry": "Written by somebody else"})
    sent["csrf_token"] = "guessed"
    refused = client.post(path_of("website"), sent, 400, headers)
    assert "Written by somebody else" not in refused.source
    assert not refused.find("//form[@id='step-form']")


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{HOST}"}]
)
def test_either_header_of_a_browser_is_enough(client: PageClient, headers: dict[str, str]) -> None:
    page = walk(client, until="website")
    sent = page.form().filled({"industry": "Written by me"})
    del sent["csrf_token"]
    back = client.post(path_of("website"), sent, 400, headers)
    assert back.form().values()["industry"] == "Written by me"


def test_a_lost_cookie_costs_nothing_that_was_typed(any_client: PageClient, any_app: Flask) -> None:
    page = walk(any_client, until="website")
    sent = page.form().filled(ANSWERS["website"], "save")
    any_client.flask.delete_cookie("onward")
    back = any_client.post(path_of("website"), sent, 400, SAME_ORIGIN)
    assert back.form().values()["industry"] == "clockmaking"
    assert count(any_app, "onboarding_sessions") == 1
    first = any_client.follow(any_client.submit(back, {}, "save"))
    assert first.path == path_of("api-keys")
    assert any(TITLES["website"] in message for message in messages(first))
    reached = any_client.follow(save(any_client, "api-keys"))
    assert reached.path == path_of("website")
    assert (
        reached.form().values()["business_description"]
        == ANSWERS["website"]["business_description"]
    )


def test_an_expired_token_on_the_conflict_page_keeps_the_choice(any_client: PageClient) -> None:
    walk(any_client, until="finish")
    one, two = (any_client.get(path_of("persona")) for _ in range(2))
    any_client.submit(one, {"persona_name": "From one", "tone": "Technical"}, "save")
    conflict = any_client.submit(two, {"persona_name": "From two", "tone": "Casual"}, "save", 409)
    sent = conflict.form().filled({"choose-tone": "stored"}, "save")
    sent["csrf_token"] = "of yesterday"
    back = any_client.post(path_of("persona"), sent, 400, SAME_ORIGIN)
    assert back.form().values()["persona_name"] == "From two"
    assert back.form().values()["tone"] == "Technical"
    assert any_client.submit(back, {}, "save").location == path_of("finish")
    values = any_client.get(path_of("persona")).form().values()
    assert (values["persona_name"], values["tone"]) == ("From two", "Technical")


# -- a database that does not answer ---------------------------------------------------------------


@contextmanager
def _locked(app: Flask, url: str) -> Iterator[None]:
    """Somebody holds the lock that every save needs."""
    dispose(app)
    engine = create_engine(make_url(url).set(drivername=_driver(url)))
    with engine.connect() as other:
        if url.startswith("sqlite"):
            other.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            other.exec_driver_sql("LOCK TABLE onboarding_sessions IN EXCLUSIVE MODE")
        yield
        other.rollback()
    engine.dispose()


def _driver(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"


@contextmanager
def _gone(app: Flask, url: str) -> Iterator[None]:
    """The database lets nobody in, and those who were in are thrown out."""
    if url.startswith("sqlite"):
        dispose(app)
        path = Path(urlsplit(url).path)
        hidden = path.with_suffix(".away")
        path.rename(hidden)
        path.mkdir()  # what cannot be opened as a file
        try:
            yield
        finally:
            path.rmdir()
            hidden.rename(path)
        return
    parts = urlsplit(url)
    server, name = parse_qs(parts.query)["host"][0], parts.path.strip("/")
    control = psycopg.connect(f"postgresql://postgres@/postgres?host={server}", autocommit=True)
    with control:
        control.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        control.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            control.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


@pytest.mark.parametrize(
    ("outage", "slug"),
    [(_locked, "api-keys"), (_locked, "website"), *[(_gone, slug) for slug in SLUGS]],
)
def test_a_database_that_does_not_answer_costs_nothing_that_was_typed(
    make_app: MakeApp,
    any_url: str,
    monkeypatch: pytest.MonkeyPatch,
    outage: Callable[[Flask, str], AbstractContextManager[None]],
    slug: str,
) -> None:
    monkeypatch.setattr(extensions, "BUSY_SECONDS", 1)
    app = make_app(any_url)
    client = PageClient(app)
    page = walk(client, until=slug)
    began = time.monotonic()
    with outage(app, any_url):
        refused = without_secrets(client.submit(page, ANSWERS[slug], "save", 503))
        assert time.monotonic() - began < 6
        if outage is _gone:
            away = client.get(path_of(slug), 503)
            assert away.headers["Retry-After"].isdigit()
            assert client.flask.get("/readyz").status_code == 503
            assert client.flask.get("/healthz").status_code == 200
    assert refused.headers["Retry-After"].isdigit()
    assert refused.heading == TITLES[slug]
    assert any("do not know that this is saved" in message for message in messages(refused))
    values, sent = refused.form().values(), page.form().filled(ANSWERS[slug])
    if slug == "api-keys":
        assert values["openai"] == ""
    else:
        for name in ANSWERS[slug]:
            assert values.getlist(name) == sent.getlist(name)
    again = ANSWERS[slug] if slug == "api-keys" else {}
    saved = client.submit(refused, again, "save")
    following = [*map(path_of, SLUGS), "/onboarding/summary"][SLUGS.index(slug) + 1]
    assert saved.location == following
    client.follow(saved)


def test_typed_values_go_to_our_own_pages_alone_in_an_outage_too(
    make_app: MakeApp, any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "BUSY_SECONDS", 1)
    app = make_app(any_url)
    client = PageClient(app)
    sent = walk(client, until="website").form().filled({"industry": "Written by somebody else"})
    with _gone(app, any_url):
        refused = client.post(path_of("website"), sent, 503, {"Sec-Fetch-Site": "cross-site"})
    assert "Written by somebody else" not in refused.source


def test_an_outage_while_somebody_chooses_between_two_versions_keeps_the_choice_open(
    make_app: MakeApp, any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "BUSY_SECONDS", 1)
    app = make_app(any_url)
    client = PageClient(app)
    walk(client, until="finish")
    one, two = (client.get(path_of("persona")) for _ in range(2))
    client.submit(one, {"persona_name": "From one"}, "save")
    conflict = client.submit(two, {"persona_name": "From two"}, "save", 409)
    with _gone(app, any_url):
        refused = client.submit(conflict, {}, "save", 503)
    assert "From two" in refused.source
    assert refused.form().values()["persona_name"] == "From two"


@pytest.mark.parametrize(
    "path", ["/onboarding/", "/onboarding/summary", "/onboarding/website/analysis"]
)
def test_a_page_that_cannot_be_read_tries_again_by_itself(
    make_app: MakeApp, any_url: str, path: str
) -> None:
    app = make_app(any_url)
    client = PageClient(app)
    walk(client)
    with _gone(app, any_url):
        page = client.get(path, 503)
    assert page.find("//noscript/meta[@http-equiv='refresh']")
    assert page.headers["Retry-After"].isdigit()
    client.get(path, 303 if path == "/onboarding/" else 200)


# -- many at once ----------------------------------------------------------------------------------


def test_two_tabs_that_save_at_the_same_moment_store_one_and_show_the_other(
    make_app: MakeApp, any_url: str
) -> None:
    app = make_app(any_url)
    client = PageClient(app)
    walk(client, until="persona")
    page = client.get(path_of("research"))
    tabs = [same_browser(client, app) for _ in range(4)]
    depths = ["Basic", "Standard", "Expert", "Basic"]
    answers: list[Page] = []
    start = threading.Barrier(len(tabs))

    def press(tab: PageClient, depth: str) -> None:
        sent = page.form().filled({"research_depth": depth}, "save")
        start.wait()
        response = tab.flask.post(path_of("research"), data=sent, headers=SAME_ORIGIN)
        answers.append(Page(path_of("research"), response))

    threads = [threading.Thread(target=press, args=pair) for pair in zip(tabs, depths, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status for answer in answers)
    assert set(statuses) == {303, 409}
    ((stored,),) = sql(app, "SELECT research_depth FROM research_preferences")
    assert statuses.count(303) == depths.count(str(stored))
