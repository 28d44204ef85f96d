"""Which language a request is answered in, and what every page needs to know of it.

`?lang=` decides, then what was chosen before, then `Accept-Language`, then English. The choice is
kept in a cookie of its own, so that it outlives "Forget this device" and a resume link, and no
statement is needed to know it. English is what the code is written in; every other language is a
file below `webapp/translations/`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlencode

from babel import Locale, dates, localedata, numbers
from babel.core import get_global
from babel.support import NullTranslations
from flask import Flask, Response, g, has_request_context, request
from flask_babel import force_locale
from markupsafe import Markup, escape
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from wtforms import i18n

from webapp import catalogues, texts
from webapp.at_hand import ours, the_request
from webapp.config import Settings
from webapp.extensions import babel
from webapp.headers import add_missing, kept_if_short, vary_by
from webapp.moments import iso
from webapp.security import cookie_name
from webapp.site.marked import N_, NN_
from webapp.texts import gettext as _

DEFAULT = "en"
COOKIE = "language"
KEPT_SECONDS = 400 * 24 * 3600
"""How long a choice is kept: the most that browsers grant."""

_DATES = {"en": "en_GB"}
"""Where dates are written otherwise than the language's code alone would have them: the English of
the texts is British."""


_UNUSED_DATA = (
    *("currency_names", "currency_names_plural", "compact_currency_formats"),
    *("unit_display_names", "unit_patterns", "compound_unit_patterns", "compact_decimal_formats"),
    *("time_zones", "meta_zones", "zone_formats"),
    *("date_fields", "datetime_skeletons", "interval_formats", "day_period_rules"),
    "currency_symbols",
)
"""What Babel loads of a locale and nobody here writes: currencies, units, zones, spans of time. How
languages and countries are called in it stays: Babel asks for that when it writes a catalogue."""
_UNUSED_GLOBALS = (
    *("territory_currencies", "currency_fractions", "all_currencies", "territory_languages"),
    *("territory_zones", "zone_territories", "zone_aliases", "windows_zone_mapping", "meta_zones"),
)
"""What it loads of the world beside them."""
_GLOBALS_BY_CODE = ("likely_subtags", "language_aliases", "territory_aliases")
"""And what a code stands for: `zh_TW` is `zh_Hant_TW`, and so on for eight thousand."""


@cache
def known() -> dict[str, Locale]:
    """Code -> locale of every language, English first, then by their own names."""
    return {code: locale for code, (locale, _name) in _known().items()}


@cache
def _known() -> dict[str, tuple[Locale, str]]:
    found = {}
    for code in (DEFAULT, *catalogues.codes()):
        locale = Locale.parse(code)
        found[code] = locale, str(locale.get_display_name(locale))
    _drop_unused(found, [*(str(locale) for locale, _name in found.values()), *_DATES.values()])
    first = found.pop(DEFAULT)
    return {DEFAULT: first} | dict(sorted(found.items(), key=lambda item: item[1][1]))


def _drop_unused(codes: Iterable[str], locales: Iterable[str]) -> None:
    """Give back the larger part of what Babel keeps in memory of our languages (`locales`: what it
    calls them), of those that they build on, and of others: 6 MB of a process that has served."""
    parts = {part for code in codes for part in code.split("_")}
    for code in locales:
        parts.update(code.split("_"))
        while True:
            data = localedata.load(code)
            for name in _UNUSED_DATA:
                data.pop(name, None)
            if code == "root":
                break
            above = get_global("parent_exceptions").get(code)
            code = above or code.rpartition("_")[0] or "root"
    world: Callable[..., dict[str, Any]] = get_global  # type: ignore[assignment]
    for unused in _UNUSED_GLOBALS:
        world(unused).clear()
    for name in _GLOBALS_BY_CODE:
        data = world(name)
        ours = {key: one for key, one in data.items() if key.partition("_")[0] in parts}
        data.clear()  # else its room stays as large as it was
        data.update(ours)


def tag(code: str) -> str:
    """A code as HTML and HTTP write it: `pt_BR` -> `pt-BR`."""
    return code.replace("_", "-")


def name_of(code: str) -> str:
    """A language's name in itself, as it stands in a list: `Español`."""
    name = _known()[code][1]
    return name[:1].upper() + name[1:]


