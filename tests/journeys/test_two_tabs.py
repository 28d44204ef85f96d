"""Two tabs of one person: what they are told, and what is stored in the end."""

import re

import pytest
import time_machine
from flask import Flask

from tests.journeys.walk import (
    ANSWERS,
    KEYS,
    SAME_ORIGIN,
    TITLES,
    count,
    messages,
    path_of,
    save,
    sql,
    walk,
    without_secrets,
    wrong_fields,
)
from tests.support.pages import Page, PageClient, Value
from webapp.operators import cleanup
from webapp.wizard import history

CONFLICT = "This step was saved somewhere else meanwhile"


def open_tabs(client: PageClient, slug: str, how_many: int = 2) -> list[Page]:
    """So many tabs, opened at the same moment."""
    return [client.get(path_of(slug)) for _ in range(how_many)]


def choices(conflict: Page) -> dict[str, str]:
    """Field -> the side that is preselected, for the fields that there is a choice of."""
    assert conflict.heading == CONFLICT
    values = conflict.form().values()
    names = conflict.find("//main//input[@type='radio'][starts-with(@name, 'choose-')]/@name")
    return {str(name).removeprefix("choose-"): values[str(name)] for name in names}


def sides(conflict: Page, name: str) -> dict[str, str]:
    """What the two sides of a field say: `typed` and `stored`."""
    found = {}
    for side in ("typed", "stored"):
        (label,) = conflict.find(f"//label[@for='choose-{name}-{side}']")
        found[side] = label.xpath(".//*[contains(@class, 'as-typed')]")[0].text_content().strip()
    return found


# Different fields: merged, and said.


def test_a_merge_is_said_with_the_names_of_what_came_from_elsewhere(
    any_client: PageClient,
) -> None:
    walk(any_client, until="integrations")
    one, two = open_tabs(any_client, "persona")
    any_client.submit(one, {"persona_name": "From one", "selected_platforms": ["medium"]}, "save")
    saved = any_client.submit(two, {"tone": "Casual"}, "save")
    (said,) = [text for text in messages(any_client.follow(saved)) if "another window" in text]
    assert "Name of the persona" in said
    assert "Where will the texts appear?" in said
    assert "Tone" not in said, "that was typed here"


def test_an_ordinary_save_speaks_of_no_other_window(any_client: PageClient) -> None:
    walk(any_client, until="integrations")
    saved = save(any_client, "persona", {"tone": "Casual"})
    assert not [text for text in messages(any_client.follow(saved)) if "another window" in text]


def test_lists_and_checkboxes_of_two_tabs_are_merged(any_client: PageClient, app: Flask) -> None:
    walk(any_client, until="persona")
    one, two = open_tabs(any_client, "research")
    any_client.submit(one, {"content_types": ["News"], "auto_research": True}, "save")
    any_client.submit(two, {"factual_content": None, "competitors": ""}, "save")
    values = any_client.get(path_of("research")).form().values()
    assert values.getlist("content_types") == ["News"]
    assert values.getlist("auto_research") == ["y"]
    assert values.getlist("factual_content") == []
    assert values["competitors"] == ""


def test_two_tabs_before_the_first_save_are_merged(any_client: PageClient) -> None:
    walk(any_client, until="website")
    one, two = open_tabs(any_client, "website")
    text = {"has_website": "no", "business_description": "We repair old clocks."}
    any_client.submit(one, {**text, "industry": "clockmaking"}, "save")
    saved = any_client.submit(two, {**text, "business_goals": "More clocks that run"}, "save")
    assert any("Industry" in text for text in messages(any_client.follow(saved)))
    values = any_client.get(path_of("website")).form().values()
    assert values["industry"] == "clockmaking"
    assert values["business_goals"] == "More clocks that run"


