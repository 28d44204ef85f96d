"""Every row of the contract's table, over one or two sessions."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import GOOD, PREFIX, ApiClient, document
from tests.conftest import MakeApp
from tests.journeys.walk import sql
from tests.wizard.samples import OPENAI_KEY
from webapp import jobs

EXA = "5f0c1d2e-7a86-4b39-9c1d-d41f7be9a603"
STATUS_KEYS = {
    "session_id", "completed", "is_completed", "current_step", "step_number", "next_step",
    "completion_percentage", "can_proceed_to_final", "first_kblock_id", "started_at",
    "completed_at",
}  # fmt: skip


def test_start_finds_the_callers_session_and_wipes_nothing(app: Flask) -> None:
    nobody = ApiClient(app)
    begun = nobody.post("start")
    assert set(begun) == {"session_id", "started_at", "current_step", "message"}
    assert begun["current_step"] == "api-keys"
    client = ApiClient(app, begun["session_id"])
    client.save("api-keys")
    again = client.post("start")
    assert (again["session_id"], again["started_at"]) == (begun["session_id"], begun["started_at"])
    assert again["current_step"] == "website"
    assert nobody.post("start")["session_id"] != begun["session_id"], "a stranger gets another"
    for other in ("0" * 36, "x" * 65, "' OR 1=1", begun["session_id"].upper()):
        assert "session" in ApiClient(app, other).post("start", status=404)["detail"]
    in_body = nobody.post("start", {"session_id": begun["session_id"]})
    assert in_body["current_step"] == "website"


def test_status_progress_and_resume_follow_the_journey(app: Flask) -> None:
    nobody = ApiClient(app)
    nothing = nobody.get("status")
    assert set(nothing) == STATUS_KEYS
    assert nothing.pop("completed") is nothing.pop("is_completed") is False
    assert set(nothing.values()) == {None}
    assert nobody.get("resume")["can_resume"] is False
    for path in ("progress", "summary", "step/1", "step/1/validate", "api-keys", "ai-inputs"):
        nobody.get(path, 404)

    client = ApiClient.started(app)
    first = client.get("status")
    assert (first["current_step"], first["step_number"], first["next_step"]) == (
        "api-keys", 1, "website",
    )  # fmt: skip
    assert (first["completion_percentage"], first["can_proceed_to_final"]) == (0, False)
    by_query = nobody.get(f"status?session_id={client.session_id}")
    assert by_query == first

    client.walk("website")
    progress = client.get("progress")
    assert [one["status"] for one in progress["steps"]] == [
        "completed", "completed", "in_progress", "pending", "pending", "pending",
    ]  # fmt: skip
    assert [one["step_number"] for one in progress["steps"]] == [1, 2, 3, 4, 5, 6]
    assert [one["optional"] for one in progress["steps"]] == [False] * 4 + [True, False]
    assert progress["steps"][1]["data"]["business_description"] == "We bake bread the slow way."
    assert progress["steps"][0]["completed_at"]
    assert progress["steps"][2]["completed_at"] is None
    assert all(one["validation_errors"] == [] for one in progress["steps"])
    assert (progress["current_step"], progress["completion_percentage"]) == ("research", 33)
    assert progress["last_updated"] > progress["started_at"]
    assert OPENAI_KEY not in str(progress)

    client.walk("persona")
    client.post("step/integrations/skip")
    assert client.get("progress")["steps"][4]["status"] == "skipped"
    assert client.get("status")["can_proceed_to_final"] is True
    resume = client.get("resume")
    assert (resume["can_resume"], resume["resume_step"], resume["current_step"]) == (
        True, "finish", "finish",
    )  # fmt: skip
    client.save("finish")
    done = client.get("status")
    assert (done["completed"], done["current_step"], done["completion_percentage"]) == (
        True, None, 100,
    )  # fmt: skip
    assert done["first_kblock_id"]
    assert done["completed_at"]
    assert client.get("resume")["can_resume"] is False


def test_a_step_by_number_or_slug_with_its_revision_and_its_gate(app: Flask) -> None:
    client = ApiClient.started(app)
    assert client.get("step/1") == client.get("step/api-keys")
    for wrong in ("0", "7", "99999", "-1", "1.0", "nothing", "1%00", "%F0%9F%8D%9E", "²"):
        client.get(f"step/{wrong}", 404 if wrong != "1%00" else 400)
    locked = client.get("step/3/validate")
    assert (locked["can_proceed"], locked["step_status"]) == (False, "locked")
    assert "API keys" in locked["validation_errors"][0]
    refused = client.save("research", 409)
    assert refused["missing_steps"] == ["api-keys"]
    assert client.post("step/5/skip", status=409)["missing_steps"] == ["api-keys"]
    assert client.post("step/1/skip", status=422)["errors"]["form"]

    open_step = client.get("step/1/validate")
    assert (open_step["can_proceed"], open_step["step_status"]) == (False, "available")
    assert "gemini" in open_step["errors"]
    client.walk("research")
    saved = client.get("step/research/validate")
    assert saved == {
        "can_proceed": True, "validation_errors": [], "errors": {}, "step_status": "completed",
    }  # fmt: skip
    step = client.get("step/3")
    assert step["data"] == {
        "research_depth": "Standard",
        "content_types": ["Blog Posts", "News"],
        "auto_research": True,  # a checkbox that JSON does not name takes its default
        "factual_content": True,
        "competitors": "",
    }
    # What was read can be sent back as it is, and is no change.
    back = client.post("step/3/complete", {"data": step["data"], "revision": step["revision"]})
    assert back["revision"] == step["revision"]
    persona = client.get("step/persona")
    assert (persona["data"], persona["status"]) == ({}, "in_progress")
    assert set(persona["suggested"]) >= {"persona_name", "audience", "selected_platforms"}
    client.save("persona")
    client.post("step/persona/complete", {"data": client.get("step/persona")["data"]})
    off = client.save("research", auto_research=False)
    assert off["data"]["auto_research"] is False


def test_a_step_that_does_not_hold_is_422_and_stores_nothing(app: Flask) -> None:
    client = ApiClient.started(app)
    client.walk("website")
    before = client.tag("progress")
    wrong: list[tuple[Any, str]] = [
        ({}, "research_depth"),
        ({"research_depth": "Deep", "content_types": ["News"]}, "research_depth"),
        ({**GOOD["research"], "content_types": []}, "content_types"),
        ({**GOOD["research"], "content_types": "News"}, "content_types"),
        ({**GOOD["research"], "content_types": [1]}, "content_types"),
        ({**GOOD["research"], "content_types": [["News"]]}, "content_types"),
        ({**GOOD["research"], "auto_research": "yes"}, "auto_research"),
        ({**GOOD["research"], "auto_research": 1}, "auto_research"),
        ({**GOOD["research"], "research_depth": {"x": 1}}, "research_depth"),
        ({**GOOD["research"], "competitors": ["a.example"]}, "competitors"),
        ({**GOOD["research"], "competitors": "no address"}, "competitors"),
        ({**GOOD["research"], "competitors": "nul\0"}, "competitors"),
        ({**GOOD["research"], "competitors": "half \ud800"}, "competitors"),
        ({**GOOD["research"], "unknown": 1}, "unknown"),
        ({**GOOD["research"], "nul\0": 1}, "data"),
    ]
    for data, field in wrong:
        found = client.post("step/3/complete", {"data": data}, 422)
        assert field in found["errors"], (data, found)
    for body, field in [
        ({}, "data"),
        ({"data": None}, "data"),
        ({"data": []}, "data"),
        ({"data": "x"}, "data"),
        ({"data": GOOD["research"], "more": 1}, "more"),
        ({"data": GOOD["research"], "revision": 5}, "revision"),
        ({"data": GOOD["research"], "session_id": 5}, "session_id"),
    ]:
        assert field in client.send("POST", "step/3/complete", body, 422)["errors"], body
    for broken in ([], "x", 5, None, True, [{}]):
        assert client.send("POST", "step/3/complete", broken, 422)["errors"][
            "form" if broken is not None else "data"
        ]
    assert client.tag("progress") == before


def test_two_writers_by_revision_and_by_if_match(app: Flask) -> None:
    client = ApiClient.started(app)
    client.walk("website")
    old = client.get("step/3")["revision"]
    old_tag = client.tag("step/3")
    saved = client.save("research")
    body = {"data": GOOD["research"] | {"research_depth": "Expert"}, "revision": old}
    assert "newer" in client.post("step/3/complete", body, 409)["detail"]
    # The same values once more are a retry, whatever they rest on.
    client.post("step/3/complete", {"data": GOOD["research"], "revision": old})
    changed = {"data": body["data"]}
    client.post("step/3/complete", changed, 412, If_Match=old_tag)
    client.post("step/3/complete", changed, 412, If_Match='"made up"')
    tag = client.tag("step/3")
    client.post("step/3/complete", changed, 412, If_Match=f"W/{tag}")
    client.post("step/3/complete", changed, If_Match=f'"other", {tag[:-1]}:gzip"')
    assert client.get("step/3")["data"]["research_depth"] == "Expert"
    assert client.tag("step/3") != tag
    client.post("step/3/complete", {"data": GOOD["research"]}, If_Match="*")
    newest = client.save("research", research_depth="Basic")["revision"]
    assert newest != saved["revision"]
    # A session's tag, and the revision of another session.
    other = ApiClient.started(app)
    other.walk("website")
    other.post("step/3/complete", {**changed, "revision": newest}, 409)
    stale = client.tag("status")
    client.save("persona")
    client.post("reset", status=412, If_Match=stale)
    client.post("complete", status=412, If_Match=stale)
    client.post("step/5/skip", {"revision": saved["revision"]}, 409)
    client.post("step/5/skip", status=412, If_Match=tag)
    client.post("reset", If_Match=client.tag("progress"))
    assert client.get("status")["current_step"] == "api-keys"
    client.walk("website")
    client.post("step/3/complete", {**changed, "revision": newest}, 409)


def test_what_is_known_already_is_not_sent_again(app: Flask) -> None:
    client = ApiClient.started(app)
    client.walk()
    for path in (
        "status", "progress", "resume", "config", "step/2", "step/2/validate", "summary",
        "api-keys", "providers", "providers/openai", "research-preferences", "persona",
        "ai-inputs", "style-detection/session-analyses",
    ):  # fmt: skip
        tag = client.tag(path)
        for sent in (tag, f"W/{tag}", f'"x", {tag}', "*", f'{tag[:-1]}:gzip"'):
            client.get(path, 304, If_None_Match=sent)
        client.get(path, 200, If_None_Match='"another"')
    tag = client.tag("persona")
    client.save("persona", persona_name="The other baker")
    assert client.get("persona", If_None_Match=tag)["persona_name"] == "The other baker"


def test_keys_one_at_a_time(app: Flask) -> None:
    client = ApiClient.started(app)
    for blank in ("", "  "):
        refused = client.post("api-keys", {"provider": "exa", "api_key": blank}, 422)
        assert list(refused["errors"]) == ["api_key"], "no word of success for a key that is none"
    nothing = client.get("api-keys")
    assert nothing == {"api_keys": {}, "total_providers": 8, "configured_providers": []}
    kept = client.post("api-keys", {"provider": "exa", "api_key": EXA})
    assert kept["api_keys"] == {"exa": "••••a603"}
    assert client.get("status")["current_step"] == "api-keys", "a language model is needed"
    both = client.post("api-keys", {"provider": "openai", "api_key": OPENAI_KEY})
    assert both["configured_providers"] == ["openai", "exa"]
    assert client.get("status")["current_step"] == "website"
    for body, field in [
        ({"provider": "openai", "api_key": "AIza"}, "api_key"),
        ({"provider": "openai", "api_key": "sk-" + "x" * 600}, "api_key"),
        ({"provider": "openai", "api_key": "sk-" + "x" * 2000}, "api_key"),
        ({"provider": "openai", "api_key": 5}, "api_key"),
        ({"provider": "openai"}, "api_key"),
        ({"provider": "acme", "api_key": OPENAI_KEY}, "provider"),
        ({"api_key": OPENAI_KEY}, "provider"),
    ]:
        found = client.post("api-keys", body, 422)
        assert field in found["errors"], found
        assert OPENAI_KEY not in str(found)
    client.delete("api-keys/exa")
    client.delete("api-keys/exa", 404)
    client.delete("api-keys/acme", 404)
    last = client.delete("api-keys/openai", 422)
    assert "language model" in last["errors"]["form"][0]
    tag = client.tag("api-keys")
    client.post("api-keys", {"provider": "exa", "api_key": EXA}, If_Match=tag)
    client.delete("api-keys/exa", 412, If_Match=tag)
    client.delete("api-keys/exa", If_Match=client.tag("step/api-keys"))
    stored = str(sql(app, "SELECT * FROM api_keys"))
    assert OPENAI_KEY not in stored


def test_providers_and_the_shape_of_keys(app: Flask) -> None:
    nobody = ApiClient(app)
    listed = nobody.get("providers")["providers"]
    assert [one["name"] for one in listed] == [
        "gemini", "openai", "anthropic", "mistral", "exa", "tavily", "serper", "copilotkit",
    ]  # fmt: skip
    assert all(one["description"] and one["setup_url"].startswith("https://") for one in listed)
    assert nobody.get("providers/openai") == listed[1]
    assert listed[1]["shape"]["starts_with"] == "sk-"
    nobody.get("providers/acme", 404)
    good = nobody.post("providers/openai/validate", {"api_key": OPENAI_KEY})
    assert good["valid"] is True
    assert "checked" not in good, "providers are not asked in tests"
    bad = nobody.post("providers/openai/validate", {"api_key": "sk"})
    assert bad["valid"] is False
    assert bad["message"]
    nobody.post("providers/acme/validate", {"api_key": OPENAI_KEY}, 404)
    assert "api_key" in nobody.post("providers/openai/validate", status=422)["errors"]


def test_config_tells_the_steps(app: Flask, make_app: MakeApp, sqlite_url: str) -> None:
    config = ApiClient(app).get("config")
    assert config["total_steps"] == 6
    assert config["required_steps"] == ["api-keys", "website", "research", "persona", "finish"]
    assert config["optional_steps"] == ["integrations"]
    assert [one["slug"] for one in config["steps"]] == list(GOOD)
    short = make_app(sqlite_url, ONBOARDING_STEPS="research")
    assert ApiClient(short).get("config")["required_steps"] == ["research", "finish"]
    client = ApiClient.started(short)
    for path in ("website-analysis", "persona"):
        client.get(path, 404)
    client.post("api-keys", {"provider": "openai", "api_key": OPENAI_KEY}, 404)
    client.get("step/website", 404)
    assert client.get("summary")["website_url"] is None


def test_the_end_needs_what_is_required_and_passes_the_rest(app: Flask) -> None:
    client = ApiClient.started(app)
    client.walk("website")
    waiting = client.post("complete", status=409)
    assert waiting["missing_steps"] == ["research", "persona", "finish"]
    early = client.post("first-declaration", {"declaration": "To teach 12 bakers in Leeds."}, 409)
    assert early["missing_steps"] == ["research", "persona"]
    assert early["session_id"] == client.session_id
    assert client.get("step/finish")["draft"] == {
        "first_declaration": "To teach 12 bakers in Leeds."
    }
    client.save("research")
    client.save("persona")
    assert client.save("finish", 409)["missing_steps"] == ["integrations"]
    done = client.post("complete")
    assert (done["success"], done["completion_percentage"]) == (True, 100)
    assert done["persona_generated"] is True
    assert client.get("progress")["steps"][4]["status"] == "skipped"
    assert client.get("summary")["first_declaration"] == "To teach 12 bakers in Leeds."
    again = client.post("complete")
    assert again["completed_at"] == done["completed_at"]
    vague = client.post("first-declaration", {"declaration": "Bread."})
    assert vague["completed"] is True
    sharp = client.post(
        "first-declaration",
        {"declaration": "To bring 40 neighbours of Fern Street into our October courses on rye."},
    )
    assert vague["kblock_id"] == sharp["kblock_id"]
    assert 0 <= sharp["loss"] < vague["loss"] <= 1
    assert sharp["celebration"]["intensity"] > vague["celebration"]["intensity"]
    assert set(sharp["celebration"]) == {"confetti", "emoji", "message", "color", "intensity"}
    assert (sharp["layer"], sharp["edges"]) == (1, [])
    assert sharp["justification"] != vague["justification"]
    for wrong in ("", "   ", "x" * 2001, "nul\0", 5, None, ["x"]):
        found = client.post("first-declaration", {"declaration": wrong}, 422)
        assert "declaration" in found["errors"]


def test_a_declaration_without_any_session_opens_one(app: Flask) -> None:
    nobody = ApiClient(app)
    before = sql(app, "SELECT count(*) FROM onboarding_sessions")
    nobody.post("first-declaration", {"declaration": " "}, 422)
    assert sql(app, "SELECT count(*) FROM onboarding_sessions") == before
    early = nobody.post("first-declaration", {"declaration": "To be read."}, 409)
    client = ApiClient(app, early["session_id"])
    assert client.get("step/finish")["draft"] == {"first_declaration": "To be read."}
    body = {"declaration": "To be read.", "session_id": "0" * 36}
    nobody.post("first-declaration", body, 404)


def test_the_summary_and_the_stored_rows(app: Flask) -> None:
    client = ApiClient.started(app)
    for path in ("website-analysis", "research-preferences", "persona"):
        client.get(path, 404)
    empty = client.get("summary")
    keys = {
        "api_keys", "website_url", "style_analysis", "research_preferences",
        "personalization_settings", "persona_readiness", "integrations", "capabilities",
        "first_declaration",
    }  # fmt: skip
    assert keys <= set(empty)
    assert empty["api_keys"] == {}
    assert not any(empty["capabilities"].values())
    client.walk()
    full = client.get("summary")
    assert keys <= set(full)
    assert full["api_keys"] == {"openai": "••••WXYZ"}
    assert full["capabilities"]["ai_content"] is True
    assert full["research_preferences"]["research_depth"] == "Standard"
    assert full["personalization_settings"]["tone"] == "Conversational"
    assert full["persona_readiness"]["overall_score"] > 0
    assert full["integrations"]["platforms"] == ["rss"]
    assert full["first_declaration"] == GOOD["finish"]["first_declaration"]
    assert client.get("research-preferences")["content_types"] == ["Blog Posts", "News"]
    persona = client.get("persona")
    assert {"core_persona", "platform_personas", "quality_metrics", "selected_platforms"} <= set(
        persona
    )
    inputs = client.get("ai-inputs")
    assert inputs["provenance"]["persona"] == "answered"
    assert OPENAI_KEY not in str([full, persona, inputs, client.get("progress")])


def test_a_site_that_found_no_room_is_read_when_it_is_asked_for_again(app: Flask) -> None:
    client = ApiClient.started(app)
    urls = [{"url": f"http://127.0.0.{n}/"} for n in range(1, jobs.PER_SESSION + 2)]
    for url in urls[:-1]:
        client.post("style-detection/complete", url, 202)
    refused = client.post("style-detection/complete", urls[-1])
    assert (refused["success"], refused["status"]) == (False, "failed")
    assert "try again" in refused["error"]
    assert client.post("style-detection/complete", urls[-1]) == refused, "there is none yet"
    with app.app_context():
        jobs.run_pending()
    waiting = client.post("style-detection/complete", urls[-1], 202)
    assert (waiting["success"], waiting["status"], waiting["error"]) == (True, "queued", None)
    with app.app_context():
        jobs.run_pending()
    tried = client.post("style-detection/complete", urls[-1])
    assert tried["error"] != refused["error"], "what was tried is not tried again by itself"


@pytest.mark.usefixtures("no_politeness")
def test_style_detection(make_app: MakeApp, any_url: str, site: Any) -> None:
    app = make_app(any_url, FETCH_ALLOW=site.host_port)
    client, stranger = ApiClient.started(app), ApiClient.started(app)
    sample = "We bake sourdough bread slowly in Leeds. Our readers love it, and they say so. " * 12
    measured = client.post("style-detection/complete", {"text_sample": sample})
    assert (measured["success"], measured["status"]) == (True, "completed")
    assert measured["style_analysis"]["measures"]["word_count"] == 180
    assert measured["style_analysis"]["writing_style"]["tone"]
    assert measured["style_guidelines"]
    again = client.post("style-detection/complete", {"text_sample": sample})
    assert again["analysis_id"] == measured["analysis_id"]

    url = site.url("/")
    running = client.post("style-detection/complete", {"url": url}, 202)
    assert (running["success"], running["style_analysis"], running["error"]) == (True, None, None)
    assert (
        client.post("style-detection/complete", {"url": url}, 202)["analysis_id"]
        == (running["analysis_id"])
    )
    with app.app_context():
        assert jobs.run_pending() == 1
    done = client.post("style-detection/complete", {"url": url})
    assert done["status"] == "completed"
    assert done["style_analysis"]["measures"]["word_count"] > 50
    assert client.get(f"style-detection/analysis/{done['analysis_id']}") == done
    found = client.get(f"style-detection/check-existing/{url}")
    assert (found["exists"], found["analysis_id"]) == (True, done["analysis_id"])
    assert found["summary"]["word_count"] == done["style_analysis"]["measures"]["word_count"]
    quoted = url.replace(":", "%3A").replace("/", "%2F")
    assert client.get(f"style-detection/check-existing/{quoted}") == found
    assert (
        client.get("style-detection/check-existing/https://nowhere.example.com")["exists"] is False
    )
    client.get("style-detection/check-existing/not an address", 422)
    listed = client.get("style-detection/session-analyses")
    assert listed["total"] == 2
    assert {one["website_url"] for one in listed["analyses"]} == {None, done["website_url"]}

    mine = f"style-detection/analysis/{done['analysis_id']}"
    stranger.get(mine, 404)
    stranger.delete(mine, 404)
    assert stranger.get(f"style-detection/check-existing/{url}")["exists"] is False
    assert stranger.get("style-detection/session-analyses")["total"] == 0
    # The analysis of the answered website is the same row, and can be deleted and made anew.
    client.save("api-keys")
    client.save("website", has_website="yes", website_url=url)
    assert client.get("website-analysis")["measures"]
    client.delete(mine)
    client.get(mine, 404)
    client.get("website-analysis", 404)
    client.save("website", has_website="yes", website_url=url)
    assert client.get("website-analysis")["status"] == "queued"

    failing = client.post("style-detection/complete", {"url": site.url("/404")}, 202)
    with app.app_context():
        jobs.run_pending()
    failed = client.post("style-detection/complete", {"url": site.url("/404")})
    assert failed["analysis_id"] == failing["analysis_id"]
    assert (failed["success"], failed["status"]) == (False, "failed")
    assert failed["error"].endswith(".")
    client.post("style-detection/complete", {"url": site.url("/404"), "again": True}, 202)
    for body, field in [
        ({}, "form"),
        ({"url": url, "text_sample": sample}, "form"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": 5}, "url"),
        ({"text_sample": "x" * 49}, "text_sample"),
        ({"text_sample": " " * 60}, "text_sample"),
        ({"text_sample": "x" * 10_001}, "text_sample"),
        ({"text_sample": sample, "again": "yes"}, "again"),
    ]:
        assert field in client.post("style-detection/complete", body, 422)["errors"], body


def test_a_session_has_room_for_fifty_analyses(app: Flask) -> None:
    client = ApiClient.started(app)
    for number in range(50):
        text = f"Text number {number} of many that are all about bread and about patience."
        client.post("style-detection/complete", {"text_sample": text})
    text = "One more text than there is room for, which is a pity."
    found = client.post("style-detection/complete", {"text_sample": text}, 422)
    assert "50" in found["errors"]["form"][0]


def test_every_refusal_below_api_is_a_problem_document(app: Flask) -> None:
    client = ApiClient.started(app)
    client.get("nothing", 404)
    document(client.flask.get("/api/nothing"), 404)
    client.send("PUT", "start", {}, 405)
    assert client.flask.get(PREFIX + "start").headers["Allow"]
    document(client.flask.get("/api/onboarding/status", headers={"Host": "evil.example"}), 400)
    deep = b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    broken: list[tuple[bytes, int]] = [
        (b"{", 400), (b"\xff\xfe", 400), (b'{"a": 1, "a": 2}', 400), (b'{"a": NaN}', 400),
        (b'{"a": ' + b"9" * 5000 + b"}", 400), (deep, 400), (b'{"data": {}', 400),
        (b"{'data': {}}", 400), (b'{"data": "\x00"}', 400), (b'{"data": {"x": 1e999}}', 422),
        ('{"data": {}}'.encode("utf-16"), 400), (b" " * 300_000, 413), (b"[]", 422), (b"5", 422),
        (b'{"\\ud800": 1}', 422), (b'{"data": {"x": {"\\ud800": 1}}}', 422),
    ]  # fmt: skip
    for data, status in broken:
        document(client.raw("step/1/complete", data), status)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                 "application/json; charset=latin-1", ""):  # fmt: skip
        document(client.raw("step/1/complete", b'{"data": {}}', kind), 415)
    document(client.raw("start", b"", ""), 200)
    document(client.raw("start", b"\xef\xbb\xbf{}"), 200)
