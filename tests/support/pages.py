"""A test's browser without a browser: opens a page, checks it, fills its form, sends it.

Every page that a `PageClient` opens is checked by `faults_of`, so that a page which lost a label,
its CSRF token or its headers fails whichever test comes upon it first.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from lxml import html
from lxml.html import HtmlElement
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.test import TestResponse

HOST = "localhost"
KEEP_PAGES = os.environ.get("KEEP_PAGES", "")
"""A folder that gets every page that a test opens, for a checker of HTML to read."""

Value = str | bool | list[str] | None


@dataclass(frozen=True)
class Page:
    """An answer of the application: what came over the wire, and what a reader sees of it."""

    path: str
    response: TestResponse

    @property
    def status(self) -> int:
        """The status code."""
        return self.response.status_code

    @property
    def headers(self) -> Headers:
        """Header fields; names in any case."""
        return self.response.headers

    @property
    def source(self) -> str:
        """The body as text."""
        return self.response.get_data(as_text=True)

    @property
    def location(self) -> str:
        """Where a redirect leads: path and query."""
        parts = urlsplit(urljoin(self.path, self.headers["Location"]))
        assert parts.netloc in ("", HOST), f"{self.path} leads away, to {parts.geturl()}"
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def is_html(self) -> bool:
        """Whether the body is HTML, a page or a part of one."""
        return self.response.mimetype == "text/html"

    @property
    def document(self) -> HtmlElement:
        """The parsed page; a new tree at each call."""
        return html.document_fromstring(self.source or "<html></html>")

    def find(self, xpath: str) -> list[HtmlElement]:
        """The elements of an XPath, such as `//main//li`."""
        return list(self.document.xpath(xpath))

    def text(self, xpath: str = "//body") -> str:
        """What a reader reads of the first such element, white space made single."""
        found = self.find(xpath)
        assert found, f"{self.path} has nothing at {xpath}"
        return text_of(found[0])

    @property
    def title(self) -> str:
        """The page's title."""
        return self.text("//title")

    @property
    def heading(self) -> str:
        """The text of the page's h1."""
        return self.text("//h1")

    def form(self, action: str = "") -> "PageForm":
        """The step's form, or the only POST form in a page's main part. `action` names another
        one, by a part of its address."""
        forms = [PageForm(form) for form in self.find("//form") if form.method == "POST"]
        if action:
            forms = [form for form in forms if action in form.action]
        else:
            in_main = [
                PageForm(form) for form in self.find("//main//form") if form.method == "POST"
            ]
            forms = [form for form in forms if form.is_step] or in_main or forms
        assert len(forms) == 1, f"{self.path} has {len(forms)} forms like {action or 'that'!r}"
        return forms[0]


class PageForm:
    """A form as a browser holds it: what it would send, and what can be chosen in it."""

    def __init__(self, element: HtmlElement) -> None:
        self._element = element

    @property
    def is_step(self) -> bool:
        """It is the form that a step, or the choice between two versions of it, is made of."""
        return self._element.get("id") == "step-form" or "revision" in self.values()

    @property
    def action(self) -> str:
        """The address it is sent to, as written."""
        return str(self._element.get("action") or "")

    def values(self) -> MultiDict[str, str]:
        """The fields' current values, as they would be sent without a button."""
        values: MultiDict[str, str] = MultiDict()
        for control in self._controls():
            for value in _current(control):
                values.add(control.get("name"), value)
        return values

    def buttons(self) -> list[tuple[str, str]]:
        """Name and value of the submit buttons; the first one is what Enter presses."""
        found = self._element.xpath(
            ".//button[not(@type) or @type='submit'][not(@disabled)]"
            " | .//input[@type='submit' or @type='image'][not(@disabled)]"
        )
        return [(button.get("name") or "", button.get("value") or "") for button in found]

    def options(self, name: str) -> list[str]:
        """The values among which a radio, a checkbox or a select field lets choose."""
        options = []
        for control in self._controls(name):
            if control.tag == "select":
                options += [_option_value(option) for option in control.iter("option")]
            elif control.get("type") in ("radio", "checkbox"):
                options.append(control.get("value") or "on")
        return options

    def filled(
        self, changes: Mapping[str, Value], action: str | None = None
    ) -> MultiDict[str, str]:
        """What a browser would send after somebody typed and clicked `changes`, and then pressed
        the button whose value is `action` (None: Enter).

        A list checks exactly those boxes, True and False one box alone, None unchecks or clears.
        Fails where no browser could do that: a field or an option that the form does not have.
        """
        values = self.values()
        for name, change in changes.items():
            controls = self._controls(name)
            assert controls, f"the form has no field {name!r}; it has {sorted(set(self._names()))}"
            wanted = _wanted(change, self.options(name))
            options = self.options(name)
            if options:
                strange = [value for value in wanted if value not in options]
                assert not strange, f"{name!r} offers {options}, not {strange}"
            elif not wanted:
                wanted = [""]
            values.setlist(name, wanted)
        buttons = self.buttons()
        assert buttons, "the form has no button"
        pressed = [b for b in buttons if action is None or b[1] == action]
        assert pressed, f"the form has no button {action!r}, only {[value for _, value in buttons]}"
        if pressed[0][0]:
            values.setlist(pressed[0][0], [pressed[0][1]])
        return values

    def _controls(self, name: str = "") -> list[HtmlElement]:
        found = self._element.xpath(".//input[@name] | .//select[@name] | .//textarea[@name]")
        return [
            control
            for control in found
            if control.get("disabled") is None
            and control.get("type") not in ("submit", "button", "image", "reset")
            and (not name or control.get("name") == name)
        ]

    def _names(self) -> list[str]:
        return [str(control.get("name")) for control in self._controls()]