def test_a_merged_form_that_does_not_hold_comes_back_with_both_sides(
    any_client: PageClient, any_app: Flask
) -> None:
    """Each tab was right by itself. The form that comes back holds what both said, and is made on
    the newest revision: mending it is one save."""
    site = {"has_website": "yes", "website_url": "clock.example"}
    walk(any_client, "finish", {"website": site})
    one, two = open_tabs(any_client, "website")
    any_client.submit(one, {"business_description": "", "industry": "From one"}, "save")
    typed = {"has_website": "no", "business_goals": "From two"}
    refused = any_client.submit(two, typed, "save", 422)
    assert wrong_fields(refused) == {"business_description"}
    assert any("another window" in text for text in messages(refused))
    values = refused.form().values()
    assert values["industry"] == "From one"
    assert values["business_goals"] == "From two"
    assert values["has_website"] == "no"
    assert sql(any_app, "SELECT industry, business_goals FROM website_answers") == [
        ("From one", ANSWERS["website"]["business_goals"])
    ]
    mended = {"business_description": "We repair old clocks."}
    assert any_client.submit(refused, mended, "save").location == path_of("finish")
    row = sql(any_app, "SELECT industry, business_goals, business_description FROM website_answers")
    assert row == [("From one", "From two", "We repair old clocks.")]


def test_a_refused_form_of_an_old_tab_keeps_its_old_revision(client: PageClient) -> None:
    """What is wrong is mended first; the other tab's save is met afterwards."""
    walk(client, until="finish")
    one, two = open_tabs(client, "persona")
    client.submit(one, {"persona_name": "From one"}, "save")
    refused = client.submit(two, {"persona_name": "From two", "audience": ""}, "save", 422)
    conflict = client.submit(refused, {"audience": "Readers"}, "save", 409)
    assert sides(conflict, "persona_name") == {"typed": "From two", "stored": "From one"}


# The same field: a page to choose on.


def test_the_page_shows_both_values_of_each_field_and_when_the_stored_ones_were_saved(
    any_client: PageClient,
) -> None:
    with time_machine.travel("2026-11-20T10:42:30Z", tick=False) as clock:
        walk(any_client, until="finish")
        one, two = open_tabs(any_client, "persona")
        clock.shift(60)
        theirs: dict[str, Value] = {
            "persona_name": "Theirs",
            "tone": "Technical",
            "selected_platforms": ["medium"],
        }
        any_client.submit(one, theirs, "save")
        clock.shift(3600)
        mine = {"persona_name": "Mine", "audience": "Mine alone", "voice_description": ""}
        conflict = any_client.submit(two, mine, "save", 409)
    assert sides(conflict, "persona_name") == {"typed": "Mine", "stored": "Theirs"}
    assert sides(conflict, "tone") == {"typed": "Conversational", "stored": "Technical"}
    assert sides(conflict, "selected_platforms") == {"typed": "LinkedIn, Blog", "stored": "Medium"}
    assert sides(conflict, "voice_description") == {
        "typed": "Nothing",
        "stored": "Calm, exact, a little dry.",
    }
    moments = conflict.find("//main//time/@datetime")
    assert "2026-11-20T10:43:30Z" in moments, "when what is stored was saved"
    assert "20 November 2026, 10:43 UTC" in conflict.text("//main")


def test_each_field_preselects_the_side_that_changed_it(any_client: PageClient) -> None:
    walk(any_client, until="finish")
    one, two = open_tabs(any_client, "persona")
    any_client.submit(one, {"persona_name": "Theirs", "tone": "Technical"}, "save")
    mine = {"persona_name": "Mine", "audience": "Mine alone"}
    conflict = any_client.submit(two, mine, "save", 409)
    assert choices(conflict) == {"persona_name": "typed", "tone": "stored", "audience": "typed"}
    any_client.submit(conflict, {}, "save")
    values = any_client.get(path_of("persona")).form().values()
    assert (values["persona_name"], values["tone"]) == ("Mine", "Technical")
    assert values["audience"] == "Mine alone"


def test_every_combination_of_sides_is_stored_as_chosen(client: PageClient) -> None:
    walk(client, until="finish")
    typed: dict[str, Value] = {
        "persona_name": "Mine", "tone": "Casual", "selected_platforms": ["substack"],
    }  # fmt: skip
    stored: dict[str, Value] = {
        "persona_name": "Theirs", "tone": "Technical", "selected_platforms": ["medium"],
    }  # fmt: skip
    for number in range(8):
        client.submit(client.get(path_of("persona")), ANSWERS["persona"], "save")
        one, two = open_tabs(client, "persona")
        client.submit(one, stored, "save")
        conflict = client.submit(two, typed, "save", 409)
        wanted = {n: ("typed", "stored")[number >> i & 1] for i, n in enumerate(typed)}
        client.submit(conflict, {f"choose-{n}": side for n, side in wanted.items()}, "save")
        values = client.get(path_of("persona")).form().values()
        for name, side in wanted.items():
            expected = (typed if side == "typed" else stored)[name]
            found = values.getlist(name) if isinstance(expected, list) else values[name]
            assert found == expected, (number, name)


