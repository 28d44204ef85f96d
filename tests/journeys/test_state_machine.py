"""Whatever visitors do in whatever order, the promises hold.

Hypothesis drives the real application: people with several browsers and tabs save, skip, go back,
keep drafts, use old tabs, retry, complete, reset, follow links and put answers back. A model beside
it says what each answer must be, written from the promises and not from the code:

- a save from a page that shows what is stored is stored; from an older one, it is merged when the
  two sides changed different fields, and refused with 409 otherwise; the same values are no change;
- what was acknowledged is what the step shows from then on, and what SQL holds;
- nobody sees a word of anybody else;
- the resume point, the rail and the summary tell the same story;
- completed stays completed, with its time and its block.
"""

import itertools
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from werkzeug.datastructures import MultiDict

from tests.journeys.walk import SAME_ORIGIN, SLUGS, path_of, sql
from tests.support.pages import Page, PageClient, PageForm, Value

Posted = dict[str, tuple[str, ...]]
"""Field -> values as a form sends them."""

NAMES: dict[str, tuple[str, ...]] = {
    "api-keys": ("openai", "mistral"),
    "website": (
        *("has_website", "business_description", "industry", "target_audience"),
        *("business_goals", "use_analysis"),
    ),
    "research": (
        *("research_depth", "content_types", "auto_research", "factual_content", "competitors"),
    ),
    "persona": ("persona_name", "tone", "audience", "voice_description", "selected_platforms"),
    "integrations": ("platforms", "notify_email"),
    "finish": ("first_declaration",),
}
"""The fields that the model follows."""

_markers = itertools.count()


@dataclass
class StepModel:
    """What is known of one step of one person."""

    saved: Posted | None = None
    skipped: bool = False
    draft: Posted | None = None
    draft_base: int | None = None
    revision: int = 0
    versions: dict[int, Posted] = field(default_factory=dict)
    """Revision -> what was saved then: what the history must hold."""
    saved_page: str = ""

    @property
    def done(self) -> bool:
        return self.saved is not None or self.skipped


@dataclass
class Person:
    """A session, as the promises say it is."""

    id: str
    marker: str
    steps: dict[str, StepModel] = field(default_factory=lambda: {s: StepModel() for s in SLUGS})
    count: int = 0
    sealed: int = 0
    completion: tuple[object, ...] | None = None

    @property
    def resume(self) -> str | None:
        """Where this person goes on; None once completed."""
        if self.completion:
            return None
        return next(slug for slug in SLUGS if not self.steps[slug].done)

    def may_visit(self, slug: str) -> bool:
        """Up to the resume point, and everywhere once completed."""
        return self.resume is None or SLUGS.index(slug) <= SLUGS.index(self.resume)

    def revision(self, slug: str) -> int:
        """The revision that a page of this step is made from."""
        return max(self.steps[slug].revision, self.sealed)


@dataclass
class Browser:
    """Cookies, and whose session they name."""

    client: PageClient
    person: Person | None = None
    lives: int = 0
    """Counts how often the cookies were thrown away: older tabs cannot send then."""


@dataclass
class Tab:
    """A step's page that somebody left open."""

    browser: Browser
    person: Person
    life: int
    slug: str
    page: Page
    base: int
    shown: Posted
    id: str
    sent: MultiDict[str, str] | None = None
    """What was last sent from it, for a retry."""


