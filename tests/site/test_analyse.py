"""From an address to the analysis that is stored."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.site.conftest import LocalSite, html, redirect, sample
from webapp.site.address import AddressError
from webapp.site.analyse import ReadPage, analyse, analyse_text, summarise
from webapp.site.fetch import FetchError, FetchPolicy, Page
from webapp.site.text import read_page

NAMES = """
website_url language pages_read measures writing_style content_characteristics target_audience
content_type recommended_settings style_patterns style_guidelines brand_analysis seo_audit
crawl_result warning_message evidence
"""
KEYS = set(NAMES.split())


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
    )
    assert result.keys() >= KEYS
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert longest_string(result) <= 2000
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
        }
    ]
    assert told == [(0, 1), (1, 1)]


def test_what_is_found_on_the_site_is_handed_on(site: LocalSite, policy: FetchPolicy) -> None:
    site.answers["/"] = html(sample("easy_english"))
    found = analyse(site.url(), policy)["crawl_result"]
    assert found["detected_platforms"] == ["wordpress", "gsc", "rss", "instagram", "youtube"]
    assert found["feeds"] == [site.url("/feed/")]
    assert found["social_media"]["youtube"] == "https://www.youtube.com/@smallgarden"
    assert "What should you plant first?" in found["headings"]


def test_what_cannot_be_fetched_is_told(site: LocalSite, policy: FetchPolicy) -> None:
    with pytest.raises(FetchError, match="404 Not Found"):
        analyse(site.url("/nothing"), policy)
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
    assert result.keys() >= KEYS


def test_a_page_takes_little_time_once_the_libraries_are_loaded() -> None:
    summarise("https://a.example/", [read("easy_english", "https://a.example/")])
    started = time.process_time()
    summarise("https://a.example/", [read("easy_english", "https://a.example/")])
    assert time.process_time() - started < 0.15
