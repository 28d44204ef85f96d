"""A persona's texts in the user's own words, its tone, and its sentences, through the pages."""

import json
from typing import Any

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import SAME_ORIGIN, again, count, path_of, same_browser, save, sql, walk
from tests.support.counting import count_statements
from tests.support.pages import Page, PageClient, text_of
from tests.support.site import SiteServer
from webapp import jobs

pytestmark = pytest.mark.usefixtures("no_politeness")

PERSONA = path_of("persona")
SUMMARY = "/onboarding/summary"
MINE = "I mend clocks; I do not rush them."


@pytest.fixture
def reading(make_app: MakeApp, any_url: str, site: SiteServer) -> Flask:
    """An application that may read the local site."""
    return make_app(any_url, FETCH_ALLOW=site.host_port)


@pytest.fixture
def reader(reading: Flask) -> PageClient:
    """Its pages."""
    return PageClient(reading)


def _work(app: Flask) -> None:
    with app.app_context():
        jobs.run_pending()


def _stored(app: Flask, column: str) -> Any:
    ((value,),) = sql(app, f"SELECT {column} FROM persona_data")  # noqa: S608 - our own names
    return json.loads(value) if isinstance(value, str) and value[:1] in "{[" else value


def _voice(app: Flask) -> str:
    return str(_stored(app, "core_persona")["identity"]["brand_voice_description"])


def _edit(client: PageClient, **texts: Any) -> Page:
    return client.submit(client.get(PERSONA), texts, "save")


def _shown_voice(page: Page) -> str:
    return str(page.form().values()["own_voice"]).replace("\r\n", "\n")


def _walk_with(client: PageClient, site: SiteServer, until: str = "") -> Page:
    return walk(client, until, {"website": {"has_website": "yes", "website_url": site.url()}})


def _sections_with_own_words(page: Page) -> int:
    return len(page.find("//*[contains(@class, 'mine')]"))


def test_before_a_persona_is_made_there_is_nothing_to_edit(any_client: PageClient) -> None:
    page = walk(any_client, until="persona")
    assert not page.find("//*[@id='own-words']")
    assert not page.find("//textarea[starts-with(@name, 'own_')]")


def test_every_text_is_offered_as_it_was_generated(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client, until="integrations")
    page = any_client.get(PERSONA)
    values = page.form().values()
    core, platforms = _stored(any_app, "core_persona"), _stored(any_app, "platform_personas")
    assert _shown_voice(page) == core["identity"]["brand_voice_description"]
    assert values["own_archetype"] == core["identity"]["archetype"]
    assert values["own_rules"].split("\r\n") == core["stylistic_constraints"]["rules"]
    for platform in ("linkedin", "blog"):
        made = platforms[platform]
        assert values[f"own_{platform}_advice"].split("\r\n") == made["platform_best_practices"]
        assert values[f"own_{platform}_dos"].split("\r\n") == made["dos"]
        assert values[f"own_{platform}_donts"].split("\r\n") == made["donts"]
    assert not page.find("//textarea[starts-with(@name, 'own_twitter')]")
    assert _sections_with_own_words(page) == 0