class Journeys(RuleBasedStateMachine):
    """Visitors of `app`."""

    tabs = Bundle("tabs")

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.persons: list[Person] = []
        self.browsers: list[Browser] = [Browser(PageClient(app)) for _ in range(3)]
        self.touched: set[int] = set()
        self.serial = itertools.count()

    @initialize(steps=st.sampled_from([6, 4, 0, 5, 6, 2]))
    def somebody_is_there_already(self, steps: int) -> None:
        """One journey is so far under way, or completed: otherwise few runs would come that far."""
        person = self._begin(self.browsers[0])
        for slug in SLUGS[:steps]:
            tab = self._open(self.browsers[0], slug)
            pools = _pools(person.marker)[slug]
            self._send(tab, {name: pool[0] for name, pool in pools.items()}, "save")

    # -- opening -----------------------------------------------------------------------------------

    @rule(target=tabs, number=st.integers(0, 2), slug=st.sampled_from(SLUGS))
    def open(self, number: int, slug: str) -> Tab:
        """Open a step in a new tab; a locked one leads to the resume point."""
        browser = self.browsers[number]
        person = browser.person or self._begin(browser)
        if not person.may_visit(slug):
            page = self._get(browser, path_of(slug), 303)
            assert page.location == path_of(str(person.resume))
            slug = str(person.resume)
        return self._open(browser, slug)

    @rule(target=tabs, number=st.integers(0, 2), data=st.data())
    def go_on(self, number: int, data: st.DataObject) -> Tab:
        """Answer the step at the resume point and open the next: journeys reach their end."""
        browser = self.browsers[number]
        person = browser.person or self._begin(browser)
        tab = self._open(browser, person.resume or data.draw(st.sampled_from(SLUGS)))
        self._send(tab, self._fill(tab, data), "save")
        return self._open(browser, person.resume or tab.slug)

    @rule(target=tabs, number=st.integers(0, 2), data=st.data())
    def work_in_two_tabs(self, number: int, data: st.DataObject) -> Tab:
        """Open a saved step twice, and save one field anew in each: what merging is for."""
        browser = self.browsers[number]
        person = browser.person or self._begin(browser)
        saved = [s for s in SLUGS[1:5] if person.steps[s].saved and person.may_visit(s)]
        if not saved:
            return self._open(browser, person.resume or SLUGS[0])
        slug = data.draw(st.sampled_from(saved))
        tabs = [self._open(browser, slug) for _ in range(2)]
        pools = _pools(person.marker)[slug]
        names = data.draw(st.lists(st.sampled_from(sorted(pools)), min_size=2, max_size=2))
        for tab, name in zip(tabs, names, strict=True):
            self._send(tab, {name: data.draw(st.sampled_from(pools[name]))}, "save")
        if data.draw(st.booleans()):
            self._put_back(browser, data.draw(st.integers(0, 5)))
        return tabs[0]

    # -- the buttons -------------------------------------------------------------------------------

    @rule(tab=tabs, data=st.data())
    def save(self, tab: Tab, data: st.DataObject) -> None:
        """Type something and save, from however old a tab."""
        self._send(tab, self._fill(tab, data), "save")

    @rule(tab=tabs, action=st.sampled_from(["back", "later"]), data=st.data())
    def keep(self, tab: Tab, action: str, data: st.DataObject) -> None:
        """Leave the page by a button that validates nothing."""
        buttons = [value for _name, value in tab.page.form().buttons()]
        if action in buttons:
            self._send(tab, self._fill(tab, data), action)

    @rule(tab=tabs, data=st.data())
    def type_only(self, tab: Tab, data: st.DataObject) -> None:
        """Type, and let the page's script keep the draft."""
        if self._is_dead(tab):
            return
        body = tab.page.form().filled(self._fill(tab, data))
        body["page"] = tab.id
        response = tab.browser.client.flask.post(path_of(tab.slug) + "/draft", data=body)
        assert response.status_code == 204
        step = tab.person.steps[tab.slug]
        if step.saved_page != tab.id and tab.slug != "api-keys":
            self._kept(tab, _posted(tab.slug, body))
        self._touch(tab.person)

    @rule(target=tabs, number=st.integers(0, 2))
    def skip(self, number: int) -> Tab:
        """Pass the optional step, when it is reached."""
        browser = self.browsers[number]
        person = browser.person or self._begin(browser)
        if not person.may_visit("integrations"):
            return self._open(browser, str(person.resume))
        tab = self._open(browser, "integrations")
        self._send(tab, {}, "skip")
        return tab

    @rule(tab=tabs)
    def skip_from_an_old_tab(self, tab: Tab) -> None:
        """The same, from a page that has been open for a while."""
        if "skip" in [value for _name, value in tab.page.form().buttons()]:
            self._send(tab, {}, "skip")

    @rule(tab=tabs)
    def discard(self, tab: Tab) -> None:
        """Throw a draft away."""
        if "discard" in [value for _name, value in tab.page.form().buttons()]:
            self._send(tab, {}, "discard")

    @rule(tab=tabs)
    def retry(self, tab: Tab) -> None:
        """Send the same post once more, however much happened since."""
        if tab.sent is not None:
            self._post(tab, tab.sent)

    @rule(tab=tabs)
    def save_what_is_no_answer(self, tab: Tab) -> None:
        """Nothing of a form with a fault is stored."""
        wrong: dict[str, Value] = {
            "api-keys": {"openai": "not a key"},
            "website": {"has_website": "no", "business_description": "short"},
            "research": {"content_types": []},
            "persona": {"persona_name": ""},
            "integrations": {"notify_email": "nobody"},
            "finish": {"first_declaration": ""},
        }[tab.slug]  # type: ignore[assignment]
        body = tab.page.form().filled(wrong, "save")  # type: ignore[arg-type]
        answer = self._answer(tab, body)
        if self._is_dead(tab):
            assert answer.status == 400
        elif not tab.person.may_visit(tab.slug):
            assert answer.location == path_of(str(tab.person.resume))
            if tab.slug != "api-keys":
                self._kept(tab, _posted(tab.slug, body))
        else:
            assert answer.status == 422
        self._touch(tab.person)

    # -- the rest ----------------------------------------------------------------------------------

    @precondition(lambda self: self.persons)
    @rule(number=st.integers(0, 2), sure=st.sampled_from([False] * 7 + [True]))
    def reset(self, number: int, sure: bool) -> None:
        """Begin again; now and then, so that journeys reach their end too."""
        browser = self.browsers[number]
        person = browser.person
        if person is None or not sure:
            return
        page = self._get(browser, "/onboarding/reset")
        browser.client.submit(page, form="/reset")
        person.count += 1
        person.sealed = person.count
        person.steps = {slug: StepModel() for slug in SLUGS}
        reached["a reset of a completed one" if person.completion else "a reset"] += 1
        person.completion = None
        self._touch(person)

    @precondition(lambda self: self.persons)
    @rule(giver=st.integers(0, 2), taker=st.integers(0, 2))
    def follow_a_link(self, giver: int, taker: int) -> None:
        """Continue a session in another browser; the link works once."""
        person = self.browsers[giver].person
        if person is None or giver == taker:
            return
        made = self._get(self.browsers[giver], "/onboarding/resume-link")
        form = PageForm(made.find("//form[@action='/onboarding/resume-link']")[0])
        made = self.browsers[giver].client.post(made.path, form.filled({}), 200, SAME_ORIGIN)
        person.count += 1
        path = (
            "/onboarding/resume/"
            + made.text("//*[contains(@class, 'resume-address')]//a").split("/onboarding/resume/")[
                1
            ]
        )
        browser = self.browsers[taker]
        going = browser.client.submit(browser.client.get(path), form="/resume/")
        browser.person, browser.lives = person, browser.lives + 1
        assert going.location == (path_of(person.resume) if person.resume else SUMMARY)
        browser.client.get(path, 410)
        reached["a link followed"] += 1
        self._touch(person)

    @precondition(lambda self: self.persons)
    @rule(number=st.integers(0, 2), which=st.integers(0, 50))
    def put_back(self, number: int, which: int) -> None:
        """Save an earlier answer again, from the history."""
        if self.browsers[number].person is not None:
            self._put_back(self.browsers[number], which)

    def _put_back(self, browser: Browser, which: int) -> None:
        person = browser.person
        assert person
        page = self._get(browser, "/onboarding/history")
        forms = page.find("//form[.//input[@name='save']]")
        if not forms:
            return
        chosen = MultiDict(
            (str(one.get("name")), str(one.get("value")))
            for one in forms[which % len(forms)].xpath(".//input")
        )
        slug, version = chosen["slug"], int(chosen["save"])
        step = person.steps[slug]
        earlier = sorted(step.versions)[self._history(person, slug).index(version)]
        answer = browser.client.post("/onboarding/history", chosen, 303, SAME_ORIGIN)
        assert answer.location == "/onboarding/history"
        person.count += 1
        if step.versions[earlier] != step.saved or step.draft is not None:
            reached["put back"] += 1
            draft, base = step.draft, step.draft_base
            if draft is not None and base is None:
                base = step.revision
            self._saved(person, slug, step.versions[earlier], "")
            step.draft, step.draft_base = draft, base  # what is half typed stays
        self._touch(person)

    # -- what a post must come to ------------------------------------------------------------------

    def _send(self, tab: Tab, changes: Mapping[str, Value], action: str) -> None:
        body = tab.page.form().filled(changes, action)
        body["page"] = tab.id
        tab.sent = body
        self._post(tab, body)

    def _post(self, tab: Tab, body: MultiDict[str, str]) -> None:
        person, step, action = tab.person, tab.person.steps[tab.slug], body["action"]
        answer = self._answer(tab, body)
        self._touch(person)
        if self._is_dead(tab):
            reached["a tab of cookies that are gone"] += 1
            assert answer.status == 400  # the cookies are others now: the typed values come back
            assert answer.form().action == path_of(tab.slug)
            return
        person.count += 1
        typed = _posted(tab.slug, body)
        if action in ("later", "back"):
            assert answer.status == 303
            if tab.slug != "api-keys":
                self._kept(tab, typed)
            return
        if action == "discard":
            assert answer.status == 303
            step.draft = step.draft_base = None
            return
        if not person.may_visit(tab.slug):
            assert answer.status == 303
            assert answer.location == path_of(str(person.resume))
            if tab.slug != "api-keys":
                self._kept(tab, typed)  # shown as soon as the step is reached
            return
        if action == "skip":
            self._judge_skip(tab, answer, typed)
        else:
            self._judge_save(tab, answer, typed, body.get("page", ""))

    def _judge_skip(self, tab: Tab, answer: Page, typed: Posted) -> None:
        person, step = tab.person, tab.person.steps[tab.slug]
        if step.skipped:
            assert answer.status == 303
        elif tab.base != person.revision(tab.slug):
            assert answer.status == 409
        else:
            assert answer.status == 303
            step.saved, step.skipped, step.saved_page = None, True, ""
            step.revision = person.count
            step.draft_base = None
            step.draft = self._draft_in_sql(person, tab.slug, typed)
            reached["skipped"] += 1

    def _judge_save(self, tab: Tab, answer: Page, typed: Posted, page_id: str) -> None:
        person, slug = tab.person, tab.slug
        step = person.steps[slug]
        if slug == "api-keys":
            typed = {name: value for name, value in typed.items() if value != ("",)}
            same = all((step.saved or {}).get(n) == v for n, v in typed.items())
        else:
            same = typed == step.saved
        if step.saved is not None and same and step.draft is None:
            reached["the same once more"] += 1
            self._goes_on(person, slug, answer)  # the same once more: saved already
            return
        if tab.base == person.revision(slug):
            self._goes_on(person, slug, answer, completing=typed)
            self._saved(person, slug, {**(step.saved or {}), **typed}, page_id)
            return
        base = step.versions.get(tab.base)
        if step.saved is None or person.completion or (base is None and tab.base != person.sealed):
            self._is_a_choice(tab, answer)
            return
        if base is None:  # made before the first save: what it showed is the base
            if answer.status == 409:
                self._is_a_choice(tab, answer)
                return
            base = tab.shown if slug != "api-keys" else {}
        merged, conflict = _merge(base, step.saved, typed, slug)
        # A key that was typed again elsewhere counts as set anew, also when it is the same one.
        if conflict or (slug == "api-keys" and answer.status == 409):
            self._is_a_choice(tab, answer)
        else:
            reached["merged"] += 1
            self._goes_on(person, slug, answer, completing=merged)
            self._saved(person, slug, merged, page_id)

    def _is_a_choice(self, tab: Tab, answer: Page) -> None:
        """409, nothing stored; then each field is chosen, and that is saved."""
        assert answer.status == 409, (answer.status, answer.headers.get("Location"))
        reached["a choice after completion" if tab.person.completion else "a choice"] += 1
        person, slug, step = tab.person, tab.slug, tab.person.steps[tab.slug]
        self._compare(person)
        if slug == "api-keys" or self.serial.__next__() % 2:
            return  # left open
        form = answer.form()
        typed = {name: tuple(form.values().getlist(f"typed-{name}")) for name in NAMES[slug]}
        chance = random.Random(len(typed) + person.count)  # noqa: S311 - nothing secret
        chosen: dict[str, Value] = {}
        result: Posted = {}
        blank: Posted = dict.fromkeys(NAMES[slug], ())
        for name in NAMES[slug]:
            options = form.options(f"choose-{name}")
            side = chance.choice(options) if options else "stored"
            if options:
                chosen[f"choose-{name}"] = side
            result[name] = typed[name] if side == "typed" else (step.saved or blank)[name]
        reply = tab.browser.client.submit(answer, chosen, "save", status=_any(303, 422))
        person.count += 1
        if reply.status == 303:
            shown = self._open(tab.browser, slug, compare=False).shown
            assert _plain(shown) == _plain(result)
            # A step that was skipped is saved now, also with nothing in it.
            is_same = step.saved is not None and _plain(result) == _plain(step.saved)
            if not is_same or step.draft is not None:
                self._saved(person, slug, shown, "")

    def _goes_on(
        self, person: Person, slug: str, answer: Page, completing: Posted | None = None
    ) -> None:
        assert answer.status == 303, answer.text("//main")[:800]
        going = answer.location.split("#")[0]
        if person.completion or (completing is not None and slug == SLUGS[-1]):
            assert going == SUMMARY
        else:
            done = {s for s in SLUGS if person.steps[s].done} | {slug}
            assert going == path_of(next(s for s in SLUGS if s not in done))

    def _saved(self, person: Person, slug: str, values: Posted, page_id: str) -> None:
        step = person.steps[slug]
        step.saved, step.skipped, step.draft, step.draft_base = values, False, None, None
        step.revision, step.saved_page = person.count, page_id
        step.versions[person.count] = values
        if slug == SLUGS[-1] and person.completion is None:
            person.sealed = person.count
            ((completed_at, block),) = sql(
                self.app,
                "SELECT completed_at, first_kblock_id FROM onboarding_sessions WHERE id = :id",
                id=person.id,
            )
            assert completed_at
            assert block
            person.completion = (completed_at, block)
            reached["completed"] += 1

    def _kept(self, tab: Tab, typed: Posted) -> None:
        """A draft is there, or what was typed is just what the step shows anyway."""
        step = tab.person.steps[tab.slug]
        step.draft = self._draft_in_sql(tab.person, tab.slug, typed)
        step.draft_base = tab.base if step.draft is not None else None
        reached["a draft kept" if step.draft is not None else "nothing to keep"] += 1

    def _draft_in_sql(self, person: Person, slug: str, typed: Posted) -> Posted | None:
        found = sql(
            self.app,
            "SELECT draft FROM step_progress WHERE session_id = :id AND slug = :slug",
            id=person.id,
            slug=slug,
        )
        kept = bool(found) and found[0][0] not in (None, "null")
        browser = next((b for b in self.browsers if b.person is person), None)
        if browser and person.may_visit(slug):
            assert self._open(browser, slug, compare=False).shown == typed
        return typed if kept else None

    # -- looking -----------------------------------------------------------------------------------

    def _begin(self, browser: Browser) -> Person:
        page = browser.client.follow(browser.client.submit(browser.client.get("/onboarding/")))
        assert page.path == path_of(SLUGS[0])
        known = [p.id for p in self.persons]
        with browser.client.flask.session_transaction() as session:
            session_id = str(session["sid"])
        assert session_id not in known
        person = Person(session_id, f"mark{next(_markers)}x")
        self.persons.append(person)
        browser.person = person
        return person

    def _open(self, browser: Browser, slug: str, compare: bool = True) -> Tab:
        person = browser.person
        assert person
        page = self._get(browser, path_of(slug))
        step = person.steps[slug]
        shown = _posted(slug, page.form().values())
        base = person.revision(slug)
        if step.draft is not None and step.draft_base is not None:
            base = step.draft_base
        if compare and slug != "api-keys" and (expected := step.draft or step.saved):
            assert shown == expected, f"{slug} shows {shown}, not {expected}"
        return Tab(browser, person, browser.lives, slug, page, base, shown, f"p{next(self.serial)}")

    def _get(self, browser: Browser, path: str, status: int = 200) -> Page:
        page = browser.client.get(path, status)
        self._is_private(page, {browser.person.marker} if browser.person else set())
        return page

    def _answer(self, tab: Tab, body: MultiDict[str, str]) -> Page:
        answer = tab.browser.client.post(
            path_of(tab.slug), body, _any(303, 400, 409, 422), SAME_ORIGIN
        )
        own = {tab.browser.person.marker} if tab.browser.person else set()
        words = " ".join(value for _name, value in body.items(multi=True))
        own |= {p.marker for p in self.persons if p.marker in words}  # what they typed themselves
        self._is_private(answer, own)
        for name in NAMES["api-keys"]:
            secret = body.get(name)
            assert not secret or secret not in answer.source
        return answer

    def _is_private(self, page: Page, own: set[str]) -> None:
        others = {p.marker for p in self.persons} - own
        seen = [marker for marker in others if marker in page.source]
        assert not seen, f"{page.path} shows {own} the words of {seen}"

    def _is_dead(self, tab: Tab) -> bool:
        return tab.life != tab.browser.lives

    def _touch(self, person: Person) -> None:
        self.touched.add(self.persons.index(person))

    # -- the invariants ----------------------------------------------------------------------------

    @invariant()
    def everything_tells_the_same_story(self) -> None:
        """SQL, the resume point, the rail and the summary of those to whom something happened."""
        for number in self.touched:
            person = self.persons[number]
            self._compare(person)
            browser = next((b for b in self.browsers if b.person is person), None)
            if browser:
                self._look(browser, person)
        self.touched.clear()

    def _compare(self, person: Person) -> None:
        rows = {
            str(row[0]): row[1:]
            for row in sql(
                self.app,
                "SELECT slug, saved_at, skipped_at, draft, revision FROM step_progress"
                " WHERE session_id = :id",
                id=person.id,
            )
        }
        for slug, step in person.steps.items():
            saved_at, skipped_at, draft, revision = rows.get(slug, (None, None, None, 0))
            has_draft = draft not in (None, "null")
            assert (bool(saved_at), bool(skipped_at), has_draft) == (
                step.saved is not None, step.skipped, step.draft is not None
            ), (slug, rows.get(slug), step)  # fmt: skip
            history = self._history(person, slug)
            assert len(history) == len(step.versions), (slug, history, step.versions)
            if step.saved is not None:
                assert history[-1] == revision
        ((completed_at, block, blocks),) = sql(
            self.app,
            "SELECT completed_at, first_kblock_id,"
            " (SELECT count(*) FROM kblocks WHERE session_id = :id)"
            " FROM onboarding_sessions WHERE id = :id",
            id=person.id,
        )
        if person.completion:
            assert ((completed_at, block), blocks) == (person.completion, 1)
        else:
            assert (completed_at, block, blocks) == (None, None, 0)
        self._compare_answers(person)

    def _history(self, person: Person, slug: str) -> list[int]:
        """The revisions of a step's saves, the oldest first."""
        rows = sql(
            self.app,
            "SELECT revision FROM step_history WHERE session_id = :id AND slug = :slug"
            " ORDER BY revision",
            id=person.id,
            slug=slug,
        )
        return [int(str(row[0])) for row in rows]

    def _compare_answers(self, person: Person) -> None:
        """What was acknowledged last is what the answers' own tables hold."""
        columns = {
            "website": ("website_answers", "industry"),
            "research": ("research_preferences", "research_depth"),
            "persona": ("persona_data", "persona_name"),
            "integrations": ("platform_integrations", "notify_email"),
        }
        for slug, (table, column) in columns.items():
            saved = person.steps[slug].saved
            found = sql(
                self.app,
                f"SELECT {column} FROM {table} WHERE session_id = :id",  # noqa: S608 - our names
                id=person.id,
            )
            assert [str(row[0] or "") for row in found] == ([saved[column][0]] if saved else []), (
                slug
            )
        keys = person.steps["api-keys"].saved or {}
        found = sql(
            self.app,
            "SELECT provider, last_four FROM api_keys WHERE session_id = :id",
            id=person.id,
        )
        assert dict(found) == {name: value[0][-4:] for name, value in keys.items()}  # type: ignore[arg-type]

    def _look(self, browser: Browser, person: Person) -> None:
        start = self._get(browser, "/onboarding/", 303)
        assert start.location == (path_of(person.resume) if person.resume else SUMMARY)
        summary = self._get(browser, SUMMARY, 200 if person.completion else 303)
        if person.completion:
            text = summary.text("//main")
            finish = person.steps["finish"].saved
            assert finish
            assert finish["first_declaration"][0] in text
            if website := person.steps["website"].saved:
                assert website["industry"][0] in text
        else:
            assert summary.location == start.location
        at = person.resume or "research"
        page = self._open(browser, at).page
        states = _rail(page)
        assert set(states) == set(SLUGS)
        for slug, step in person.steps.items():
            wanted = "done" if step.saved is not None else "skipped" if step.skipped else "open"
            if slug == at:
                wanted = "current"
            elif wanted == "open" and not person.may_visit(slug):
                wanted = "locked"
            assert states[slug] == wanted, (slug, states, step)

    # -- what is typed -----------------------------------------------------------------------------

    def _fill(self, tab: Tab, data: st.DataObject) -> dict[str, Value]:
        """One or two fields anew, beside what the page shows; a blank page is filled whole."""
        pools = _pools(tab.person.marker)[tab.slug]
        blank = [n for n in pools if tab.shown.get(n, ("",)) in (("",), ())]
        changes: dict[str, Value] = {}
        if tab.slug != "api-keys" or tab.person.steps["api-keys"].saved is None:
            changes = {name: pools[name][0] for name in blank}
        names = data.draw(st.lists(st.sampled_from(sorted(pools)), min_size=0, max_size=2))
        changes |= {name: data.draw(st.sampled_from(pools[name])) for name in names}
        return changes