def test_what_is_on_the_page_is_text_and_whole(client: PageClient) -> None:
    """Lines, quotes and markup survive the way through the page, on either side."""
    tricky = "One line\r\nand \"another\" <b>&amp;</b> 日本 'x'"
    walk(client, until="finish")
    one, two = open_tabs(client, "persona")
    client.submit(one, {"voice_description": "Theirs\r\non two lines"}, "save")
    conflict = client.submit(two, {"voice_description": tricky}, "save", 409)
    client.submit(conflict, {"choose-voice_description": "typed"}, "save")
    assert client.get(path_of("persona")).form().values()["voice_description"] == tricky

    one, two = open_tabs(client, "persona")
    client.submit(one, {"voice_description": tricky + "!"}, "save")
    conflict = client.submit(two, {"voice_description": "Other"}, "save", 409)
    client.submit(conflict, {"choose-voice_description": "stored"}, "save")
    assert client.get(path_of("persona")).form().values()["voice_description"] == tricky + "!"


def test_a_conflict_stores_nothing_until_somebody_chose(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="finish")
    one, two = open_tabs(any_client, "persona")
    any_client.submit(one, {"persona_name": "Theirs"}, "save")
    before = sql(any_app, "SELECT * FROM persona_data")
    saves = count(any_app, "step_history")
    any_client.submit(two, {"persona_name": "Mine", "tone": "Casual"}, "save", 409)
    assert sql(any_app, "SELECT * FROM persona_data") == before
    assert count(any_app, "step_history") == saves


