"""From an address to the analysis that is stored."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.site.conftest import LocalSite, html, redirect, sample
from webapp.site.address import AddressError
from webapp.site.analyse import analyse, analyse_text, clean, summarise, without_furniture
from webapp.site.crawl import Limits, ReadPage
from webapp.site.fetch import FetchError, FetchPolicy, Page
from webapp.site.text import read_page

NAMES = """
website_url language pages_read measures writing_style content_characteristics target_audience
content_type recommended_settings style_patterns style_guidelines brand_analysis seo_audit
crawl_result warning_message evidence page_cache
"""
KEYS = set(NAMES.split())
QUICK = Limits(pause=0, seconds=10)


def longest_string(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return max((longest_string(part) for part in [*value, *value.values()]), default=0)
    if isinstance(value, list):
        return max((longest_string(part) for part in value), default=0)
    return 0


@pytest.mark.parametrize(
    ("name", "language", "enough"),
    [
        ("easy_english", "en", True),
        ("difficult_english", "en", True),
        ("spanish", "es", True),
        ("navigation", "en", False),
        ("broken", "en", False),
    ],
)
def test_a_page_is_fetched_measured_and_judged(
    name: str, language: str, enough: bool, site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = redirect("/home")
    site.answers["/home"] = html(sample(name))
    told = []
    result = analyse(
        f" {site.url().upper()} ",
        replace(policy, total_seconds=5),
        lambda done, known: told.append((done, known)),
        limits=QUICK,
    )
    assert result.keys() >= KEYS
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert longest_string(result | {"page_cache": None}) <= 2000
    assert result["website_url"] == site.url()
    assert result["pages_read"] == 1
    assert result["language"] == language
    assert result["measures"]["enough_text"] is enough
    assert (result["warning_message"] is None) is enough
    assert result["crawl_result"]["pages"] == [
        {
            "url": site.url("/home"),
            "title": result["crawl_result"]["title"],
            "words": result["measures"]["word_count"],
            "language": language,
            "measured": True,
        }
    ]
    assert told[0] == (0, 1)
    assert told[-1] == (1, 1)


def test_what_is_found_on_the_site_is_handed_on(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = html(sample("easy_english"))
    found = analyse(site.url(), policy, limits=QUICK)["crawl_result"]
    assert found["detected_platforms"] == ["wordpress", "gsc", "rss", "instagram", "youtube"]
    assert found["feeds"] == [site.url("/feed/")]
    assert found["social_media"]["youtube"] == "https://www.youtube.com/@smallgarden"
    assert "What should you plant first?" in found["headings"]


def test_what_cannot_be_fetched_is_told(site: LocalSite, policy: FetchPolicy) -> None:
    with pytest.raises(FetchError, match="404 Not Found"):
        analyse(site.url("/nothing"), policy, limits=QUICK)
    with pytest.raises(FetchError, match="private network"):
        analyse("http://10.0.0.1/", policy)
    with pytest.raises(AddressError):
        analyse("not a site", policy)


def read(name: str, url: str) -> ReadPage:
    body = sample(name)
    page = Page(url, 200, "text/html; charset=utf-8", body)
    return ReadPage(page, read_page(body, page.content_type, url))


def test_several_pages_are_measured_as_one_text_and_repeats_count_once() -> None:
    first = read("easy_english", "https://a.example/")
    second = read("difficult_english", "https://a.example/two")
    words = [
        summarise("https://a.example/", [page])["measures"]["word_count"]
        for page in (first, second)
    ]
    both = summarise("https://a.example/", [first, second, first])
    assert both["pages_read"] == 3
    assert both["measures"]["word_count"] == sum(words)
    assert [page["words"] for page in both["crawl_result"]["pages"]] == [*words, words[0]]
    assert both["crawl_result"]["title"] == first.text.title


def test_a_sample_of_text_is_analysed_without_a_page() -> None:
    text = "\n\n".join(read("easy_english", "https://a.example/").text.paragraphs)
    result = analyse_text(text)
    assert result["language"] == "en"
    assert result["measures"]["paragraph_count"] == 8
    assert result["writing_style"]["complexity"] == "simple"
    assert result["seo_audit"] is None
    assert result.keys() >= KEYS - {"page_cache"}


def page_of(*paragraphs: str, url: str = "https://a.example/", lang: str = "en") -> ReadPage:
    body = f"<html lang={lang}><body><main>" + "".join(f"<p>{p}</p>" for p in paragraphs)
    page = Page(url, 200, "text/html; charset=utf-8", b"")
    return ReadPage(page, read_page(body.encode(), page.content_type, url))


def test_what_stands_on_three_pages_is_furniture_whatever_number_is_in_it() -> None:
    notes = [f"Copyright {year} by the bakery, all rights reserved." for year in (2021, 2022, 2023)]
    assert without_furniture([["One.", notes[0]], ["Two.", notes[1]], ["Three.", notes[2]]]) == [
        "One.",
        "Two.",
        "Three.",
    ]
    assert without_furniture([["One.", "Same."], ["Two.", "Same."]]) == ["One.", "Same.", "Two."]
    assert without_furniture([["Same."]] * 3) == ["Same."]
    assert without_furniture([]) == []


def test_pages_in_another_language_are_named_and_not_measured() -> None:
    english = read("easy_english", "https://a.example/")
    more = read("difficult_english", "https://a.example/2")
    foreign = read("spanish", "https://a.example/es")
    alone = summarise("https://a.example/", [english, more])
    both = summarise("https://a.example/", [english, more, foreign])
    assert both["measures"]["word_count"] == alone["measures"]["word_count"]
    shown = [(page["language"], page["measured"]) for page in both["crawl_result"]["pages"]]
    assert shown == [("en", True), ("en", True), ("es", False)]


def test_each_measure_carries_what_it_rests_on() -> None:
    measures = summarise("https://a.example/", [read("easy_english", "https://a.example/")])[
        "measures"
    ]
    basis = measures["rests_on"]
    assert basis["top_words"] == {"amount": measures["word_count"], "unit": "words"}
    assert basis["question_share"] == {"amount": measures["sentence_count"], "unit": "sentences"}
    assert basis["heading_count"] == {"amount": 1, "unit": "pages"}
    assert measures["heading_count"] == 4
    assert measures["call_count"] >= 1


def test_a_sample_sentence_names_its_page() -> None:
    pages = [
        read("easy_english", "https://a.example/"),
        read("difficult_english", "https://a.example/2"),
    ]
    samples = summarise("https://a.example/", pages)["measures"]["sample_sentences"]
    assert len(samples) == 12
    assert {one["url"] for one in samples} == {"https://a.example/", "https://a.example/2"}
    for one in samples:
        page = next(page for page in pages if page.text.url == one["url"])
        assert one["text"] in " ".join(page.text.paragraphs)


def test_the_brand_is_left_out_when_it_is_switched_off(
    site: LocalSite, policy: FetchPolicy
) -> None:
    site.answers["/"] = html(
        "<html lang=en><head><meta name=theme-color content='#0A7'><style>"
        ":root{--brand-primary:#b00020} p{color:#333} a{color:rgb(0, 90, 200)} b{color:#005ac8}"
        "</style></head><body><img class=logo src=/logo.svg alt=''><main><p>We believe in bread "
        "that takes its time, and nobody has to hurry here.</p></main></body></html>"
    )
    shown = analyse(site.url(), policy, limits=QUICK)["brand_analysis"]
    assert shown["colours"] == ["#00aa77", "#b00020", "#005ac8"]
    assert shown["logo_url"] == site.url("/logo.svg")
    assert shown["brand_values"] == [
        "We believe in bread that takes its time, and nobody has to hurry here."
    ]
    assert analyse(site.url(), policy, limits=QUICK, brand=False)["brand_analysis"] is None


def test_a_result_holds_nothing_that_a_json_column_refuses() -> None:
    assert clean({"a\x00": ["b\ud800c", ("d", 1, None)]}) == {"a": ["bc", ["d", 1, None]]}


def test_a_very_long_site_is_measured_up_to_the_limit_and_says_so() -> None:
    words = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
    long = page_of(*(f"{words} number {n}." for n in range(12_000)))
    pages = [
        long,
        page_of(*(f"{words} other {n}." for n in range(12_000)), url="https://a.example/2"),
    ]
    started = time.process_time()
    result = summarise("https://a.example/", [ReadPage(p.page, p.text) for p in pages] * 3)
    assert time.process_time() - started < 6
    assert result["measures"]["word_count"] > 30_000


def test_a_page_takes_little_time_once_the_libraries_are_loaded() -> None:
    summarise("https://a.example/", [read("easy_english", "https://a.example/")])
    started = time.process_time()
    summarise("https://a.example/", [read("easy_english", "https://a.example/")])
    assert time.process_time() - started < 0.15
