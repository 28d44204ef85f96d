"""The website or the business in its place; and that a saved address is queued, once."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.pages import PageClient
from tests.wizard.samples import begin, by, faults, filled, in_hand, read, save, step, together
from webapp.extensions import db, transaction
from webapp.jobs import Job
from webapp.steps.website.models import WebsiteAnalysis
from webapp.wizard import store
from webapp.wizard.visit import Visit

SITE = {"has_website": "yes", "website_url": "fern-street.org", "business_description": ""}


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def ready() -> str:
    """A session whose next step is this one."""
    session_id = begin()
    save(session_id, "api-keys")
    return session_id


def stored(session_id: str) -> Any:
    return read(session_id).answer("website")


def queue(session_id: str) -> tuple[list[WebsiteAnalysis], list[Job]]:
    """The session's analyses by address, and its jobs."""
    db.session.remove()
    analyses = db.session.scalars(
        select(WebsiteAnalysis)
        .where(WebsiteAnalysis.session_id == session_id)
        .order_by(WebsiteAnalysis.website_url)
    ).all()
    jobs = db.session.scalars(select(Job).where(Job.session_id == session_id)).all()
    db.session.expunge_all()
    return list(analyses), list(jobs)


def finish(session_id: str, status: str = "completed", words: int = 600) -> None:
    """As if the worker had come to the end of the address that is the answer now."""
    with transaction():
        analysis = in_hand(session_id).answer("website").analysis
        analysis.status = status
        if status == "completed":
            analysis.measures = {"word_count": words}
            analysis.writing_style = {"tone": "Conversational"}
            analysis.analysis_date = analysis.queued_at
        else:
            analysis.error_message = "This site does not answer."
        for job in db.session.scalars(select(Job).where(Job.subject == analysis.id)):
            db.session.delete(job)


# The form.


@pytest.mark.parametrize("said", [None, "", "maybe", "Yes", "true", "yes\0"])
def test_whether_there_is_a_website_is_yes_or_no(said: str | None) -> None:
    assert "has_website" in faults("website", has_website=said)


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("fern-street.org", "https://fern-street.org/"),
        ("  Fern-Street.ORG  ", "https://fern-street.org/"),
        ("http://fern-street.org", "http://fern-street.org/"),
        ("https://fern-street.org:443/a?b=c#d", "https://fern-street.org/a?b=c"),
        ("//fern-street.org/a/../b", "https://fern-street.org/b"),
        ("bücher.de", "https://xn--bcher-kva.de/"),
        ("https://xn--bcher-kva.de/", "https://xn--bcher-kva.de/"),
        ("http://例え.jp/パン", "http://xn--r8jz45g.jp/%E3%83%91%E3%83%B3"),
        ("fern-street.org:8080", "https://fern-street.org:8080/"),
        ("https://a.org/" + "p" * 486, "https://a.org/" + "p" * 486),
    ],
)
def test_an_address_is_stored_in_its_canonical_form(typed: str, canonical: str) -> None:
    session_id = ready()
    save(session_id, "website", **SITE | {"website_url": typed})
    assert stored(session_id).website_url == canonical


@pytest.mark.parametrize(
    "typed",
    [
        None, "", "   ", "javascript:alert(1)", "JAVASCRIPT:alert(1)", "java\tscript:alert(1)",
        "javascript://fern-street.org/%0aalert(1)", "data:text/html,<script>", "vbscript:x",
        "ftp://fern-street.org", "file:///etc/passwd", "mailto:a@fern-street.org", "about:blank",
        "https://", "https:///a", "https://.", "fern", "localhost", "localhost:8000",
        "user:secret@fern-street.org", "https://user@fern-street.org/", "fern street.org",
        "fern_street..org", "-fern.org", "fern.org:0", "fern.org:65536", "fern.org:port",
        "https://fern.org/\0", "https://fern.org/\x1b", "fern\u202egro.org", "fern.org\nx",
        "https://[::1", "https://0x7f.1", "https://999.1.1.1", "xn--a.org",
        "https://a.org/" + "p" * 487, "a.org/" + "p" * 487, "ü" * 70 + ".de", "\ud800.org",
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(typed: str | None) -> None:
    assert faults("website", **SITE | {"website_url": typed}) == {"website_url"}


@pytest.mark.parametrize("url", ["", None, "javascript:alert(1)", "nonsense", "fern-street.org"])
def test_without_a_website_nothing_in_its_address_matters(url: str | None) -> None:
    session_id = ready()
    save(session_id, "website", website_url=url)
    assert (stored(session_id).has_website, stored(session_id).website_url) == (False, None)
    assert queue(session_id) == ([], [])


@pytest.mark.parametrize("text", [None, "", "   ", "123456789", " 123456789 ", "d" * 1001, "x" * 9])
def test_no_website_needs_a_description_of_10_to_1000_characters(text: str | None) -> None:
    assert faults("website", business_description=text) == {"business_description"}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("business_description", "d" * 10),
        ("business_description", "d" * 1000),
        ("business_description", "Wir backen 🥖.\nLangsam."),
        ("industry", ""),
        ("industry", "i" * 100),
        ("industry", "ü" * 100),
        ("target_audience", "t" * 500),
        ("target_audience", "🥖" * 500),
        ("business_goals", "g" * 1000),
    ],
)
def test_a_text_within_its_limits_is_stored_as_it_is(any_app: Flask, field: str, text: str) -> None:
    with any_app.app_context():
        session_id = ready()
        save(session_id, "website", **{field: text})
        assert getattr(stored(session_id), field) == text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("industry", "i" * 101),
        ("target_audience", "t" * 501),
        ("business_goals", "g" * 1001),
        ("business_description", "We bake\0 bread."),
        ("industry", "bak\x07ery"),
        ("target_audience", "del\x7fete"),
        ("business_goals", "\x1b[31mred"),
        ("industry", "\ud800 half"),
        ("business_description", "We bake \udfff bread."),
    ],
)
def test_a_text_beyond_its_limits_is_refused(field: str, text: str) -> None:
    assert faults("website", **{field: text}) == {field}


