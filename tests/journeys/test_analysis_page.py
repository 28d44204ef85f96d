"""What the page of an analysis shows: how far it is, pictures, measures, advice, competitors."""

import json
import re
from typing import Any

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.journeys.walk import path_of, sql, walk
from tests.support.pages import Page, PageClient, text_of
from tests.support.site import SiteServer, prose_page
from webapp import jobs
from webapp.site import profile

pytestmark = pytest.mark.usefixtures("no_politeness")

ANALYSIS = "/onboarding/website/analysis"


@pytest.fixture
def reading(make_app: MakeApp, sqlite_url: str, site: SiteServer) -> Flask:
    """An application that may read the local site."""
    return make_app(sqlite_url, FETCH_ALLOW=site.host_port)


@pytest.fixture
def client(reading: Flask) -> PageClient:
    """Its pages."""
    return PageClient(reading)


def _read(client: PageClient, app: Flask, site: SiteServer) -> None:
    walk(client, "research", {"website": {"has_website": "yes", "website_url": site.url()}})
    _work(app)


def _work(app: Flask) -> None:
    with app.app_context():
        jobs.run_pending()


def _change(app: Flask, column: str, **changes: Any) -> None:
    ((stored,),) = sql(app, f"SELECT {column} FROM website_analyses")  # noqa: S608 - our own names
    value = json.loads(str(stored)) | changes
    sql(app, f"UPDATE website_analyses SET {column} = :v", v=json.dumps(value))  # noqa: S608


def _measures(app: Flask) -> dict[str, Any]:
    ((stored,),) = sql(app, "SELECT measures FROM website_analyses")
    return dict(json.loads(str(stored)))


def _svg(page: Page, id: str) -> Any:
    (found,) = page.find(f"//*[name()='svg'][contains(@aria-labelledby, '{id}-title')]")
    return found


# -- how far it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("done", "known", "label", "bar"),
    [
        (5, 12, "5 of 12 pages", {"value": "5", "max": "12"}),
        (0, 12, "0 of 12 pages", {"value": "0", "max": "12"}),
        (None, 1, "0 of 1 page", {"value": "0", "max": "1"}),
        (13, 12, "13 of 12 pages", {"value": "12", "max": "12"}),
        (None, None, "Pages are being looked for", {}),
        (3, None, "Pages are being looked for", {}),
    ],
)
@pytest.mark.parametrize("fragment", [False, True], ids=["page", "fragment"])
def test_a_bar_tells_how_far_the_reading_is(
    client: PageClient,
    reading: Flask,
    done: int | None,
    known: int | None,
    label: str,
    bar: dict[str, str],
    fragment: bool,
) -> None:
    walk(client, "research", {"website": {"has_website": "yes", "website_url": "clock.example"}})
    sql(
        reading,
        "UPDATE website_analyses SET status = 'in_progress', pages_done = :d, pages_known = :k",
        d=done,
        k=known,
    )
    headers = {"X-Fragment": "1"} if fragment else {}
    page = client.get(ANALYSIS, headers=headers, fragment=fragment)
    (progress,) = page.find("//progress")
    assert {name: progress.get(name) for name in ("value", "max") if progress.get(name)} == bar
    (named,) = page.find("//label[@for='reading-bar']")
    assert text_of(named) == label


def test_a_queued_analysis_waits_for_its_turn(client: PageClient) -> None:
    walk(client, "research", {"website": {"has_website": "yes", "website_url": "clock.example"}})
    page = client.get(path_of("website"))
    assert page.text("//label[@for='reading-bar']") == "Waiting for its turn"


# -- pictures --------------------------------------------------------------------------------------


