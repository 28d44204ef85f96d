"""Where the writing goes, and whom to tell."""

from collections.abc import Iterator

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wizard.samples import begin, faults, read, save, step, walk
from webapp.steps.integrations import PLATFORMS, is_usual

ALL = [value for value, _label in PLATFORMS]


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def session_id(context: None) -> str:
    """A session whose next step is this one."""
    started = begin()
    walk(started, until="persona")
    return started


def stored(session_id: str):  # type: ignore[no-untyped-def]
    return read(session_id).answer("integrations")


def test_the_platforms_are_the_contract_s() -> None:
    assert ALL == [
        "wordpress", "wix", "ghost", "gsc", "bing", "ga4", "rss", "linkedin", "facebook",
        "twitter", "instagram", "youtube",
    ]  # fmt: skip


def test_the_step_is_optional() -> None:
    assert step("integrations").optional


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [(None, []), ([], []), (ALL, ALL), (["youtube", "wix", "wix"], ["wix", "youtube"])],
)
def test_any_number_of_platforms_can_be_chosen(
    session_id: str, chosen: list[str] | None, kept: list[str]
) -> None:
    save(session_id, "integrations", platforms=chosen)
    assert stored(session_id).platforms == kept


@pytest.mark.parametrize("chosen", [["myspace"], ["wix", "myspace"], ["WIX"], [""], ["wix\0"]])
def test_a_platform_that_is_not_in_the_list_is_refused(chosen: list[str]) -> None:
    assert faults("integrations", platforms=chosen) == {"platforms"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (None, None),
        ("", None),
        ("   ", None),
        ("baker@fern-street.org", "baker@fern-street.org"),
        ("  baker+news@Fern-Street.ORG \r\n", "baker+news@fern-street.org"),
        ("bäcker@bücher.de", "bäcker@bücher.de"),
        ("b@" + "d" * 63 + ".org", "b@" + "d" * 63 + ".org"),
        ("l" * 64 + "@fern-street.org", "l" * 64 + "@fern-street.org"),
    ],
)
def test_an_address_for_news_is_optional(
    session_id: str, typed: str | None, kept: str | None
) -> None:
    save(session_id, "integrations", notify_email=typed)
    assert stored(session_id).notify_email == kept


@pytest.mark.parametrize(
    "typed",
    [
        "baker", "@fern-street.org", "baker@", "baker@fern", "a@b@fern-street.org",
        "baker@fern street.org", "baker @fern-street.org", "Baker <baker@fern-street.org>",
        "baker@fern-street.org, other@fern-street.org", "baker@-fern.org", "baker@fern..org",
        "baker@fern-street.org\nBcc: x@fern-street.org", "baker@fern-street.org\0",
        "ba\x07ker@fern-street.org", "javascript:alert(1)", "l" * 200 + "@" + "d" * 60 + ".org",
        "b@" + "d" * 64 + ".org", "b@" + ".".join(["d" * 60] * 5) + ".org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(typed: str) -> None:
    assert faults("integrations", notify_email=typed) == {"notify_email"}


_LABELS = st.text("abxn09-_Aß", max_size=12) | st.sampled_from(["fern-street", "xn--a", "d" * 60])
_NAMES = st.lists(_LABELS, min_size=1, max_size=5).map(".".join)
_ENDS = st.sampled_from(
    [*SPECIAL_USE_DOMAIN_NAMES, "org", "co.uk", "o1", "o", "ORG", "org.", "org\n"]
)
_SEPARATED = st.tuples(_NAMES, st.sampled_from(["@", "@.", "", "@@", "\n@"]), _NAMES, _ENDS)


@given(address=_SEPARATED.map(lambda parts: "{}{}{}.{}".format(*parts)) | st.text(max_size=30))
@settings(deadline=None, max_examples=500)
def test_a_usual_address_is_one_that_the_library_would_hand_back(address: str) -> None:
    if is_usual(address):
        assert validate_email(address, check_deliverability=False).normalized == address


@pytest.mark.parametrize("name", ["a", "baker+news", "first.last", "a_b-c.d1"])
@pytest.mark.parametrize("domain", [*SPECIAL_USE_DOMAIN_NAMES, "fern-street.org", "a.b.co.uk"])
def test_a_name_that_nobody_has_mail_at_is_not_usual(name: str, domain: str) -> None:
    for host in (domain, f"sub.{domain}"):
        assert is_usual(f"{name}@{host}") == (domain not in SPECIAL_USE_DOMAIN_NAMES)


def test_an_address_in_any_form_fits_its_column(session_id: str) -> None:
    """254 octets on the wire are the longest address there is."""
    longest = "l" * 64 + "@" + ".".join(["d" * 59] * 3) + "." + "o" * 9
    assert len(longest) == 254
    assert faults("integrations", notify_email=longest + "o") == {"notify_email"}
    save(session_id, "integrations", notify_email=longest)
    assert stored(session_id).notify_email == longest


def test_the_summary_shows_platforms_and_address(session_id: str) -> None:
    save(session_id, "integrations", platforms=["rss", "gsc"])
    texts = [str(row.value) for row in step("integrations").rows(read(session_id))]
    assert "Google Search Console" in texts[0]
    assert "baker@fern-street.org" in texts[1]


def test_nothing_chosen_is_shown_in_words(session_id: str) -> None:
    save(session_id, "integrations", platforms=[], notify_email="")
    rows = list(step("integrations").rows(read(session_id)))
    assert all(str(row.value).strip() for row in rows)


def test_a_connection_is_possible_once_a_platform_is_chosen(session_id: str) -> None:
    names = []
    for chosen in ([], ["rss"]):
        save(session_id, "integrations", platforms=chosen)
        (capability,) = step("integrations").capabilities(read(session_id))
        names.append((capability.name, capability.available))
    assert names == [("integrations", False), ("integrations", True)]


def test_a_skipped_step_offers_nothing(session_id: str) -> None:
    (capability,) = step("integrations").capabilities(read(session_id))
    assert not capability.available
    assert list(step("integrations").rows(read(session_id))) == []