SUMMARY = "/onboarding/summary"

reached: Counter[str] = Counter()
"""What came about in the runs of this process: a machine that reaches little proves little."""


def _pools(marker: str) -> dict[str, dict[str, list[Any]]]:
    """Step -> field -> what may be typed there; every text tells whose it is."""
    words = [f"{marker} {word}" for word in ("oak", "ash", "elm")]
    return {
        "api-keys": {
            "openai": [f"sk-{marker}{'0' * 20}{n}abc" for n in range(3)],
            "mistral": [f"{marker}{'0' * 12}{n}def" for n in range(3)],
        },
        "website": {
            "has_website": ["no"],
            "business_description": [f"We plant {word}" for word in words],
            "industry": words,
            "target_audience": words,
            "business_goals": words,
        },
        "research": {
            "research_depth": ["Basic", "Standard", "Expert"],
            "content_types": [["News"], ["News", "Newsletters"], ["Blog Posts"]],
            "auto_research": [True, None],
        },
        "persona": {
            "persona_name": words,
            "tone": ["Casual", "Academic", "Technical"],
            "audience": words,
            "voice_description": words,
            "selected_platforms": [["blog"], ["blog", "medium"], ["linkedin"]],
        },
        "integrations": {
            "platforms": [["rss"], ["wordpress", "rss"], ["ghost"]],
            "notify_email": [f"{word.replace(' ', '.')}@example.com" for word in words],
        },
        "finish": {"first_declaration": [f"To show {word} to the world." for word in words]},
    }