class PageClient:
    """Opens the pages of an application. It follows no redirect by itself and keeps its cookies."""

    def __init__(self, app: Flask) -> None:
        self.flask: FlaskClient = app.test_client()

    def get(
        self,
        path: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        fragment: bool = False,
    ) -> Page:
        """Open a page; `fragment` says that a part of one is expected."""
        response = self.flask.get(path, headers=dict(headers or {}))
        return self._checked(Page(path, response), status, fragment)

    def post(
        self,
        path: str,
        data: Mapping[str, object] | None = None,
        status: int = 303,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send a form's values as they stand: nothing is added, not even a CSRF token."""
        response = self.flask.post(path, data=data or {}, headers=dict(headers or {}))
        return self._checked(Page(path, response), status, False)

    def submit(
        self,
        page: Page,
        changes: Mapping[str, Value] | None = None,
        action: str | None = None,
        status: int = 303,
        *,
        form: str = "",
    ) -> Page:
        """Fill the page's form as `PageForm.filled` does, and send it as a browser would."""
        chosen = page.form(form)
        path = urljoin(page.path, chosen.action)
        parts = urlsplit(path)
        return self.post(
            parts.path + (f"?{parts.query}" if parts.query else ""),
            chosen.filled(changes or {}, action),
            status,
            headers={"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"},
        )

    def follow(self, page: Page, status: int = 200) -> Page:
        """Open what a redirect leads to."""
        assert page.status == 303, f"{page.path} answers {page.status}, no redirect"
        return self.get(page.location, status)

    def _checked(self, page: Page, status: int, fragment: bool) -> Page:
        shown = page.source[:2000] if page.status != status else ""
        led = f" to {page.headers['Location']}" if "Location" in page.headers else ""
        assert page.status == status, f"{page.path}: {page.status}{led}, not {status}\n{shown}"
        if KEEP_PAGES and page.is_html and not fragment and page.status != 303:
            _keep(page)
        faults = faults_of(page, fragment=fragment)
        assert not faults, f"{page.path} ({page.status}):\n- " + "\n- ".join(faults)
        return page


def _keep(page: Page) -> None:
    """Each page once, whatever tokens and nonces it carries."""
    plain = re.sub(r"(nonce|value)=\"[^\"]*\"|\d+", "", page.source)
    name = re.sub(r"\W+", "-", page.path.partition("?")[0]).strip("-")[:60]
    mark = hashlib.sha256(plain.encode()).hexdigest()[:10]
    Path(KEEP_PAGES, f"{page.status}-{name}-{mark}.html").write_text(page.source)


def faults_of(page: Page, *, fragment: bool = False) -> list[str]:
    """What is wrong with a page, a sentence each; nothing for what is no HTML and for redirects."""
    if not page.is_html or 300 <= page.status < 400:
        return []
    if not page.source.strip():
        return ["the page is empty"]
    document = page.document
    faults = [*_header_faults(page), *_reference_faults(document), *_label_faults(document)]
    faults += [*_form_faults(document, page.path), *_inline_faults(document, page)]
    faults += _host_faults(document)
    if not fragment:
        faults += _frame_faults(document)
    return faults


def text_of(element: HtmlElement) -> str:
    """The text of an element and all it holds, white space made single."""
    return " ".join(str(element.text_content()).split())


def _frame_faults(document: HtmlElement) -> list[str]:
    faults = []
    titles = document.xpath("//head/title")
    if len(titles) != 1 or not text_of(titles[0]):
        faults.append(f"one title is wanted, {[text_of(title) for title in titles]} found")
    headings = document.xpath("//h1")
    if len(headings) != 1 or not text_of(headings[0]):
        faults.append(f"one h1 is wanted, {[text_of(heading) for heading in headings]} found")
    if not document.get("lang"):
        faults.append("the page does not say its language")
    if len(document.xpath("//main")) != 1:
        faults.append("the page has no main part, or several")
    return faults


def _header_faults(page: Page) -> list[str]:
    faults = []
    policy = page.headers.get("Content-Security-Policy", "")
    if "default-src" not in policy or "frame-ancestors" not in policy:
        faults.append(f"the Content-Security-Policy is missing or thin: {policy!r}")
    if "unsafe" in policy:
        faults.append(f"the Content-Security-Policy allows what is unsafe: {policy!r}")
    if page.headers.get("X-Content-Type-Options") != "nosniff":
        faults.append("X-Content-Type-Options: nosniff is missing")
    if not page.headers.get("Referrer-Policy"):
        faults.append("Referrer-Policy is missing")
    holds_answers = page.path.startswith("/onboarding/") and page.status not in (404, 405)
    cache = {word.strip() for word in page.headers.get("Cache-Control", "").split(",")}
    if holds_answers and not {"private", "no-store"} <= cache:
        faults.append(f"a page that holds answers is not private, no-store: {sorted(cache)}")
    return faults


def _reference_faults(document: HtmlElement) -> list[str]:
    ids = [str(value) for value in document.xpath("//@id")]
    faults = [
        f"the id {value!r} is there twice" for value in sorted({i for i in ids if ids.count(i) > 1})
    ]
    for name in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
        for value in document.xpath(f"//@{name}"):
            missing = [word for word in str(value).split() if word not in ids]
            faults += [f"{name} names {word!r}, and nothing has that id" for word in missing]
    for href in document.xpath("//a/@href[starts-with(., '#')]"):
        if href[1:] and href[1:] not in ids:
            faults.append(f"a link leads to {href}, and nothing has that id")
    return faults


def _label_faults(document: HtmlElement) -> list[str]:
    faults = []
    for control in document.xpath("//input | //select | //textarea"):
        kind = control.get("type", "text")
        name = control.get("name") or control.get("id") or "?"
        if control.tag == "input" and kind in ("hidden", "submit", "button", "image", "reset"):
            if kind in ("submit", "button", "image", "reset") and not (
                control.get("value") or control.get("alt") or control.get("aria-label")
            ):
                faults.append(f"a button of type {kind} has no text")
            continue
        if not _label(document, control):
            faults.append(f"the field {name!r} has no label")
        if kind == "password" and control.get("value"):
            faults.append(f"the password field {name!r} came with a value")
        alike = document.xpath("//input[@type=$kind][@name=$name]", kind=kind, name=name)
        if kind == "radio" or (kind == "checkbox" and len(alike) > 1):
            groups = control.xpath(
                "ancestor::fieldset | ancestor::*[@role='group' or @role='radiogroup']"
            )
            if not any(_group_name(document, group) for group in groups):
                faults.append(f"the choices of {name!r} are in no group with a name")
    for button in document.xpath("//button | //a[@href]"):
        named = text_of(button) or button.get("aria-label") or button.get("aria-labelledby")
        if not named and not button.xpath(".//img[@alt != ''] | .//*[name()='title']"):
            faults.append(f"a {'link' if button.tag == 'a' else 'button'} has no text")
    faults += [
        f"the image {img.get('src')} has no alt" for img in document.xpath("//img[not(@alt)]")
    ]
    return faults


def _form_faults(document: HtmlElement, path: str) -> list[str]:
    faults = []
    for form in document.xpath("//form"):
        action = form.get("action") or ""
        if not action:
            faults.append("a form does not say where it is sent")
        if not _is_here(urljoin(f"http://{HOST}{path}", action)):
            faults.append(f"a form is sent to another host: {action}")
        tokens = form.xpath(".//input[@type='hidden'][@name='csrf_token']/@value")
        if form.method == "POST" and not (len(tokens) == 1 and tokens[0]):
            faults.append(f"the form to {action!r} has no csrf_token")
        if form.method != "POST" and tokens:
            faults.append(f"the form to {action!r} would put its csrf_token into an address")
    return faults


def _inline_faults(document: HtmlElement, page: Page) -> list[str]:
    faults = []
    allowed = re.findall(r"'nonce-([^']+)'", page.headers.get("Content-Security-Policy", ""))
    for script in document.xpath("//script"):
        if (script.get("type") or "").endswith("json"):
            continue  # data, which no browser runs
        if not script.get("src"):
            faults.append("a script stands in the page itself")
        if script.get("nonce") not in allowed:
            faults.append(f"the script {script.get('src')} carries no nonce of this page's policy")
    if document.xpath("//style | //*[@style]"):
        faults.append("a style stands in the page itself")
    for element in document.iter():
        for name, value in element.attrib.items():
            if name.startswith("on"):
                faults.append(f"<{element.tag}> carries the handler {name}")
            if str(value).strip().lower().startswith("javascript:"):
                faults.append(f"<{element.tag}> carries a javascript: address")
    return faults


def _host_faults(document: HtmlElement) -> list[str]:
    faults = []
    for element in document.iter():
        for name in (
            "href",
            "src",
            "srcset",
            "poster",
            "data",
            "{http://www.w3.org/1999/xlink}href",
        ):
            address = element.get(name)
            if not address or _is_here(urljoin(f"http://{HOST}/", address.strip())):
                continue
            if element.tag != "a":
                faults.append(f"<{element.tag}> loads from another host: {address}")
            elif "noopener" not in (element.get("rel") or "").split():
                faults.append(f"the link to {address} has no rel=noopener")
    return faults


def _is_here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("mailto", "data") or parts.netloc == HOST


def _label(document: HtmlElement, control: HtmlElement) -> str:
    labels = list(control.xpath("ancestor::label"))
    if control.get("id"):
        labels += document.xpath("//label[@for=$id]", id=control.get("id"))
    words = [text_of(label) for label in labels]
    return " ".join([*words, _aria_name(document, control)]).strip()


def _group_name(document: HtmlElement, group: HtmlElement) -> str:
    legends = [text_of(legend) for legend in group.xpath("./legend")]
    return " ".join([*legends, _aria_name(document, group)]).strip()


def _aria_name(document: HtmlElement, element: HtmlElement) -> str:
    words = [element.get("aria-label") or ""]
    for word in (element.get("aria-labelledby") or "").split():
        words += [text_of(found) for found in document.xpath("//*[@id=$id]", id=word)]
    return " ".join(words).strip()


def _current(control: HtmlElement) -> list[str]:
    if control.tag == "textarea":
        # A browser drops the line break that follows the opening tag, and sends CRLF.
        text = str(control.text or "").replace("\r\n", "\n").removeprefix("\n")
        return [text.replace("\n", "\r\n")]
    if control.tag == "select":
        options = [o for o in control.iter("option") if o.get("disabled") is None]
        chosen = [option for option in options if option.get("selected") is not None]
        if not chosen and control.get("multiple") is None:
            chosen = options[:1]
        return [_option_value(option) for option in chosen]
    if control.get("type") in ("checkbox", "radio"):
        return [control.get("value") or "on"] if control.get("checked") is not None else []
    return [str(control.get("value") or "")]


def _option_value(option: HtmlElement) -> str:
    value = option.get("value")
    return text_of(option) if value is None else str(value)


def _wanted(change: Value, options: list[str]) -> list[str]:
    if change is None or change is False:
        return []
    if change is True:
        assert len(options) == 1, f"True says too little, the options are {options}"
        return options
    return [change] if isinstance(change, str) else list(change)
