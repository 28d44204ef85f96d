"""Which language an answer is in, and that nothing is lost by choosing another."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from http import HTTPStatus
from pathlib import Path

import pytest
import wtforms.i18n
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import get_locale

from tests.conftest import MakeApp
from tests.journeys.walk import ANSWERS, KEYS, SAME_ORIGIN, begin, path_of, save, sql, walk
from tests.support.counting import count_statements
from tests.support.databases import TOP
from tests.support.pages import Page, PageClient
from tests.support.site import SiteServer
from webapp import catalogues, jobs, languages
from webapp.errors import error_page
from webapp.languages import find, listed, share, written
from webapp.mail import MailTask
from webapp.readings import fault_in_words, warning_in_words
from webapp.site.faults import SENTENCES as FAULTS
from webapp.site.profile import ADDRESSED, READERS, SCHOOLING, WARNINGS, audience_in_words
from webapp.steps.persona.words import AVOID_WORDS
from webapp.texts import gettext, ngettext
from webapp.wizard.forms import StepForm

CODES = ["en", "es", "de", "ar"]

IN_LATIN = (
    "Onward UTC Google Gemini OpenAI Anthropic Mistral Exa Tavily Serper CopilotKit WordPress Wix "
    "Ghost Search Console Bing Webmaster Tools Analytics RSS LinkedIn Facebook Instagram YouTube "
    "Medium Substack Flesch Reading Ease localhost www http https "
    "Twitter Covington McFall Journal of Quantitative Linguistics Björnsson LIX"
)
"""Names that stay in Latin letters in Arabic."""


# Which language it is.


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        *(("es", "es"), ("es-MX", "es"), ("ES_419", "es"), ("de-Latn-AT", "de"), ("AR", "ar")),
        *(("en-GB", "en"), ("fr", None), ("", None), (None, None), ("e", None), ("-", None)),
        *(("espanol", None), ("../es", None), ("es\x00", None), ("d" * 5000, None)),
        *((" de ", "de"), ("zh-es", None)),
    ],
)
def test_a_tag_is_looked_up_by_its_language(tag: str | None, code: str | None) -> None:
    assert find(tag) == code


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-MX,en;q=0.5", "es"),
        ("fr,de;q=0.4,en;q=0.3", "de"),
        ("en;q=0.2, ar-EG;q=0.9", "ar"),
        ("de;q=0, es;q=0.1", "es"),
        ("fr, ja", "en"),
        ("*", "en"),
        ("xx" * 200, "en"),
        (";;q=,,de;q=x", "en"),
    ],
)
def test_a_browser_s_wish_is_heeded_in_its_order(app: Flask, accepted: str, code: str) -> None:
    with app.test_request_context(headers={"Accept-Language": accepted}):
        assert languages.chosen() == code
        assert str(get_locale()) == code


def test_the_address_wins_then_the_choice_made_before_then_the_browser(app: Flask) -> None:
    client = PageClient(app)
    wish = {"Accept-Language": "de"}
    assert _language(client.get("/onboarding/", headers=wish)) == ("de", "ltr")
    page = client.get("/onboarding/?lang=ar", headers=wish)
    assert _language(page) == ("ar", "rtl")
    assert page.headers["Content-Language"] == "ar"
    assert {"Accept-Language", "Cookie"} <= set(re.split(r",\s*", page.headers["Vary"]))
    set_cookie = " ".join(page.headers.getlist("Set-Cookie"))
    assert "language=ar;" in set_cookie
    assert "HttpOnly" in set_cookie
    assert "SameSite=Lax" in set_cookie
    assert _language(client.get("/onboarding/", headers=wish)) == ("ar", "rtl"), "it is remembered"
    assert "language=" not in str(client.get("/onboarding/?lang=ar").headers), "but told once"
    for unknown in ("xx", "", "%00", "es%0d%0aX: y", "klingon", "a" * 500):
        page = client.get(f"/onboarding/?lang={unknown}", status=400 if "%00" in unknown else 200)
        assert _language(page) == ("ar", "rtl"), "a name that is not known changes nothing"
        assert "language=" not in " ".join(page.headers.getlist("Set-Cookie"))
    client.flask.set_cookie("language", "<script>")
    assert _language(client.get("/onboarding/", headers=wish)) == ("de", "ltr")


def test_a_redirect_remembers_the_choice_too(app: Flask) -> None:
    client = PageClient(app)
    begin(client)
    page = client.get("/onboarding/?lang=es", status=303)
    assert _language(client.follow(page)) == ("es", "ltr")


def test_the_choice_outlives_forgetting_the_device_and_starting_again(app: Flask) -> None:
    client = PageClient(app)
    client.flask.set_cookie("language", "de")
    begin(client)
    page = client.submit(client.get("/onboarding/sign-out"))
    assert _language(client.follow(page)) == ("de", "ltr")


def test_the_api_speaks_the_asker_s_language_and_sets_no_cookie(app: Flask) -> None:
    client = app.test_client()
    answer = client.get("/api/onboarding/nothing?lang=es", headers={"Accept-Language": "de"})
    assert answer.status_code == 404
    assert answer.headers["Content-Language"] == "es"
    assert "Set-Cookie" not in answer.headers
    answer = client.get("/api/onboarding/nothing", headers={"Accept-Language": "de"})
    assert answer.headers["Content-Language"] == "de"


def test_choosing_a_language_costs_no_statement_and_writes_nothing(app: Flask) -> None:
    client = PageClient(app)
    begin(client)
    with count_statements(app) as before:
        client.get("/onboarding/api-keys")
    with count_statements(app) as cost:
        client.get("/onboarding/api-keys?lang=de")
    assert len(cost) == len(before), cost
    assert cost.writes == []
    assert cost.commits == 0


def test_behind_tls_the_cookie_is_bound_to_the_host(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, PUBLIC_URL="https://start.example.com")
    answer = app.test_client().get("/onboarding/?lang=es", base_url="https://start.example.com")
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if "language" in one]
    assert cookie.startswith("__Host-language=es;")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


# The switch.


def test_the_switch_names_each_language_in_itself_and_keeps_the_page(app: Flask) -> None:
    client = PageClient(app)
    page = client.get("/onboarding/?lang=ar&x=1%262&lang=de")
    switch = "//nav[contains(@class, 'languages')]"
    assert page.find(f"{switch}//@lang") == CODES or sorted(
        map(str, page.find(f"{switch}//@lang"))
    ) == sorted(CODES)
    names = {str(one.get("lang")): one.text_content() for one in page.find(f"{switch}//*[@lang]")}
    assert names == {"en": "English", "es": "Español", "de": "Deutsch", "ar": "العربية"}
    assert [one.get("lang") for one in page.find(f"{switch}//*[@aria-current='true']")] == ["ar"]
    hrefs = {str(one.get("lang")): str(one.get("href")) for one in page.find(f"{switch}//a")}
    assert set(hrefs) == {"en", "es", "de"}
    assert hrefs["de"] == "?x=1%262&lang=de", "the rest of the address stays, and it leads nowhere"
    hrefs = client.get("/onboarding/nothing", status=404).find(f"{switch}//a/@href")
    assert hrefs, "error pages have it too"
    assert all(str(href).startswith("?") for href in hrefs)


def test_the_switch_on_a_step_keeps_what_is_typed(app: Flask) -> None:
    client = PageClient(app)
    page = walk(client, "research")
    assert page.path == "/onboarding/research"
    (button,) = page.find("//nav[contains(@class, 'languages')]//button[@lang='de']")
    assert button.get("form") == "step-form"
    assert page.find("//form[@id='step-form']//button[@type='submit']")[0].get("value") == "save"
    buttons = page.find("//button[@form='step-form' or ancestor::form[@id='step-form']]")
    assert buttons[0].get("value") == "save", "Enter saves"
    typed = page.form().filled({"competitors": "rival.example.com\r\nhalf typ"})
    typed[str(button.get("name"))] = str(button.get("value"))
    answer = client.post(str(button.get("formaction")), typed, 303, SAME_ORIGIN)
    assert answer.location == "/onboarding/research"
    page = client.follow(answer)
    assert _language(page) == ("de", "ltr")
    assert "half typ" in page.text("//textarea[@name='competitors']")
    assert not page.find("//*[contains(@class, 'note--success')]"), "nobody asked to go"


def test_the_switch_beside_two_versions_keeps_both(app: Flask) -> None:
    client = PageClient(app)
    old = walk(client, "persona")
    save(client, "persona", {"persona_name": "Stored"})
    page = client.submit(old, {**ANSWERS["persona"], "persona_name": "Typed"}, "save", 409)
    (button,) = page.find("//nav[contains(@class, 'languages')]//button[@lang='de']")
    form = page.find("//form[@id='choice-form']")
    assert button.get("form") == "choice-form"
    assert form
    sent = page.form().filled({})
    sent[str(button.get("name"))] = str(button.get("value"))
    page = client.post(str(button.get("formaction")), sent, 409, SAME_ORIGIN)
    assert _language(page) == ("de", "ltr")
    choice = page.text("//fieldset[@id='choose-persona_name']")
    assert "Typed" in choice
    assert "Stored" in choice
    client.submit(page, {}, "save")
    assert client.get("/onboarding/persona").form().values()["persona_name"] == "Typed"


def test_suggestions_follow_the_language_until_somebody_changes_them(app: Flask) -> None:
    client = PageClient(app)
    page = walk(client, "persona")
    english = page.form().values()["persona_name"]
    assert "clockmaking" in english

    def switch(code: str, typed: dict[str, str]) -> str:
        sent = client.get("/onboarding/persona").form().filled(dict(typed))
        sent["action"] = "later"
        client.post(f"/onboarding/persona?lang={code}", sent, 303, SAME_ORIGIN)
        return client.get("/onboarding/persona").form().values()["persona_name"]

    german = switch("de", {})
    assert german != english, "nothing was typed: the suggestion is made in the new language"
    assert "clockmaking" in german
    assert switch("es", {"persona_name": "Uhrwerk"}) == "Uhrwerk", "what was typed stays"


# All of it.


@pytest.mark.usefixtures("no_politeness")
def test_a_whole_journey_in_arabic_says_nothing_in_english(
    make_app: MakeApp, sqlite_url: str, site: SiteServer
) -> None:
    """In another script nothing that was left in English can hide."""
    app = make_app(sqlite_url, FETCH_ALLOW=site.host_port)
    client = PageClient(app)
    client.flask.set_cookie("language", "ar")
    own = _latin(" ".join(str(answers) for answers in ANSWERS.values()))
    own |= _latin(str(AVOID_WORDS["en"]))  # the pages are English
    own |= _latin(str(site.pages)) | _latin(" ".join(key[-4:] for key in KEYS.values()))
    allowed = own | _latin(IN_LATIN) | _latin(" ".join(_translations("ar")))
    seen = [client.get("/onboarding/")]
    changed = {"website": {"has_website": "yes", "website_url": site.url()}}
    for slug in ("api-keys", "website", "research", "persona", "integrations", "finish"):
        page = walk(client, slug, changed) if slug == "api-keys" else client.get(path_of(slug))
        seen.append(page)
        seen.append(
            client.submit(page, {}, "save", 422) if slug in ("api-keys", "finish") else page
        )
        save(client, slug, changed.get(slug))
        if slug == "website":
            seen.append(client.get("/onboarding/website/analysis"))
            with app.app_context():
                jobs.run_pending()
            seen.append(client.get("/onboarding/website/analysis"))
            seen.append(client.get("/onboarding/website"))
    for path in ("summary", "persona", "history", "reset", "sign-out", "resume-link", "your-data"):
        if any(str(rule) == f"/onboarding/{path}" for rule in app.url_map.iter_rules()) or (
            path == "persona"
        ):
            seen.append(client.get(f"/onboarding/{path}"))
    seen += [client.get("/accessibility"), client.get("/onboarding/nothing", 404)]
    for page in seen:
        assert _language(page) == ("ar", "rtl"), page.path
        words = _latin(_read_aloud(page)) - allowed
        assert words == set(), f"{page.path} says {sorted(words)}"


@pytest.mark.parametrize("code", ["es", "de"])
def test_pages_in_other_languages_hold_no_english_sentence(app: Flask, code: str) -> None:
    client = PageClient(app)
    client.flask.set_cookie("language", code)
    english = [
        message.id
        for message in _catalogue(code)
        if isinstance(message.id, str) and len(message.id) > 20 and "%" not in message.id
        and message.string != message.id and "{" not in message.id
    ]  # fmt: skip
    assert len(english) > 300
    pages = [client.get("/onboarding/"), walk(client, "persona"), client.get("/onboarding/history")]
    for page in pages:
        assert _language(page)[0] == code
        said = " ".join(_read_aloud(page).split())
        assert [text for text in english if text in said] == [], page.path


def test_a_mail_is_in_the_language_of_who_asked_for_it(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, SMTP_URL="smtp://127.0.0.1:9", MAIL_FROM="onward@example.com")
    client = PageClient(app)
    begin(client)
    client.flask.set_cookie("language", "ar")
    client.submit(client.get("/onboarding/resume-link"), {"email": "a@example.com"}, status=200)
    ((letter_id,),) = sql(app, "SELECT id FROM letters")
    with app.app_context():  # the job knows no language
        letter = MailTask().start(str(letter_id))
    assert letter is not None
    assert _latin(letter["subject"]) == {"onward"}
    assert _latin(letter["body"].replace("/resume/", " ").split("http")[0]) == set()
    assert "/onboarding/resume/" in letter["body"]


def test_wtforms_own_sentences_are_said_in_every_language(app: Flask) -> None:
    folder = Path(wtforms.i18n.messages_path())
    with (folder / "wtforms.pot").open("rb") as file:
        theirs = [message.id for message in read_po(file) if message.id]
    assert len(theirs) > 30
    for code in CODES[1:]:
        with app.test_request_context(f"/?lang={code}"):
            said = StepForm().meta.get_translations(StepForm())
            for one in theirs:
                if isinstance(one, str):
                    assert said.gettext(one) != one, (code, one)
                else:
                    assert said.ngettext(*one, 5) not in one, (code, one)


# What is stored in English is said again.


def test_stored_faults_and_warnings_are_said_again_with_their_values(app: Flask) -> None:
    with app.test_request_context("/?lang=de"):
        for code, text in FAULTS.items():
            values = {"host": "a.example", "seconds": "1.5", "limit": 5, "port": 99,
                      "content_type": "image/png", "answer": "404 Not Found"}  # fmt: skip
            stored = text.format(**values)
            said = fault_in_words(code, stored)
            assert said != stored, code
            assert "{" not in said
            for name, value in values.items():
                if f"{{{name}}}" in text:
                    assert str(value).replace(".5", ",5") in said, (code, said)
        for text in WARNINGS.values():
            stored = text.format(count=40, enough=100)
            assert warning_in_words(stored) != stored
        assert warning_in_words(None) == fault_in_words("dns_failed", None) == ""
        assert fault_in_words("no-such-code", "Something else.") == "Something else."
        assert fault_in_words("dns_failed", "An older sentence.") == "An older sentence."


def test_an_audience_is_said_again_from_its_parts(app: Flask) -> None:
    with app.test_request_context("/?lang=es"):
        for schooling in SCHOOLING.values():
            for addressed in ("", *(f"; {one}" for one in ADDRESSED)):
                stored = f"{READERS.format(language='German')}, {schooling}{addressed}"
                said = audience_in_words(stored, gettext)
                assert "alemán" in said
                assert "comfortable" not in said
                assert "spoken" not in said
        for stays in ("My aunts, and yours", "readers", "", "readers of German, who bake"):
            assert audience_in_words(stays, gettext) == stays


# Dates, numbers and forms.


def test_dates_numbers_and_lists_are_written_as_the_language_does(app: Flask) -> None:
    moment = datetime(2026, 11, 20, 10, 42, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    said = {}
    for code in CODES:
        with app.test_request_context(f"/?lang={code}"):
            said[code] = (str(written(elsewhere)), listed(["a", "b"]))
    start = '<time datetime="2026-11-20T10:42:00Z">'
    assert said["en"] == (f"{start}20 November 2026, 10:42 UTC</time>", "a, b")
    assert said["es"] == (f"{start}20 de noviembre de 2026, 10:42 UTC</time>", "a, b")
    assert said["de"] == (f"{start}20. November 2026, 10:42 UTC</time>", "a, b")
    assert said["ar"][0].startswith(f"{start}20 نوفمبر 2026")
    assert said["ar"][1] == "a، b"


def test_shares_are_written_as_the_language_does(app: Flask) -> None:
    said = {}
    for code in CODES:
        with app.test_request_context(f"/?lang={code}"):
            said[code] = [share(part) for part in (0.0834, 0.5, 12.5)]
    assert said["en"] == ["8.3%", "50%", "1,250%"]
    assert said["de"] == ["8,3\u00a0%", "50\u00a0%", "1.250\u00a0%"]
    assert said["es"][0] == "8,3\u00a0%"
    assert said["ar"][0].strip("\u200e\u200f").startswith("8.3")


def test_the_heading_of_an_error_page_is_said_in_every_language(app: Flask) -> None:
    for status in (400, 401, 403, 404, 405, 410, 413, 414, 415, 422, 429, 431, 500, 503):
        headings = []
        for code in CODES:
            with app.test_request_context(f"/?lang={code}"):
                page = error_page(status, "").get_data(as_text=True)
            headings += re.findall("<h1>(.+)</h1>", page)
        assert len(set(headings)) == len(CODES), headings
        assert HTTPStatus(status).phrase not in headings[1:]


def test_arabic_counts_in_its_six_forms(app: Flask) -> None:
    with app.test_request_context("/?lang=ar"):
        said = [
            ngettext("%(count)s word", "%(count)s words", n, count=n) for n in (0, 1, 2, 3, 11, 100)
        ]
    assert len({re.sub(r"\d", "", one) for one in said}) >= 5, said


def test_outside_of_a_request_everything_is_english(app: Flask) -> None:
    with app.app_context():
        assert languages.chosen() == "en"
        assert gettext("Skip to the content") == "Skip to the content"
        with languages.spoken("de"):
            assert gettext("Skip to the content") != "Skip to the content"


def _language(page: Page) -> tuple[str, str]:
    (root,) = page.find("/html")
    return str(root.get("lang")), str(root.get("dir"))


def _translations(code: str) -> Iterator[str]:
    for message in _catalogue(code):
        if message.id:
            yield from [message.string] if isinstance(message.string, str) else message.string


def _catalogue(code: str) -> Catalog:
    with catalogues.path_of(code).open("rb") as file:
        return read_po(file, locale=code)


def _latin(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Za-z]{3,}", text)}


def _read_aloud(page: Page) -> str:
    """What a reader of the page sees or hears that is in its own language."""
    skipped = "ancestor-or-self::*[self::script or self::style or self::code or self::textarea]"
    foreign = "ancestor-or-self::*[@lang and not(self::html)] or ancestor-or-self::*[@dir='ltr']"
    texts = page.find(f"//text()[not({skipped}) and not({foreign})]")
    spoken = page.find("//@title | //@aria-label | //@placeholder | //@alt")
    return " ".join(map(str, [*texts, *spoken]))


_OTHERS = """
from datetime import datetime
import babel.core
from babel import Locale, dates, numbers
from webapp import languages

codes = ["zh_TW", "pt_BR", "sr_Latn", "fr", "no", "he"]
babel.core._global_data = None  # as it comes with Babel
languages._drop_unused(codes, [str(Locale.parse(code)) for code in codes])
for code in codes:
    moment, locale = datetime(2026, 11, 27, 12, 30), Locale.parse(code)
    print(locale, locale.text_direction, dates.format_date(moment, "long", locale=code), end=" ")
    print(dates.format_time(moment, "HH:mm", locale=code), end=" ")
    print(numbers.format_decimal(1234.5, locale=code))
"""


def test_what_is_dropped_of_other_languages_is_there_for_those_that_are_added() -> None:
    """Babel finds `zh_TW` by what it knows of all languages, of which ours alone is kept."""
    told = subprocess.run(
        [sys.executable, "-c", _OTHERS], cwd=TOP, capture_output=True, text=True, check=True
    ).stdout
    assert "2026年11月27日 12:30 1,234.5" in told
    assert "27 de novembro de 2026 12:30 1.234,5" in told
    assert len(told.splitlines()) == 6
