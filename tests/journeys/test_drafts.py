"""Half-typed text: kept by the buttons and by the script, shown again, and never in the way."""

import json
from datetime import UTC, datetime

import pytest
import time_machine
from flask import Flask
from werkzeug.datastructures import MultiDict

from tests.journeys.walk import (
    ANSWERS,
    KEYS,
    SAME_ORIGIN,
    SLUGS,
    begin,
    count,
    messages,
    path_of,
    same_browser,
    save,
    sql,
    walk,
)
from tests.support.pages import Page, PageClient, Value

HALF: dict[str, dict[str, Value]] = {
    "website": {"business_description": "We rep", "industry": "cl"},
    "research": {"content_types": ["News"], "auto_research": None, "competitors": "not an addr"},
    "persona": {"persona_name": "The Cl", "tone": "Casual", "selected_platforms": ["medium"]},
    "integrations": {"platforms": ["wix"], "notify_email": "clock@"},
    "finish": {"first_declaration": "To show that\r\na stopped cl"},
}
NOT_SAVED = "not saved yet"


def type_for(client: PageClient, page: Page, changes: dict[str, Value], page_id: str = "") -> Page:
    """What the script sends after a pause in typing; `page_id` is the id of the page."""
    sent = page.form().filled(changes)
    sent.pop("action", None)
    for control in page.find("//form[@id='step-form']//input[@type='password']"):
        sent.pop(control.get("name"), None)
    if page_id:
        sent["page"] = page_id
    (form,) = page.find("//form[@id='step-form']")
    return keep(client, form.get("data-draft"), sent)


def keep(client: PageClient, path: str, sent: MultiDict[str, str]) -> Page:
    """Send a draft; the answer is 204, without a page."""
    kept = Page(path, client.flask.post(path, data=sent, headers=SAME_ORIGIN))
    assert (kept.status, kept.source) == (204, ""), f"{kept.status}\n{kept.source[:1000]}"
    return kept


def link_on(page: Page) -> str:
    """The resume link that a page shows, without the host."""
    (address,) = page.find("//main//a[contains(@href, '/onboarding/resume/')]/@href")
    return str(address).removeprefix("http://localhost")


def shows(page: Page, changes: dict[str, Value]) -> None:
    """The form holds what was typed."""
    values = page.form().values()
    for name, value in changes.items():
        expected = value if isinstance(value, list) else [value] if value else []
        found = values.getlist(name)
        assert found == expected or (not expected and found == [""]), name


def drafts(app: Flask) -> dict[object, object]:
    """Slug -> the draft that is kept."""
    rows = sql(app, "SELECT slug, draft FROM step_progress WHERE draft IS NOT NULL")
    return {slug: json.loads(d) if isinstance(d, str) else d for slug, d in rows}


# By the script, while somebody types.


@pytest.mark.parametrize("slug", list(HALF))
def test_what_is_being_typed_is_kept_unchecked_and_shown_again(
    any_client: PageClient, slug: str
) -> None:
    walk(any_client, until=slug)
    page = any_client.get(path_of(slug))
    type_for(any_client, page, HALF[slug])
    again = any_client.get(path_of(slug))
    shows(again, HALF[slug])
    (note,) = [text for text in messages(again) if NOT_SAVED in text]
    assert "UTC" in note, "it says when"
    assert ("action", "discard") in again.form().buttons()
    assert "Last saved" not in again.text("//form[@id='step-form']")


def test_the_answer_says_when_it_was_kept_and_nothing_else(client: PageClient, app: Flask) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, 42, tzinfo=UTC), tick=False):
        page = walk(client, until="website")
        kept = type_for(client, page, {"industry": "cl"})
        assert kept.headers["X-Draft"] == "2026-11-20T10:42:00+00:00"
        untouched = type_for(client, page, {})
        assert untouched.headers["X-Draft"] == "none"
        assert drafts(app) == {}


def test_the_page_tells_the_script_where_to_and_what_to_say(client: PageClient) -> None:
    page = walk(client, until="website")
    (form,) = page.find("//form[@id='step-form']")
    assert form.get("data-draft") == "/onboarding/website/draft"
    (status,) = page.find("//*[@id='draft-status']")
    assert status.get("data-saved") == "Draft saved {time}"
    assert status.get("role") == "status"
    assert status.text_content() == "", "quiet until there is something to say"
    assert page.find("//script[contains(@src, 'draft.js')]")
    assert not client.get("/onboarding/reset").find("//script[contains(@src, 'draft.js')]")