def _posted(slug: str, values: MultiDict[str, str]) -> Posted:
    """What a form says, as far as the model follows it."""
    return {name: tuple(values.getlist(name)) for name in NAMES[slug]}


def _plain(values: Posted) -> Posted:
    """Without the difference between a field that is not sent and one that is sent blank."""
    return {name: value for name, value in values.items() if value not in ((), ("",))}


def _merge(base: Posted, stored: Posted, typed: Posted, slug: str) -> tuple[Posted, bool]:
    """Both sides' changes, and whether they changed one field to different values."""
    merged, conflict = dict(stored), False
    for name, value in typed.items():
        if value == stored.get(name) or (value == base.get(name) and slug != "api-keys"):
            continue
        if stored.get(name) == base.get(name):
            merged[name] = value
        else:
            conflict = True
    return merged, conflict


def _rail(page: Page) -> dict[str, str]:
    """Slug -> state, as the list of steps beside a page tells it."""
    items = page.find("//*[@class='rail-wide']//li")
    states = [str(item.get("class")).rpartition("--")[2] for item in items]
    return dict(zip(SLUGS, states, strict=True))


class _any(int):  # noqa: N801 - it reads as a word
    """A status that may be one of several."""

    def __new__(cls, *several: int) -> "_any":
        self = super().__new__(cls, several[0])
        self.several = several  # type: ignore[attr-defined]
        return self

    def __eq__(self, other: object) -> bool:
        return other in self.several  # type: ignore[attr-defined]

    def __ne__(self, other: object) -> bool:
        return other not in self.several  # type: ignore[attr-defined]

    __hash__ = int.__hash__


def _run(app: Flask, examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Journeys(app),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # A failure is told as it was found: making it shorter takes many minutes here. To have
            # that, add Phase.shrink and give pytest `-o faulthandler_timeout=0`.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            report_multiple_bugs=False,
            print_blob=True,
        ),
    )


def test_the_promises_hold_in_any_order_of_things(app: Flask) -> None:
    _run(app, examples=12, steps=25)


@pytest.mark.long
def test_the_promises_hold_in_many_more_orders_of_things(app: Flask) -> None:
    _run(app, examples=80, steps=50)
    kinds = {
        *("completed", "merged", "a choice", "a choice after completion", "the same once more"),
        *("a draft kept", "nothing to keep", "skipped", "put back", "a link followed"),
        *("a reset", "a tab of cookies that are gone"),
    }
    assert kinds <= set(reached), f"never came about: {kinds - set(reached)}; {reached}"