@cache
def _tags() -> dict[str, str]:
    return {tag(code).lower(): code for code in known()}


def find(language: str | None) -> str | None:
    """The code for a language tag (`es`, `es-MX`, `de_AT`), None for a language that is not ours.

    Looks up as RFC 4647 does: what a tag says beyond the language is left out until one fits.
    """
    parts = (language or "")[:35].strip().lower().replace("_", "-").split("-")
    while parts:
        code = _tags().get("-".join(parts))
        if code:
            return code
        parts.pop()
    return None


def chosen() -> str:
    """The code of the language of this request; English outside of one."""
    try:  # asked for at every text of a page, so the usual way is the short one
        return ours().language
    except (AttributeError, LookupError):
        if not has_request_context():
            return DEFAULT
        ours().language = code = asked_for() or _of_before()
        return code


def _of_before() -> str:
    """The one that was chosen earlier, or that the browser asks for."""
    kept = _kept()
    return (find(kept) if kept else None) or _accepted() or DEFAULT


def asked_for() -> str | None:
    """The code that `?lang=` names; a name that is not known counts as none."""
    asked = the_request()
    return find(asked.args.get("lang")) if asked.query_string else None


def _accepted() -> str | None:
    """The first that the browser's user prefers. One that speaks Mexican Spanish, then English,
    reads Spanish: exact matches don't come first."""
    return _preferred(the_request().environ.get("HTTP_ACCEPT_LANGUAGE", ""))


@kept_if_short(512)
def _preferred(said: str) -> str | None:
    accepted = parse_accept_header(said, LanguageAccept)
    wanted = (find(language) for language, quality in accepted if quality > 0)
    return next(filter(None, wanted), None)


@contextmanager
def before() -> Iterator[None]:
    """The language that was the one before this request's `?lang=` chose another."""
    if not has_request_context() or asked_for() is None:
        yield
        return
    with spoken(_of_before()):
        yield


@contextmanager
def spoken(code: str) -> Iterator[None]:
    """This language in place of the request's."""
    former = g.get("language")
    g.language = code
    try:
        with force_locale(code):
            yield
    finally:
        if former is None:
            g.pop("language")
        else:
            g.language = former


def choices() -> list[dict[str, Any]]:
    """The languages as the switch lists them: `code`, `tag`, `name` in itself, `current`, and
    `query`, the address of this very page in that language, relative to it."""
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return [
        {
            "code": code,
            "tag": tag(code),
            "name": name_of(code),
            "current": code == chosen(),
            "query": "?" + urlencode([*rest, ("lang", code)]),
        }
        for code in known()
    ]


def listed(words: Iterable[object]) -> str:
    """Words of ours one after the other, as the language separates them."""
    # Translators: what stands between the items of a list.
    return str(_(", ")).join(map(str, words))


_ENGLISH = NullTranslations()


@cache
def _translations(code: str) -> NullTranslations:
    return catalogues.load(code) if code in known() and code != DEFAULT else _ENGLISH


def _of_request() -> NullTranslations:
    try:  # as in `chosen`
        return _translations(ours().language)
    except (AttributeError, LookupError):
        return _translations(chosen())


texts.come_from(_of_request)


WTFORMS_LACKS = (
    N_("Date must be at least %(min)s."),
    N_("Date must be at most %(max)s."),
    N_("Date must be between %(min)s and %(max)s."),
    N_("This field cannot be edited."),
    N_("This field is disabled and cannot have a value."),
    N_("Choices cannot be None."),
    N_("Not a valid time value."),
    N_("Not a valid week value."),
    NN_(
        "Field must be at least %(min)d character long.",
        "Field must be at least %(min)d characters long.",
    ),
    NN_(
        "Field cannot be longer than %(max)d character.",
        "Field cannot be longer than %(max)d characters.",
    ),
    NN_(
        "Field must be exactly %(max)d character long.",
        "Field must be exactly %(max)d characters long.",
    ),
    NN_(
        "'%(value)s' is not a valid choice for this field.",
        "'%(value)s' are not valid choices for this field.",
    ),
)
"""Sentences of WTForms that it does not bring along in one of our languages."""