def test_with_a_website_the_business_is_optional_and_kept() -> None:
    session_id = ready()
    save(session_id, "website", **SITE | {"industry": "bakery"})
    assert (stored(session_id).business_description, stored(session_id).industry) == ("", "bakery")
    save(session_id, "website", **SITE | {"business_description": "Too short"})
    assert stored(session_id).business_description == "Too short", "not asked for, so not refused"
    assert faults("website", **SITE | {"business_description": "d" * 1001}) == {
        "business_description"
    }


def test_the_analysis_counts_by_default_and_not_when_its_box_is_not_sent() -> None:
    assert step("website").form(formdata=None)["use_analysis"].data is True
    session_id = ready()
    save(session_id, "website", **SITE | {"use_analysis": "y"})
    assert stored(session_id).use_analysis is True
    save(session_id, "website", **SITE)
    assert stored(session_id).use_analysis is False


# The queue.


def test_a_saved_address_queues_one_analysis_and_one_job_in_the_same_transaction(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with any_app.app_context():
        session_id = ready()
        with monkeypatch.context() as broken:
            website = step("website")
            really_save = website.save
            broken.setattr(website, "save", lambda *args: (really_save(*args), 1 / 0))
            with pytest.raises(ZeroDivisionError):
                save(session_id, "website", **SITE)
        assert queue(session_id) == ([], []), "no save, no job"
        save(session_id, "website", **SITE)
        (analysis,), (job,) = queue(session_id)
        assert (analysis.status, analysis.website_url) == ("queued", "https://fern-street.org/")
        assert (job.kind, job.subject, job.attempts) == ("website-analysis", analysis.id, 0)
        assert job.worker is None


def test_the_same_address_again_is_the_same_analysis(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = ready()
        for url in ("fern-street.org", "https://FERN-street.org/", "fern-street.org/#bread"):
            save(session_id, "website", **SITE | {"website_url": url, "industry": url[:20]})
        analyses, jobs = queue(session_id)
        assert (len(analyses), len(jobs)) == (1, 1)


def test_an_address_that_was_analysed_is_not_queued_by_saving_it_again(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = ready()
        save(session_id, "website", **SITE)
        finish(session_id)
        save(session_id, "website", **SITE | {"industry": "bakery"})
        (analysis,), jobs = queue(session_id)
        assert (analysis.status, jobs) == ("completed", [])


def test_an_address_whose_analysis_failed_is_queued_by_saving_it_again() -> None:
    session_id = ready()
    save(session_id, "website", **SITE)
    finish(session_id, status="failed")
    save(session_id, "website", **SITE | {"industry": "bakery"})
    (analysis,), jobs = queue(session_id)
    assert (analysis.status, len(jobs)) == ("queued", 1)


def test_another_address_has_an_analysis_of_its_own_and_the_older_result_is_kept(
    any_app: Flask,
) -> None:
    with any_app.app_context():
        session_id = ready()
        save(session_id, "website", **SITE)
        finish(session_id)
        save(session_id, "website", **SITE | {"website_url": "mill-lane.org"})
        (old, new), (job,) = queue(session_id)
        assert (old.status, old.measures) == ("completed", {"word_count": 600})
        assert (new.status, new.website_url) == ("queued", "https://mill-lane.org/")
        assert job.subject == new.id
        assert stored(session_id).current_analysis.id == new.id
        save(session_id, "website", **SITE)
        assert stored(session_id).current_analysis.id == old.id, "the older one is offered again"
        assert len(queue(session_id)[1]) == 1, "and not read again unasked"


def test_two_sessions_with_one_address_have_an_analysis_each() -> None:
    ids = []
    for _ in range(2):
        session_id = ready()
        save(session_id, "website", **SITE)
        (analysis,), _jobs = queue(session_id)
        ids.append(analysis.id)
    assert ids[0] != ids[1]


def test_analyse_again_queues_it_and_keeps_the_older_result(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = ready()
        save(session_id, "website", **SITE)
        finish(session_id)
        again(session_id)
        (analysis,), (job,) = queue(session_id)
        assert (analysis.status, analysis.measures) == ("queued", {"word_count": 600})
        assert analysis.analysis_date is not None
        assert job.subject == analysis.id
        again(session_id)
        assert len(queue(session_id)[1]) == 1, "asking twice is asking once"


def test_two_that_ask_again_at_once_queue_one_job(any_app: Flask) -> None:
    with any_app.app_context():
        session_id = ready()
        save(session_id, "website", **SITE)
        finish(session_id)
        base = read(session_id).revision("website")

    def ask() -> Visit:
        return store.save(by(session_id), step("website"), filled("website", **SITE), base, "again")

    results = together(any_app, ask, ask)
    assert all(isinstance(result, Visit) for result in results), results
    with any_app.app_context():
        (analysis,), jobs = queue(session_id)
        assert (analysis.status, len(jobs)) == ("queued", 1)


def test_no_website_any_more_keeps_the_older_result_and_queues_nothing() -> None:
    session_id = ready()
    save(session_id, "website", **SITE)
    finish(session_id)
    save(session_id, "website")
    (analysis,), jobs = queue(session_id)
    assert (analysis.status, jobs) == ("completed", [])
    assert stored(session_id).current_analysis is None


def test_the_button_on_the_step_saves_the_form_and_queues_its_address(client: PageClient) -> None:
    session_id = entered(client)
    save(session_id, "website", **SITE)
    finish(session_id)
    page = client.get("/onboarding/website")
    (button,) = page.find("//button[@value='again']")
    assert button.get("form") == page.find("//form[.//input[@name='revision']]")[0].get("id")
    typed = page.form().filled({"industry": "bakery"})
    typed["action"] = "again"
    client.post(page.form().action, typed)
    (analysis,), jobs = queue(session_id)
    assert (analysis.status, len(jobs)) == ("queued", 1)
    assert stored(session_id).industry == "bakery"


def test_the_button_without_a_website_queues_nothing(client: PageClient) -> None:
    session_id = entered(client)
    save(session_id, "website")
    page = client.get("/onboarding/website")
    assert page.find("//button[@value='again']") == []
    typed = page.form().filled({})
    typed["action"] = "again"
    client.post(page.form().action, typed)
    assert queue(session_id) == ([], [])


# What is shown.


@pytest.mark.parametrize(
    ("status", "shown"),
    [("completed", "Conversational"), ("failed", "does not answer")],
)
def test_the_summary_shows_the_address_and_what_was_found_there(status: str, shown: str) -> None:
    session_id = ready()
    save(session_id, "website", **SITE)
    rows = {str(row.label): str(row.value) for row in step("website").rows(read(session_id))}
    assert "running" in rows["Writing style"]
    finish(session_id, status=status)
    rows = {str(row.label): str(row.value) for row in step("website").rows(read(session_id))}
    assert rows["Website"] == "https://fern-street.org/"
    assert shown in rows["Writing style"]


def test_the_summary_shows_the_business_where_there_is_no_website() -> None:
    session_id = ready()
    save(session_id, "website", industry="bakery")
    texts = [str(row.value) for row in step("website").rows(read(session_id))]
    assert "We bake bread the slow way." in texts
    assert "bakery" in texts


@pytest.mark.parametrize(
    ("changes", "status", "available"),
    [
        ({}, None, False),
        (SITE, None, False),
        (SITE, "failed", False),
        (SITE, "completed", True),
    ],
)
def test_style_analysis_is_possible_once_a_site_was_measured(
    changes: dict[str, str], status: str | None, available: bool
) -> None:
    session_id = ready()
    save(session_id, "website", **changes)
    if status:
        finish(session_id, status=status)
    (capability,) = step("website").capabilities(read(session_id))
    assert (capability.name, capability.available) == ("style_analysis", available)
    assert str(capability.why).endswith(".")


def test_what_is_stored_fills_the_form_again_and_counts_as_the_same() -> None:
    for changes in ({}, SITE, SITE | {"website_url": "bücher.de/ä?ö=ü"}):
        session_id = ready()
        save(session_id, "website", **changes)
        answer = stored(session_id)
        again = step("website").form(formdata=None, data=step("website").values(answer))
        assert again.validate()
        assert step("website").same(again, answer)


def again(session_id: str) -> None:
    """The button "Analyse again", pressed on the newest page."""
    base = read(session_id).revision("website")
    store.save(by(session_id), step("website"), filled("website", **SITE), base, "again")


def entered(client: PageClient) -> str:
    """The session of this browser, with the website as its next step."""
    client.submit(client.get("/onboarding/"))
    with client.flask.session_transaction() as cookie:
        session_id = str(cookie["sid"])
    save(session_id, "api-keys")
    return session_id