def test_a_save_that_leaves_the_texts_alone_makes_none_of_them_the_user_s(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    _edit(any_client, tone="Academic", selected_platforms=["medium", "blog"])
    assert _stored(any_app, "edits") is None
    assert "Academic" in _shown_voice(any_client.get(PERSONA))


def test_an_own_text_is_stored_beside_the_generated_one_and_shown_everywhere(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client)
    generated = _voice(any_app)
    _edit(any_client, own_voice=MINE, own_blog_donts="Never hurry.\r\nNever shout.")
    assert _voice(any_app) == generated
    edits = _stored(any_app, "edits")
    assert {name: edit["text"] for name, edit in edits.items()} == {
        "core_persona.identity.brand_voice_description": MINE,
        "platform_personas.blog.donts": "Never hurry.\nNever shout.",
    }
    page = any_client.get(PERSONA)
    assert _shown_voice(page) == MINE
    assert generated.split(".")[0] in page.text("//details[@class='made']")
    summary = any_client.get(SUMMARY)
    said = summary.text("//main")
    assert MINE in said
    assert "Never shout." in said
    assert generated not in said
    assert _sections_with_own_words(summary) == 2
    assert "The voice" in summary.text("//section[@id='persona']"), "the rows say what is edited"


def test_an_own_text_survives_regeneration_and_the_page_says_what_changed(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    before = _voice(any_app)
    _edit(any_client, own_voice=MINE)
    assert "has changed since" not in any_client.get(PERSONA).text("//main")
    _edit(any_client, tone="Technical")
    assert _voice(any_app) != before
    page = any_client.get(PERSONA)
    assert _shown_voice(page) == MINE
    assert "The generated text has changed since you wrote yours." in page.text("//main")
    assert "Technical" in page.text("//details[@class='made']")
    any_client.submit(page, {"own_voice": MINE + " Ever."}, "save")
    assert "has changed since" not in any_client.get(PERSONA).text("//main"), "written anew"
    assert _shown_voice(any_client.get(PERSONA)) == MINE + " Ever."


def test_an_analysis_that_ends_later_does_not_touch_own_texts(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    _walk_with(reader, site, until="integrations")
    _edit(reader, own_voice=MINE)
    early = _voice(reading)
    page = reader.get(PERSONA)
    _work(reading)
    assert _voice(reading) != early
    reader.submit(page, {}, "save")
    assert set(_stored(reading, "edits")) == {"core_persona.identity.brand_voice_description"}
    late = reader.get(PERSONA)
    assert _shown_voice(late) == MINE
    assert _shown_voice(late) != _voice(reading)


def test_a_page_from_before_a_regeneration_makes_no_text_the_user_s(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    """What was shown and came back unchanged is nobody's own text, whatever is generated by now."""
    _walk_with(reader, site, until="integrations")
    page = reader.get(PERSONA)
    early = _voice(reading)
    _work(reading)
    assert _voice(reading) != early
    reader.submit(page, {"persona_name": "The patient one"}, "save")
    assert _stored(reading, "edits") is None
    assert "The patient one" in _voice(reading)


@pytest.mark.parametrize("way", ["ticked", "emptied"])
def test_the_generated_text_can_be_had_back(
    any_client: PageClient, any_app: Flask, way: str
) -> None:
    walk(any_client, until="integrations")
    generated = _shown_voice(any_client.get(PERSONA))
    _edit(any_client, own_voice=MINE, own_archetype="The Clockwright")
    back: dict[str, Any] = {"own_voice-again": True} if way == "ticked" else {"own_voice": "  \r\n"}
    _edit(any_client, **back)
    page = any_client.get(PERSONA)
    assert _shown_voice(page) == generated
    assert page.form().values()["own_archetype"] == "The Clockwright", "the other one stays"
    assert set(_stored(any_app, "edits")) == {"core_persona.identity.archetype"}


def test_own_texts_of_a_platform_wait_for_its_return(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    _edit(any_client, own_linkedin_dos="Show a clock.")
    _edit(any_client, selected_platforms=["blog"])
    assert "Show a clock." not in any_client.get(PERSONA).text("//main")
    _edit(any_client, persona_name="Another")
    _edit(any_client, selected_platforms=["blog", "linkedin"])
    assert any_client.get(PERSONA).form().values()["own_linkedin_dos"] == "Show a clock."
    assert "Show a clock." not in str(_stored(any_app, "platform_personas"))


def test_a_text_that_is_too_long_is_refused_with_what_was_typed(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    long = "n" * 3001
    page = any_client.submit(any_client.get(PERSONA), {"own_voice": long}, "save", 422)
    assert "Shorten this by 1 character: 3,000 fit." in page.text("//main")
    assert page.find("//*[@id='error-summary']//a[@href='#own_voice']")
    assert page.find("//details[@id='own-words'][@open]"), "the error would be out of sight"
    assert _shown_voice(page) == long
    assert _stored(any_app, "edits") is None
    any_client.submit(page, {"own_voice": MINE}, "save")
    assert _shown_voice(any_client.get(PERSONA)) == MINE


@pytest.mark.parametrize("control", ["bell\x07", "half \x1b[31m"])
def test_a_character_that_cannot_be_stored_is_refused(any_client: PageClient, control: str) -> None:
    walk(any_client, until="integrations")
    page = any_client.get(PERSONA)
    assert "cannot be stored" in any_client.submit(page, {"own_rules": control}, "save", 422).source


def test_own_texts_are_kept_in_a_draft_and_unchanged_ones_are_not(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    any_client.submit(any_client.get(PERSONA), {}, "later")
    assert "not saved yet" not in any_client.get(PERSONA).text("//main")
    any_client.submit(any_client.get(PERSONA), {"own_voice": MINE, "tone": "Casual"}, "later")
    assert _stored(any_app, "edits") is None
    draft = any_client.get(PERSONA)
    assert "not saved yet" in draft.text("//main")
    assert _shown_voice(draft) == MINE
    any_client.submit(draft, {}, "save")
    assert _shown_voice(any_client.get(PERSONA)) == MINE
    any_client.submit(any_client.get(PERSONA), {"own_voice-again": True}, "later")
    draft = any_client.get(PERSONA)
    assert _shown_voice(draft) == _voice(any_app)
    any_client.submit(draft, {}, "save")
    assert _stored(any_app, "edits") is None


def test_a_post_that_says_nothing_of_the_texts_leaves_them_alone(
    any_client: PageClient, any_app: Flask
) -> None:
    """A client that knows the contract's five fields alone takes nothing away."""
    walk(any_client, until="integrations")
    _edit(any_client, own_voice=MINE)
    sent = any_client.get(PERSONA).form().filled({"persona_name": "By hand"}, "save")
    for name in [name for name in sent if name.startswith("own_")]:
        del sent[name]
    any_client.post(PERSONA, sent, 303, SAME_ORIGIN)
    assert _stored(any_app, "persona_name") == "By hand"
    assert _shown_voice(any_client.get(PERSONA)) == MINE


def test_two_windows_that_edit_different_texts_lose_neither(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    one, two = (any_client.get(PERSONA) for _ in range(2))
    any_client.submit(one, {"own_voice": MINE}, "save")
    any_client.submit(two, {"own_archetype": "The Clockwright"}, "save")
    values = any_client.get(PERSONA).form().values()
    assert (values["own_voice"], values["own_archetype"]) == (MINE, "The Clockwright")


def test_two_windows_that_edit_the_same_text_are_asked(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="integrations")
    one, two = (any_client.get(PERSONA) for _ in range(2))
    any_client.submit(one, {"own_voice": MINE}, "save")
    conflict = any_client.submit(two, {"own_voice": "I repair."}, "save", 409)
    shown = conflict.text("//*[@id='choose-own_voice']")
    assert MINE in shown
    assert "I repair." in shown
    any_client.submit(conflict, {"choose-own_voice": "typed"}, "save")
    assert _shown_voice(any_client.get(PERSONA)) == "I repair."


def test_the_same_save_twice_is_saved_once(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client, until="integrations")
    page = any_client.get(PERSONA)
    any_client.submit(page, {"own_voice": MINE}, "save")
    with count_statements(any_app) as cost:
        any_client.submit(page, {"own_voice": MINE}, "save")
    assert not [write for write in cost.writes if "persona_data" in write], cost


def test_an_expired_token_costs_no_own_text(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client, until="integrations")
    sent = any_client.get(PERSONA).form().filled({"own_voice": MINE}, "save")
    sent["csrf_token"] = "of yesterday"
    client = same_browser(any_client, any_app)
    page = client.post(PERSONA, sent, 400, SAME_ORIGIN)
    assert _shown_voice(page) == MINE
    client.submit(page, {}, "save")
    assert _shown_voice(client.get(PERSONA)) == MINE


def test_what_a_user_writes_is_shown_as_text(any_client: PageClient) -> None:
    walk(any_client)
    evil = "</textarea><script>alert(1)</script> {{ 7 * 7 }} %(name)s {0}"
    fields = ("own_voice", "own_archetype", "own_words", "own_rules", "own_blog_dos")
    _edit(any_client, **dict.fromkeys(fields, evil[:80]))
    for path in (PERSONA, SUMMARY, path_of("finish")):
        page = any_client.get(path)
        assert "<script>alert" not in page.source
    assert any_client.get(PERSONA).form().values()["own_voice"] == evil[:80]


def test_starting_again_leaves_no_own_text_behind(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client, until="integrations")
    _edit(any_client, own_voice=MINE)
    any_client.submit(any_client.get("/onboarding/reset"))
    assert count(any_app, "persona_data") == 0


def test_pages_with_own_texts_cost_no_statement_more(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client)
    _edit(any_client, own_voice=MINE)
    for path, limit in ((PERSONA, 1), (SUMMARY, 3)):
        with count_statements(any_app) as cost:
            any_client.get(path)
        assert len(cost) <= limit, cost


# -- the stated and the measured tone --------------------------------------------------------------


def _measured_tone(app: Flask) -> str:
    return str(_stored(app, "core_persona")["tone_agreement"]["measured"])


def _disagreeing(client: PageClient, app: Flask, site: SiteServer) -> tuple[Page, str, str]:
    """The persona step of somebody whose stated tone is not the measured one: page, stated,
    measured."""
    _walk_with(client, site)
    _work(app)
    measured = _measured_tone(app)
    stated = "Academic" if measured != "Academic" else "Casual"
    _edit(client, tone=stated)
    return client.get(PERSONA), stated, measured


def test_a_tone_that_differs_is_told_kindly_with_both_to_choose_from(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    page, stated, measured = _disagreeing(reader, reading, site)
    question = page.text("//*[@id='tone_choice']")
    assert "Both can be right" in question or "close to it" in question
    assert f"Keep my choice: {stated}" in question
    assert f"Take the measured tone: {measured}" in question
    assert page.form().values().getlist("tone_choice") == [], "nobody chose yet"
    assert sorted(page.form().options("tone_choice")) == sorted(["keep", measured])
    summary = reader.get(SUMMARY)
    assert summary.find("//a[contains(@href, '#tone_choice')]")
    assert f"Your pages read as {measured}." in summary.text("//section[@id='persona']")


def test_the_measured_tone_can_be_taken(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    page, _stated, measured = _disagreeing(reader, reading, site)
    reader.submit(page, {"tone_choice": measured}, "save")
    assert _stored(reading, "tone") == measured
    assert _stored(reading, "core_persona")["tonal_range"]["default_tone"] == measured
    after = reader.get(PERSONA)
    assert after.form().values()["tone"] == measured
    assert not after.find("//*[@id='tone_choice']")


def test_the_stated_tone_can_be_kept_and_is_not_asked_about_again(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    page, stated, measured = _disagreeing(reader, reading, site)
    reader.submit(page, {"tone_choice": "keep"}, "save")
    assert _stored(reading, "tone") == stated
    assert _stored(reading, "tone_kept") == measured
    assert not reader.get(PERSONA).find("//*[@id='tone_choice']")
    assert not reader.get(SUMMARY).find("//a[contains(@href, '#tone_choice')]")


def test_a_save_without_an_answer_changes_no_tone_and_asks_on(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    page, stated, _measured = _disagreeing(reader, reading, site)
    reader.submit(page, {"persona_name": "Undecided"}, "save")
    assert _stored(reading, "tone") == stated
    assert reader.get(PERSONA).find("//*[@id='tone_choice']")


def test_tones_that_agree_are_no_question(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    _walk_with(reader, site)
    _work(reading)
    _edit(reader, tone=_measured_tone(reading))
    assert not reader.get(PERSONA).find("//*[@id='tone_choice']")


def test_a_tone_that_is_none_is_no_answer(any_client: PageClient, any_app: Flask) -> None:
    walk(any_client, until="integrations")
    sent = any_client.get(PERSONA).form().filled({}, "save")
    sent["tone_choice"] = "Shouting"
    any_client.post(PERSONA, sent, 303, SAME_ORIGIN)
    assert _stored(any_app, "tone") == "Conversational"


# -- real sentences beside the persona -------------------------------------------------------------


def _with_samples(app: Flask, *texts: str) -> None:
    ((url, measures),) = sql(app, "SELECT website_url, measures FROM website_analyses")
    known = json.loads(measures) if isinstance(measures, str) else measures
    assert isinstance(known, dict)
    known["sample_sentences"] = [{"text": text, "words": len(text.split())} for text in texts]
    sql(
        app,
        "UPDATE website_analyses SET measures = :m WHERE website_url = :u",
        m=json.dumps(known),
        u=url,
    )


def test_real_sentences_that_fit_and_that_break_the_persona_stand_side_by_side(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    _walk_with(reader, site)
    _work(reading)
    again(reader, reader.get(path_of("website")))
    _work(reading)
    long = " ".join(["dough"] * 40) + "."
    _with_samples(reading, "We fold the dough by hand, and you can watch us do it.", long)
    for path in (PERSONA, SUMMARY):
        page = reader.get(path)
        fits, breaks = page.find("//*[@class='side']")
        assert "We fold the dough by hand" in text_of(fits)
        assert "words of yours" in text_of(fits)
        assert long in text_of(breaks)
        assert "40 words" in text_of(breaks)


def test_a_sentence_of_a_site_is_shown_as_text(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    _walk_with(reader, site)
    _work(reading)
    _with_samples(reading, "<script>alert(1)</script> " + "dough " * 30)
    page = reader.get(PERSONA)
    assert "alert(1)" in page.text("//*[@class='sides']")
    assert "<script>alert" not in page.source


def test_without_a_measured_site_there_are_no_sentences(any_client: PageClient) -> None:
    walk(any_client)
    assert not any_client.get(PERSONA).find("//*[@class='sides']")
    assert not any_client.get(SUMMARY).find("//*[@class='sides']")


def test_a_site_gives_its_own_sentences(
    reader: PageClient, reading: Flask, site: SiteServer
) -> None:
    """From the fetched page to the preview, nothing put in by hand."""
    _walk_with(reader, site)
    _work(reading)
    shown = [text_of(one) for one in reader.get(PERSONA).find("//*[@class='example']//blockquote")]
    assert shown
    page = site.pages["/"]
    assert isinstance(page, tuple)
    body = " ".join(str(page[2]).replace("&#x27;", "'").split())
    for sentence in shown:
        assert sentence in body, "the site does not have this sentence"
    assert save(reader, "persona").status == 303