class FormTranslations:
    """WTForms' own sentences: from our files, else from the ones that WTForms brings along."""

    def gettext(self, string: str) -> str:
        """A sentence in the request's language."""
        ours = str(_translations(chosen()).ugettext(string))
        return ours if ours != string else str(_wtforms(chosen()).gettext(string))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """A sentence with a number, in the form that the number asks for."""
        ours = str(_translations(chosen()).ungettext(singular, plural, n))
        if ours not in (singular, plural):
            return ours
        return str(_wtforms(chosen()).ngettext(singular, plural, n))


@cache
def _wtforms(code: str) -> Any:
    return i18n.get_translations([code, "en"])


def written(moment: datetime | Markup) -> Markup:
    """`<time>` for people, in UTC and saying so: `20 November 2026, 10:42 UTC`. What is written
    already, or will be, is left as it is."""
    if isinstance(moment, Markup):
        return moment
    second = iso(moment)[:19]
    text = _to_the_minute(chosen(), second[:16])
    return Markup(f'<time datetime="{second}Z">{text}</time>')  # noqa: S704 - text is escaped


@lru_cache(maxsize=500)
def _to_the_minute(code: str, minute: str) -> str:
    """As HTML, in the language of the request, which is `code`. People save within the same
    minutes, and a page names one several times."""
    locale, moment = _DATES.get(code, code), datetime.fromisoformat(minute)
    date = dates.format_date(moment, "long", locale=locale)
    time = dates.format_time(moment, "HH:mm", locale=locale)
    return str(escape(_("%(date)s, %(time)s UTC", date=date, time=time)))


def decimal(value: float) -> str:
    """A number with one decimal at most, as the language writes it."""
    rounded = round(value, 1)
    if rounded == int(rounded) and 0 <= rounded < 1000:  # written alike everywhere
        return str(int(rounded))
    return _decimal(chosen(), rounded)


@lru_cache(maxsize=2000)
def _decimal(code: str, value: float) -> str:
    return str(numbers.format_decimal(value, "#,##0.#", locale=known()[code]))


def share(part: float) -> str:
    """A part of 1 in per cent, with one decimal at most, as the language writes it: `8.3%` in
    English, `8,3 %` in German."""
    locale = known()[chosen()]
    pattern = locale.percent_formats[None].pattern.replace("##0", "##0.#", 1)
    return numbers.format_percent(part, format=pattern, locale=locale)


def init_app(app: Flask, settings: Settings) -> None:
    """Attach Flask-Babel, keep what is chosen, and tell every page and answer its language."""
    babel.init_app(app, locale_selector=lambda: known()[chosen()])
    # Flask-Babel's own look up the context and the locale anew for each text: half a millisecond
    # for a page.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: _of_request().gettext(text),
        ngettext=lambda one, many, n: _of_request().ngettext(one, many, n),
        pgettext=lambda context, text: _of_request().pgettext(context, text),
        npgettext=lambda context, one, many, n: _of_request().npgettext(context, one, many, n),
        newstyle=True,
    )
    app.jinja_env.filters.update(datetime=written, decimal=decimal, listed=listed, share=share)

    @app.context_processor
    def language() -> dict[str, Any]:
        code = chosen()
        return {
            "locale": tag(code),
            "text_direction": known()[code].text_direction,
            "languages": choices,
        }

    @app.after_request
    def tell(response: Response) -> Response:
        if "language" in ours():  # else nothing in it is in any language: a file, a probe
            add_missing(response, [("Content-Language", tag(chosen()))])
            vary_by(response, "Accept-Language", "Cookie")
        wanted = asked_for()
        if wanted and wanted != _kept() and not _is_api():
            response.set_cookie(
                cookie_name(COOKIE),
                wanted,
                max_age=KEPT_SECONDS,
                secure=settings.behind_tls,
                httponly=True,
                samesite="Lax",
            )
        return response


def _is_api() -> bool:
    return the_request().path.startswith("/api/")


def _kept() -> str | None:
    return the_request().cookies.get(cookie_name(COOKIE))