def test_each_pause_replaces_the_draft_before_it(client: PageClient, app: Flask) -> None:
    page = walk(client, until="website")
    for text in ("W", "We", "We rep", "We"):
        type_for(client, page, {"business_description": text})
    assert drafts(app)["website"]["business_description"] == "We"  # type: ignore[index]
    type_for(client, page, {})
    assert drafts(app) == {}, "all of it was taken out again"


def test_a_key_is_never_kept_even_if_a_script_sent_it(
    any_client: PageClient, any_app: Flask
) -> None:
    page = begin(any_client)
    sent = page.form().filled(ANSWERS["api-keys"])
    keep(any_client, "/onboarding/api-keys/draft", sent)
    any_client.submit(page, ANSWERS["api-keys"], "later")
    kept = repr(sql(any_app, "SELECT * FROM step_progress"))
    again = any_client.get(path_of("api-keys"))
    for key in KEYS.values():
        assert key not in kept
        assert key not in again.source


def test_a_draft_changes_no_answer_no_progress_and_no_revision(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    stored = sql(any_app, "SELECT * FROM persona_data")
    page = any_client.get(path_of("persona"))
    type_for(any_client, page, {"persona_name": "Half"})
    assert sql(any_app, "SELECT * FROM persona_data") == stored
    assert any_client.get("/onboarding/", 303).location == path_of("integrations")
    assert (
        any_client.get(path_of("persona")).form().values()["revision"]
        == (page.form().values()["revision"])
    )
    assert count(any_app, "step_history") == 4
    finish = any_client.follow(save(any_client, "integrations"))
    assert "The Clockmaker" in finish.text("//main"), "the review shows what is stored"


def test_a_draft_without_a_session_or_a_token_is_refused_and_opens_none(
    client: PageClient, app: Flask
) -> None:
    page = walk(client, until="website")
    sent = page.form().filled({"industry": "cl"})
    before = count(app, "onboarding_sessions")
    stranger = PageClient(app)
    stranger.post("/onboarding/website/draft", sent, 400, SAME_ORIGIN)
    assert stranger.get("/onboarding/").status == 200
    token = stranger.get("/onboarding/").form().values()["csrf_token"]
    stranger.post("/onboarding/website/draft", {"csrf_token": token}, 404, SAME_ORIGIN)
    assert count(app, "onboarding_sessions") == before
    client.post("/onboarding/nothing/draft", sent, 404, SAME_ORIGIN)
    assert drafts(app) == {}


def test_a_refused_draft_never_sends_typed_values_back(client: PageClient) -> None:
    page = walk(client, until="website")
    sent = page.form().filled({"industry": "Half a secret"})
    sent["csrf_token"] = "of yesterday"
    for headers in ({}, SAME_ORIGIN):
        refused = client.post("/onboarding/website/draft", sent, 400, headers)
        assert "Half a secret" not in refused.source


# By the buttons, JavaScript or not.


@pytest.mark.parametrize(("button", "leads_to"), [("back", "website"), ("later", "research")])
def test_back_and_later_keep_what_was_typed(
    any_client: PageClient, button: str, leads_to: str
) -> None:
    page = walk(any_client, until="research")
    left = any_client.submit(page, HALF["research"], button)
    assert left.location == path_of(leads_to)
    any_client.follow(left)
    shows(any_client.get(path_of("research")), HALF["research"])


def test_a_draft_follows_the_session_to_another_device(any_client: PageClient) -> None:
    page = walk(any_client, until="persona")
    type_for(any_client, page, HALF["persona"])
    shows(any_client.get(path_of("persona")), HALF["persona"])
    link = any_client.submit(page, {}, status=200, form="resume-link")
    phone = PageClient(any_client.flask.application)
    opened = phone.submit(phone.get(link_on(link)))
    shows(phone.follow(opened), HALF["persona"])


def test_a_draft_outlives_the_process(any_client: PageClient, any_app: Flask) -> None:
    page = walk(any_client, until="persona")
    type_for(any_client, page, HALF["persona"])
    shows(same_browser(any_client, any_app).get(path_of("persona")), HALF["persona"])


def test_discarding_brings_back_what_is_stored(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client, until="integrations")
    page = any_client.get(path_of("persona"))
    type_for(any_client, page, HALF["persona"])
    again = any_client.get(path_of("persona"))
    any_client.follow(any_client.submit(again, {}, "discard"))
    fresh = any_client.get(path_of("persona"))
    assert fresh.form().values()["persona_name"] == "The Clockmaker"
    assert not [text for text in messages(fresh) if NOT_SAVED in text]
    assert ("action", "discard") not in fresh.form().buttons()
    assert drafts(any_app) == {}


def test_discarding_before_the_first_save_brings_back_the_empty_form(client: PageClient) -> None:
    page = walk(client, until="website")
    type_for(client, page, HALF["website"])
    client.submit(client.get(path_of("website")), {}, "discard")
    assert client.get(path_of("website")).form().values()["business_description"] == ""


def test_discarding_drops_what_was_typed_since(client: PageClient, app: Flask) -> None:
    page = walk(client, until="website")
    type_for(client, page, HALF["website"])
    again = client.get(path_of("website"))
    client.submit(again, {"industry": "typed after the draft"}, "discard")
    assert drafts(app) == {}


@pytest.mark.parametrize("slug", list(HALF))
def test_saving_the_step_removes_the_draft(client: PageClient, app: Flask, slug: str) -> None:
    page = walk(client, until=slug)
    type_for(client, page, HALF[slug])
    assert set(drafts(app)) == {slug}
    save(client, slug)
    assert drafts(app) == {}
    assert not [text for text in messages(client.get(path_of(slug))) if NOT_SAVED in text]


def test_saving_another_step_leaves_the_draft(client: PageClient) -> None:
    walk(client, until="integrations")
    type_for(client, client.get(path_of("persona")), HALF["persona"])
    save(client, "research", {"research_depth": "Basic"})
    shows(client.get(path_of("persona")), HALF["persona"])


def test_a_refused_save_leaves_the_draft(client: PageClient) -> None:
    page = walk(client, until="persona")
    type_for(client, page, HALF["persona"])
    client.submit(page, {"persona_name": ""}, "save", 422)
    shows(client.get(path_of("persona")), HALF["persona"])


def test_saving_just_what_is_stored_removes_the_draft_too(client: PageClient, app: Flask) -> None:
    """ "The same values are saved already" must not leave the words "not saved yet" behind."""
    walk(client, until="integrations")
    type_for(client, client.get(path_of("persona")), HALF["persona"])
    save(client, "persona")
    assert drafts(app) == {}


# A draft that comes too late.


def test_a_draft_of_the_page_that_saved_is_dropped(any_client: PageClient, any_app: Flask) -> None:
    """It was sent on leaving the page, and lands after the save that it precedes."""
    page = walk(any_client, until="persona")
    sent = page.form().filled(ANSWERS["persona"], "save")
    sent["page"] = "page-one"
    any_client.post(path_of("persona"), sent, 303, SAME_ORIGIN)
    late = type_for(any_client, page, {"persona_name": "The Clockma"}, "page-one")
    assert late.headers["X-Draft"] == "none"
    assert drafts(any_app) == {}


def test_a_draft_of_another_page_after_the_save_is_kept(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="persona")
    one, two = (any_client.get(path_of("persona")) for _ in range(2))
    sent = one.form().filled(ANSWERS["persona"], "save")
    sent["page"] = "page-one"
    any_client.post(path_of("persona"), sent, 303, SAME_ORIGIN)
    type_for(any_client, two, {"persona_name": "Typed in the other tab"}, "page-two")
    assert set(drafts(any_app)) == {"persona"}


def test_a_page_without_a_script_has_no_id_and_its_drafts_are_kept(
    client: PageClient, app: Flask
) -> None:
    walk(client, until="integrations")
    page = client.get(path_of("persona"))
    client.submit(page, {"persona_name": "Half"}, "back")
    assert set(drafts(app)) == {"persona"}


# A draft of an older revision.


def test_a_draft_of_an_older_revision_is_merged_when_it_is_saved(any_client: PageClient) -> None:
    walk(any_client, until="integrations")
    old = any_client.get(path_of("persona"))
    save(any_client, "persona", {"tone": "Technical"})
    type_for(any_client, old, {"audience": "Typed in the old tab"})
    again = any_client.get(path_of("persona"))
    assert again.form().values()["revision"] == old.form().values()["revision"]
    saved = any_client.submit(again, {}, "save")
    assert any("Tone" in text for text in messages(any_client.follow(saved)))
    values = any_client.get(path_of("persona")).form().values()
    assert values["tone"] == "Technical", "what was saved meanwhile is not undone by the draft"
    assert values["audience"] == "Typed in the old tab"


def test_a_draft_of_an_older_revision_on_the_same_field_is_a_conflict(
    any_client: PageClient,
) -> None:
    walk(any_client, until="integrations")
    old = any_client.get(path_of("persona"))
    any_client.submit(old, {"persona_name": "From the draft"}, "later")
    phone = same_browser(any_client, any_client.flask.application)
    draft = any_client.get(path_of("persona"))
    newest = phone.get(path_of("persona")).form().filled({"persona_name": "From the phone"}, "save")
    phone.post(path_of("persona"), newest, 303, SAME_ORIGIN)
    conflict = any_client.submit(draft, {}, "save", 409)
    shown = conflict.text("//main")
    assert "From the draft" in shown
    assert "From the phone" in shown
    any_client.submit(conflict, {"choose-persona_name": "stored"}, "save")
    values = any_client.get(path_of("persona")).form().values()
    assert values["persona_name"] == "From the phone"


def test_a_draft_kept_before_a_save_elsewhere_and_shown_after_it_is_a_conflict(
    any_client: PageClient,
) -> None:
    """The old tab goes on typing after the other one has saved."""
    walk(any_client, until="integrations")
    old = any_client.get(path_of("persona"))
    save(any_client, "persona", {"persona_name": "Saved"})
    type_for(any_client, old, {"persona_name": "Typed later"})
    conflict = any_client.submit(any_client.get(path_of("persona")), {}, "save", 409)
    assert "Saved" in conflict.text("//main")
    assert "Typed later" in conflict.text("//main")


def test_a_draft_from_before_a_reset_saves_nothing_in_silence(
    any_client: PageClient, any_app: Flask
) -> None:
    page = walk(any_client, until="website")
    any_client.submit(any_client.get("/onboarding/reset"))
    save(any_client, "api-keys")
    sent = page.form().filled(HALF["website"])
    keep(any_client, "/onboarding/website/draft", sent)
    again = any_client.get(path_of("website"))
    changes = {"has_website": "no", "business_description": "We repair old clocks."}
    any_client.submit(again, changes, "save", 409)
    assert count(any_app, "website_answers") == 0


@pytest.mark.parametrize("button", ["later", "back"])
def test_a_tab_of_other_answers_leaves_no_draft_that_saves_in_silence(
    any_client: PageClient, any_app: Flask, button: str
) -> None:
    """A tab is still open on the answers that this browser had before it followed a link: what it
    holds may not slip into the other answers without a question."""
    walk(any_client, until="persona")
    old_tab = any_client.get(path_of("research"))

    other = PageClient(any_app)
    walk(other, until="persona")
    made = other.submit(other.get(path_of("persona")), {}, status=200, form="resume-link")
    any_client.follow(any_client.submit(any_client.get(link_on(made))))

    refused = any_client.submit(old_tab, {"research_depth": "Expert"}, button, 400)
    any_client.submit(refused, {}, button)
    page = any_client.get(path_of("research"))
    assert page.form().values()["research_depth"] == "Expert", "it is not lost either"
    conflict = any_client.submit(page, {}, "save", 409)
    assert "Comprehensive" in conflict.text("//main")
    depths = [row[0] for row in sql(any_app, "SELECT research_depth FROM research_preferences")]
    assert depths == ["Comprehensive", "Comprehensive"]


# After completion.


def test_a_completed_answer_keeps_drafts_too_and_stays_as_it_is(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client)
    page = any_client.get(path_of("persona"))
    type_for(any_client, page, {"persona_name": "Half a new na"})
    again = any_client.get(path_of("persona"))
    assert again.form().values()["persona_name"] == "Half a new na"
    assert ("action", "discard") in again.form().buttons()
    assert "Half a new na" not in any_client.get("/onboarding/summary").source
    assert sql(any_app, "SELECT persona_name FROM persona_data") == [("The Clockmaker",)]


def test_every_step_says_when_it_was_last_saved_beside_its_draft(client: PageClient) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 10, 42, tzinfo=UTC), tick=False) as clock:
        walk(client)
        clock.shift(3600)
        for slug in SLUGS[1:]:
            type_for(client, client.get(path_of(slug)), HALF[slug])
            page = client.get(path_of(slug))
            moments = page.find("//main//time/@datetime")
            assert "2026-11-20T10:42:00Z" in moments, "when it was saved"
            assert "2026-11-20T11:42:00Z" in moments, "when the draft was kept"