def test_the_histogram_is_what_was_counted_and_says_the_same_in_a_table(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    _read(client, reading, site)
    bins = _measures(reading)["sentence_length_histogram"]
    page = client.get(ANALYSIS)
    picture = _svg(page, "lengths")
    assert picture.get("role") == "img"
    heights = [float(bar.get("height")) for bar in picture.xpath(".//*[@class='picture-bar']")]
    most = max(one["count"] for one in bins)
    assert heights == [pytest.approx(one["count"] / most * 110, abs=0.06) for one in bins]
    told = [
        [text_of(cell) for cell in row.xpath("./*")]
        for row in picture.xpath("ancestor::div[@class='picture']//tbody/tr")
    ]
    assert [int(count) for _range, count in told] == [one["count"] for one in bins]
    assert told[0][0] == "1 to 5"
    assert told[-1][0] == "41 or more"
    described = picture.xpath("./*[name()='desc']")[0].text_content()
    assert f"Most sentences, {most}," in described


def test_the_style_profile_tells_each_scale_with_the_thresholds_of_the_rules(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    """The picture would lie if the rules moved and it did not."""
    _read(client, reading, site)
    page = client.get(ANALYSIS)
    picture = _svg(page, "profile")
    table = {
        text_of(row.xpath("./th")[0]): [text_of(cell) for cell in row.xpath("./td")]
        for row in picture.xpath("ancestor::div[@class='picture']//tbody/tr")
    }
    usual = profile.USUAL_LONG_WORDS["en"]
    expected = {
        "Words a sentence": (profile.SHORT_SENTENCES, profile.LONG_SENTENCES, 1),
        "Long words": (usual * profile.FEW_LONG_WORDS, usual * profile.MANY_LONG_WORDS, 100),
        "Different words among 100": (profile.PLAIN_DIVERSITY, profile.RICH_DIVERSITY, 100),
        "“You” among the words": (profile.SOME_YOU, profile.MUCH_YOU, 100),
        "“I” and “we” among the words": (profile.SOME_I, profile.MUCH_I, 100),
        "Questions among the sentences": (profile.SOME_QUESTIONS, profile.MANY_QUESTIONS, 100),
        "Exclamations among the sentences": (
            profile.SOME_EXCLAMATIONS,
            profile.MANY_EXCLAMATIONS,
            100,
        ),
        "Contractions among the words": (
            profile.SOME_CONTRACTIONS,
            profile.MANY_CONTRACTIONS,
            100,
        ),
    }
    assert set(table) == set(expected)
    for name, (low, high, times) in expected.items():
        figures = [float(figure) for figure in re.findall(r"[\d.]+", table[name][1])]
        assert figures == [pytest.approx(low * times), pytest.approx(high * times)], name
    marks = picture.xpath(".//*[@class='picture-mark']")
    assert len(marks) == len(table)
    assert all(6 <= float(mark.get("cx")) <= 314 for mark in marks)


def test_the_long_words_of_another_language_are_measured_by_its_own_usage(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    _read(client, reading, site)
    _change(reading, "measures", language="de")
    profile = _svg(client.get(ANALYSIS), "profile")
    rows = {
        text_of(row.xpath("./th")[0]): text_of(row.xpath("./td")[1])
        for row in profile.xpath("ancestor::div[@class='picture']//tbody/tr")
    }
    assert rows["Long words"] == "21.7% to 40.6%"


def test_a_measure_off_the_scale_stays_in_the_picture(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    _read(client, reading, site)
    _change(reading, "measures", average_sentence_length=900, lexical_diversity=0.01)
    picture = _svg(client.get(ANALYSIS), "profile")
    marks = [float(mark.get("cx")) for mark in picture.xpath(".//*[@class='picture-mark']")]
    assert max(marks) == 314
    assert min(marks) == 6
    histogram = _svg(client.get(ANALYSIS), "lengths")
    (mark,) = histogram.xpath(".//*[@class='picture-mark']")
    assert float(mark.get("d")[1:].split()[0]) < 7 + 34 * 9


def test_colours_of_a_site_are_drawn_only_when_they_are_plain(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    """A fill may also be an address: that of somebody else's server."""
    _read(client, reading, site)
    colours = ["#c2410c", "#FFF", "url(https://evil.example/a)", "red", "#12345", '#"><b>']
    _change(reading, "brand_analysis", colours=colours)
    page = client.get(ANALYSIS)
    drawn = [str(fill) for fill in page.find("//*[@class='swatch']/*/@fill")]
    assert drawn == ["#c2410c", "#FFF"]
    told = [text_of(item) for item in page.find("//*[contains(@class, 'swatches')]/li")]
    assert told == colours


def test_what_was_not_measured_is_not_drawn(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    site.pages["/"] = (200, {}, "<title>Hello</title><p>Hello there.</p>")
    _read(client, reading, site)
    page = client.get(ANALYSIS)
    assert "not measured" in page.text("//main")
    assert not page.find("//*[@class='picture']")


def test_an_analysis_of_an_earlier_version_is_still_shown(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    _read(client, reading, site)
    sql(
        reading,
        "UPDATE website_analyses SET measures = :m, brand_analysis = NULL, seo_audit = NULL, "
        "style_guidelines = NULL, crawl_result = NULL",
        m=json.dumps({"word_count": 300, "average_sentence_length": 12.5}),
    )
    assert "12.5 words on average" in client.get(ANALYSIS).text("//main")


# -- measures, advice, search engines --------------------------------------------------------------


def test_each_measure_tells_on_demand_how_it_was_computed_and_from_how_much(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    _read(client, reading, site)
    page = client.get(ANALYSIS)
    rows = {
        text_of(row.xpath("./dt")[0]): text_of(row.xpath("./dd")[0])
        for row in page.find("//details[@class='part'][.//details[@class='method']]//dl/div")
    }
    assert len(rows) > 15
    for name, said in rows.items():
        assert "How it is computed" in said, name
        assert re.search(r"from \d", said), name
    assert "All words divided by all sentences." in rows["Words a sentence"]
    assert "an estimate" in rows["Passive"]


def test_the_advice_and_the_checks_are_those_that_were_derived(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    _read(client, reading, site)
    ((guidelines, audit),) = sql(
        reading, "SELECT style_guidelines, seo_audit FROM website_analyses"
    )
    said = client.get(ANALYSIS).text("//main")
    advice = json.loads(str(guidelines))
    for sentence in advice["guidelines"]["structure_guidelines"] + advice["best_practices"]:
        assert sentence in said
    checks = json.loads(str(audit))
    assert f"{checks['score']}% of the checks passed" in said
    for issue, mend in zip(checks["issues"], checks["recommendations"], strict=True):
        assert issue in said
        assert mend in said


def test_the_pages_that_were_read_are_listed(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    _read(client, reading, site)
    listed = client.get(ANALYSIS).text("//*[contains(@class, 'pages-read')]")
    assert site.url() in listed
    assert "words" in listed


# -- competitors -----------------------------------------------------------------------------------


def _with_rival(client: PageClient, app: Flask, site: SiteServer, path: str) -> None:
    changes = {
        "website": {"has_website": "yes", "website_url": site.url()},
        "research": {"competitors": site.url(path)},
    }
    walk(client, changes=changes)  # type: ignore[arg-type]
    _work(app)
    _work(app)


def test_a_competitor_is_compared_in_a_sentence_and_measure_by_measure(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    short = "<p>" + "We bake. You eat. Come in now. Bring your friends. " * 40 + "</p>"
    site.pages["/rival"] = (200, {}, f"<html lang=en><title>Rival</title><main>{short}</main>")
    _with_rival(client, reading, site, "/rival")
    for path in (path_of("research"), "/onboarding/summary"):
        page = client.get(path)
        (section,) = page.find("//section[@class='compared']")
        said = text_of(section)
        assert site.url("/rival") in said
        assert re.search(r"Their sentences are \d+ words shorter\.", said)
        cells = [text_of(cell) for cell in section.xpath(".//tbody/tr[1]/td")]
        assert float(cells[0]) > float(cells[1])


def test_a_competitor_that_cannot_be_read_or_is_not_read_yet_says_so(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    changes = {
        "website": {"has_website": "yes", "website_url": site.url()},
        "research": {"competitors": site.url("/missing")},
    }
    walk(client, changes=changes)  # type: ignore[arg-type]
    assert "Being read now" in client.get(path_of("research")).text("//*[@class='compared']")
    _work(reading)
    _work(reading)
    assert "could not be read" in client.get(path_of("research")).text("//*[@class='compared']")


def test_without_a_site_of_one_s_own_there_is_nothing_to_compare_with(
    client: PageClient, reading: Flask, site: SiteServer
) -> None:
    site.pages["/rival"] = prose_page()
    walk(client, "persona", {"research": {"competitors": site.url("/rival")}})
    _work(reading)
    assert "your own site is not measured" in client.get(path_of("research")).text(
        "//*[@class='compared']"
    )


def test_without_competitors_nothing_is_compared(client: PageClient) -> None:
    walk(client, changes={"research": {"competitors": ""}})
    assert not client.get("/onboarding/summary").find("//*[@class='compared']")