def test_a_base_that_was_pruned_is_a_conflict_in_which_everything_can_be_chosen(
    client: PageClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT", 2)
    walk(client, until="finish")
    (old,) = open_tabs(client, "persona", 1)
    for name in ("First", "Second", "Third"):
        save(client, "persona", {"persona_name": name})
    with app.app_context():
        cleanup.run(24)
    conflict = client.submit(old, {"tone": "Casual"}, "save", 409)
    assert set(choices(conflict)) == {"persona_name", "tone"}
    chosen = {"choose-persona_name": "stored", "choose-tone": "typed"}
    client.submit(conflict, chosen, "save")
    values = client.get(path_of("persona")).form().values()
    assert (values["persona_name"], values["tone"]) == ("Third", "Casual")


def test_without_a_revision_a_saved_step_is_a_conflict(client: PageClient) -> None:
    walk(client, until="finish")
    page = client.get(path_of("persona"))
    for revision in ("", "0", "1.0000", "nonsense"):
        sent = page.form().filled({"persona_name": "Mine"}, "save")
        sent["revision"] = revision
        conflict = client.post(path_of("persona"), sent, 409, SAME_ORIGIN)
        assert sides(conflict, "persona_name")["typed"] == "Mine"


def test_a_step_that_was_skipped_elsewhere_can_still_be_answered(any_client: PageClient) -> None:
    walk(any_client, until="integrations")
    one, two = open_tabs(any_client, "integrations")
    any_client.submit(one, {}, "skip")
    conflict = any_client.submit(two, ANSWERS["integrations"], "save", 409)
    any_client.submit(conflict, {}, "save")
    values = any_client.get(path_of("integrations")).form().values()
    assert values.getlist("platforms") == ["wordpress", "rss"]


def test_skipping_a_step_that_was_saved_elsewhere_asks_first(any_client: PageClient) -> None:
    walk(any_client, until="integrations")
    one, two = open_tabs(any_client, "integrations")
    any_client.submit(one, ANSWERS["integrations"], "save")
    conflict = any_client.submit(two, {}, "skip", 409)
    assert conflict.heading == CONFLICT
    values = any_client.get(path_of("integrations")).form().values()
    assert values.getlist("platforms") == ["wordpress", "rss"]


def test_keeping_what_is_stored_is_a_link_that_changes_nothing(
    client: PageClient, app: Flask
) -> None:
    walk(client, until="finish")
    one, two = open_tabs(client, "persona")
    client.submit(one, {"persona_name": "Theirs"}, "save")
    conflict = client.submit(two, {"persona_name": "Mine"}, "save", 409)
    (link,) = conflict.find(f"//main//form//a[@href='{path_of('persona')}']")
    assert client.get(link.get("href")).form().values()["persona_name"] == "Theirs"


# What is finished stays finished.


def test_an_old_tab_meets_the_choice_after_completion_and_completes_nothing_again(
    any_client: PageClient, any_app: Flask
) -> None:
    """Even where the old tab changed another field: nothing is merged into what is finished."""
    walk(any_client, until="finish")
    (old,) = open_tabs(any_client, "persona", 1)
    any_client.submit(any_client.get(path_of("finish")), ANSWERS["finish"], "save")
    done = "SELECT completed, completed_at, first_kblock_id FROM onboarding_sessions"
    before = sql(any_app, done)
    current = any_client.get(path_of("persona"))
    any_client.submit(current, {"persona_name": "Changed since"}, "save")
    conflict = any_client.submit(old, {"tone": "Casual"}, "save", 409)
    assert set(choices(conflict)) == {"persona_name", "tone"}
    chosen = {"choose-persona_name": "stored", "choose-tone": "typed"}
    settled = any_client.submit(conflict, chosen, "save")
    assert settled.location == "/onboarding/summary"
    row = sql(any_app, "SELECT persona_name, tone FROM persona_data")
    assert row == [("Changed since", "Casual")]
    assert sql(any_app, done) == before
    assert count(any_app, "kblocks") == 1


def test_two_tabs_that_finish_with_other_words_make_one_block(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="finish")
    one, two = open_tabs(any_client, "finish")
    any_client.submit(one, {"first_declaration": "The first words."}, "save")
    done = "SELECT completed_at, first_kblock_id FROM onboarding_sessions"
    before = sql(any_app, done)
    conflict = any_client.submit(two, {"first_declaration": "Other words."}, "save", 409)
    assert sides(conflict, "first_declaration") == {
        "typed": "Other words.",
        "stored": "The first words.",
    }
    any_client.submit(conflict, {"choose-first_declaration": "typed"}, "save")
    assert sql(any_app, done) == before
    assert sql(any_app, "SELECT content FROM kblocks") == [("Other words.",)]


# Keys.

MISTRAL, MISTRAL_2 = "Mistral8Wander2Key", "Mistral9Other1Key3"
OTHER_EXA = "0b54f1a6-2a8e-4e0c-8f29-76d5c2f0a9b1"


def no_key_in(page: Page) -> Page:
    """None of the keys of these tests was sent back."""
    without_secrets(page)
    for key in (MISTRAL, MISTRAL_2, OTHER_EXA):
        assert key not in page.source
    return page


def stored_ends(app: Flask) -> dict[object, object]:
    """Provider -> the last four characters of its key."""
    return dict(sql(app, "SELECT provider, last_four FROM api_keys"))  # type: ignore[arg-type]


def test_keys_of_two_tabs_are_merged_without_showing_one(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="website")
    one, two = open_tabs(any_client, "api-keys")
    any_client.submit(one, {"mistral": MISTRAL}, "save")
    saved = any_client.submit(two, {"exa": OTHER_EXA}, "save")
    page = no_key_in(any_client.follow(saved))
    assert any("Mistral" in text for text in messages(page))
    assert stored_ends(any_app) == {
        "openai": KEYS["openai"][-4:],
        "mistral": MISTRAL[-4:],
        "exa": OTHER_EXA[-4:],
    }


def test_one_provider_in_both_tabs_keeps_what_is_stored_and_says_so(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="website")
    one, two = open_tabs(any_client, "api-keys")
    any_client.submit(one, {"mistral": MISTRAL}, "save")
    conflict = no_key_in(any_client.submit(two, {"mistral": MISTRAL_2}, "save", 409))
    assert "what is stored stays" in conflict.text("//main")
    assert choices(conflict) == {}
    any_client.submit(conflict, {}, "save")
    assert stored_ends(any_app)["mistral"] == MISTRAL[-4:]


def test_removing_in_one_tab_what_the_other_replaced_is_a_choice(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="website", changes={"api-keys": {"mistral": MISTRAL}})
    one, two = open_tabs(any_client, "api-keys")
    any_client.submit(one, {"mistral": MISTRAL_2}, "save")
    conflict = no_key_in(any_client.submit(two, {"remove": ["mistral"]}, "save", 409))
    assert set(choices(conflict)) == {"remove"}
    assert stored_ends(any_app)["mistral"] == MISTRAL_2[-4:]
    any_client.submit(conflict, {"choose-remove": "stored"}, "save")
    assert stored_ends(any_app)["mistral"] == MISTRAL_2[-4:]

    one, two = open_tabs(any_client, "api-keys")
    any_client.submit(one, {"mistral": MISTRAL}, "save")
    conflict = any_client.submit(two, {"remove": ["mistral"]}, "save", 409)
    any_client.submit(conflict, {"choose-remove": "typed"}, "save")
    assert "mistral" not in stored_ends(any_app)


def test_a_key_that_the_other_tab_removed_is_not_brought_back_in_silence(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="website", changes={"api-keys": {"mistral": MISTRAL}})
    one, two = open_tabs(any_client, "api-keys")
    any_client.submit(one, {"remove": ["mistral"]}, "save")
    no_key_in(any_client.submit(two, {"mistral": MISTRAL_2}, "save", 409))
    assert "mistral" not in stored_ends(any_app)


def test_removing_the_last_language_models_between_two_tabs_is_refused(
    any_client: PageClient, any_app: Flask
) -> None:
    walk(any_client, until="website", changes={"api-keys": {"mistral": MISTRAL}})
    one, two = open_tabs(any_client, "api-keys")
    any_client.submit(one, {"remove": ["mistral"]}, "save")
    refused = any_client.submit(two, {"remove": ["openai"]}, "save", 422)
    assert "at least one language model" in refused.text("//main")
    assert "openai" in stored_ends(any_app)


# The choice itself, when something is in the way.


@pytest.mark.parametrize("lost", ["token", "cookie"])
def test_a_choice_survives_an_expired_token_and_a_lost_cookie(
    client: PageClient, app: Flask, lost: str
) -> None:
    walk(client, until="finish")
    one, two = open_tabs(client, "persona")
    client.submit(one, {"persona_name": "Theirs", "tone": "Technical"}, "save")
    typed = {"persona_name": "Mine", "tone": "Casual", "audience": "Mine alone"}
    conflict = client.submit(two, typed, "save", 409)
    sent = conflict.form().filled({"choose-persona_name": "typed"}, "save")
    if lost == "token":
        sent["csrf_token"] = "of yesterday"
    else:
        client.flask.delete_cookie("onward")
    back = client.post(path_of("persona"), sent, 400, SAME_ORIGIN)
    assert back.heading == TITLES["persona"]
    assert back.form().values()["persona_name"] == "Mine"
    assert back.form().values()["audience"] == "Mine alone"
    if lost == "token":
        client.submit(back, {}, "save")
        assert sql(app, "SELECT persona_name FROM persona_data") == [("Mine",)]
        return
    first = client.follow(client.submit(back, {}, "save"))  # a new session, with the draft in it
    assert any(TITLES["persona"] in text for text in messages(first))
    assert sql(app, "SELECT persona_name FROM persona_data") == [("Theirs",)]


def test_a_choice_of_another_site_is_given_no_values(client: PageClient) -> None:
    walk(client, until="finish")
    one, two = open_tabs(client, "persona")
    client.submit(one, {"persona_name": "Theirs"}, "save")
    conflict = client.submit(two, {"persona_name": "Mine to keep"}, "save", 409)
    sent = conflict.form().filled({}, "save")
    sent["csrf_token"] = "guessed"
    for headers in ({}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}):
        refused = client.post(path_of("persona"), sent, 400, headers)
        assert "Mine to keep" not in refused.source
        assert "Theirs" not in refused.source


def test_a_side_that_is_none_counts_as_typed_and_is_checked(client: PageClient, app: Flask) -> None:
    walk(client, until="finish")
    one, two = open_tabs(client, "persona")
    client.submit(one, {"persona_name": "Theirs"}, "save")
    conflict = client.submit(two, {"persona_name": "Mine"}, "save", 409)
    sent = conflict.form().filled({}, "save")
    sent["choose-persona_name"] = "both"
    sent.setlist("typed-persona_name", [])
    refused = client.post(path_of("persona"), sent, 422, SAME_ORIGIN)
    assert wrong_fields(refused) == {"persona_name"}
    assert sql(app, "SELECT persona_name FROM persona_data") == [("Theirs",)]


def test_the_revision_says_nothing_that_a_stranger_could_use(client: PageClient) -> None:
    walk(client, until="persona")
    revision = client.get(path_of("research")).form().values()["revision"]
    assert re.fullmatch(r"\d+\.[0-9a-f]{24}", revision)
