"""What kind of device somebody begins on, from what its browser calls itself."""

import pytest

from webapp.devices import device_class, of_request

M = "Mozilla/5.0 "


@pytest.mark.parametrize(
    ("user_agent", "word"),
    [
        (M + "(Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36", "desktop"),
        (M + "(Macintosh; Intel Mac OS X 10_15_7) Version/19.0 Safari/605.1.15", "desktop"),
        (M + "(X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "desktop"),
        (M + "(X11; CrOS x86_64 14541.0.0) Chrome/140.0 Safari/537.36", "desktop"),
        (M + "(iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148 Safari/604.1", "phone"),
        (M + "(Linux; Android 15; Pixel 9) Chrome/140.0 Mobile Safari/537.36", "phone"),
        (M + "(Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "phone"),
        (M + "(iPad; CPU OS 12_5 like Mac OS X) Mobile/15E148 Safari/604.1", "tablet"),
        (M + "(Linux; Android 14; SM-X710) Chrome/140.0 Safari/537.36", "tablet"),
        (M + "(Android 14; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0", "tablet"),
        (M + "(Linux; Android 11; KFTRWI) Silk/120 like Chrome/120 Safari/537.36", "tablet"),
        (M + "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)", None),
        (M + "(Linux; Android 12; BRAVIA 4K) Chrome/120 Safari/537.36", None),
        ("curl/8.9.1", None),
        ("python-requests/2.32", None),
        ("okhttp/4.12", None),
        ("", None),
        ("x" * 100_000 + "iPhone", None),
        ("Mobi" * 50_000, "phone"),
    ],
)  # fmt: skip
def test_a_browser_is_one_word(user_agent: str, word: str | None) -> None:
    assert device_class(user_agent) == word


def test_outside_of_a_request_it_is_not_known() -> None:
    assert of_request() is None
