"""The page of a step, and every step's answers as the review and the summary show them.

Most pages differ in nothing but texts: what is answered, when it was saved, what a revision is
called. These are rendered once for each language and shape, with holes for the texts (`kept`).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from flask import render_template, url_for
from flask_babel import LazyString
from markupsafe import Markup
from wtforms import BooleanField, PasswordField, StringField
from wtforms.fields.choices import SelectFieldBase

from webapp import appearance, kept, languages
from webapp.at_hand import its_session, the_request
from webapp.config import settings
from webapp.identity import users
from webapp.wizard import store
from webapp.wizard.forms import StepForm
from webapp.wizard.journey import Journey
from webapp.wizard.step import Row, Step, Words
from webapp.wizard.visit import Visit

_ANSWERS = "macros/summary_list.html"
_WORDS = (str, LazyString)


@dataclass
class Page:
    """What the template of a step gets; `extra` is what the step says `beside_form`."""

    step: Step
    visit: Visit | None
    typed: StepForm | None = None
    """A form that comes back; without one, the page shows `values`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    revision: str | None = None
    notice: str | None = None
    retry: bool = False
    retry_action: str = "save"
    saved_at: datetime | Markup | None = None
    draft_at: datetime | None = None
    journey: Journey[Step] = field(init=False)
    """The steps of the application."""
    completed: bool = field(init=False)
    """The session is completed: this is a change to a finished thing."""
    is_new: bool = field(init=False)
    """The step came into the journey after later ones were done."""
    kept_until: datetime | Markup | None = field(init=False)
    """When an unfinished session of somebody anonymous becomes old enough to be deleted."""
    rail: Markup = field(init=False)
    """Every step with its state; without a session they are merely listed."""

    def __post_init__(self) -> None:
        """Look at the visit: every page of a step says all of this."""
        visit = self.visit
        self.journey = visit.journey if visit else store.journey()
        done: AbstractSet[str] = visit.done if visit else frozenset()
        self.completed = visit is not None and visit.session.completed
        later = [step.slug for step in self.journey.steps[self.number :]]
        self.is_new = self.step.slug not in done and not done.isdisjoint(later)
        self.kept_until = None
        if visit is not None and not self.completed and not visit.session.user_id:
            age = timedelta(hours=settings().retention_hours)
            self.kept_until = visit.session.updated_at + age
        self.rail = _rail(self, done)

    @cached_property
    def form(self) -> StepForm:
        """The form, with what it shows in it."""
        return self.typed or self.step.form(formdata=None, data=dict(self.values))

    @property
    def number(self) -> int:
        """1 for the first step."""
        return self.journey.number(self.step.slug)

    @property
    def count(self) -> int:
        """How many steps there are."""
        return len(self.journey)

    @property
    def dropped(self) -> set[str]:
        """Secret fields in which something was typed that is not sent back."""
        return self.form.secrets()

    @property
    def can_go_back(self) -> bool:
        """Not from the first step, and a completed session has its summary to go back to."""
        return self.number > 1 and not self.completed

    @property
    def can_go_later(self) -> bool:
        """There is a draft to keep."""
        return not self.completed

    @property
    def can_skip(self) -> bool:
        """The step is optional."""
        return self.step.optional

    @property
    def can_discard(self) -> bool:
        """The page shows a draft."""
        return self.draft_at is not None


def render(page: Page) -> str | bytes:
    """The page: from what is kept where it can be, else made anew."""
    comes_back = page.typed is not None or page.notice is not None or page.draft_at is not None
    if comes_back or page.visit is None or "_flashes" in its_session() or not kept.is_on():
        return render_template(page.step.template, page=page)
    beside = _beside(page.extra)
    if beside is None:
        return render_template(page.step.template, page=page)
    texts, ticks = _shown_in(page.step.form, page.values)
    texts |= beside.texts
    texts["revision"], texts["rail"] = page.revision, page.rail
    texts["saved at"] = languages.written(page.saved_at) if page.saved_at else None
    texts["kept until"] = languages.written(page.kept_until) if page.kept_until else None
    key = (
        *("step", page.step.slug, page.completed, page.is_new, bool(users.current())),
        *(appearance.chosen(), beside.key, kept.there(texts)),
    )
    return kept.whole_page(key, texts | ticks, lambda: _with_holes(page, beside, texts))


def _with_holes(page: Page, beside: "_Beside", texts: Mapping[str, Any]) -> str:
    """The page as it is kept: nothing of the visit is within the template's reach."""
    holes = kept.holes_for(texts)
    given = {one.name: holes[one.hole] for one in _fields(page.step.form).texts}
    kept_page = copy(page)
    vars(kept_page).pop("form", None)  # it is made anew, of the holes
    kept_page.visit, kept_page.values = _SOMEBODY, given
    kept_page.extra = beside.with_holes(page.extra, holes)
    kept_page.revision, kept_page.rail = holes["revision"], holes["rail"]
    kept_page.saved_at, kept_page.kept_until = holes["saved at"], holes["kept until"]
    return render_template(page.step.template, page=kept_page)


_SOMEBODY: Any = object()
"""There is a visit, and what it is does not matter."""


# -- the form's values -----------------------------------------------------------------------------


class _Text(NamedTuple):
    """A field that shows a text."""

    name: str
    hole: str
    default: Any
    filters: Sequence[Callable[[Any], Any]]
    nothing: Mapping[str | None, str]
    """What it shows of nothing, which is the most that is shown on many a page."""


class _Choice(NamedTuple):
    """A field that shows ticks."""

    name: str
    is_yes_or_no: bool
    default: Any
    ticks: dict[str, str]
    """Value -> the hole for its tick."""


class _Fields(NamedTuple):
    """How the fields of a form show their values; those that are never filled, such as secrets, are
    not among them."""

    texts: list[_Text]
    choices: list[_Choice]
    unticked: dict[str, Markup]
    """The hole of every choice, empty."""


_known: dict[type[StepForm], _Fields] = {}
_TICKED, _UNTICKED = Markup("checked"), Markup("")


def _fields(form: type[StepForm]) -> _Fields:
    if form not in _known:
        found = _Fields([], [], {})
        for one in form(formdata=None):
            if isinstance(one, BooleanField | SelectFieldBase):
                is_yes_or_no = isinstance(one, BooleanField)
                values = ["y"] if is_yes_or_no else [str(option.data) for option in one]
                ticks = {value: kept.tick(one.name, value) for value in values}
                found.choices.append(_Choice(one.name, is_yes_or_no, one.default, ticks))
                found.unticked.update(dict.fromkeys(ticks.values(), _UNTICKED))
            elif isinstance(one, StringField) and not isinstance(one, PasswordField):
                filters = tuple(one.filters)
                nothing = {empty: _as_shown(empty, filters) for empty in (None, "")}
                text = _Text(one.name, f"value {one.name}", one.default, filters, nothing)
                found.texts.append(text)
        _known[form] = found
    return _known[form]


def _as_shown(value: Any, filters: Iterable[Callable[[Any], Any]]) -> str:
    for to_shown in filters:
        value = to_shown(value)
    return "" if value is None else str(value)


def _shown_in(
    form: type[StepForm], values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Markup]]:
    """What WTForms would show of these values: the texts, and which choices are ticked."""
    fields = _fields(form)
    texts: dict[str, Any] = {}
    for name, hole, default, filters, nothing in fields.texts:
        value = values.get(name, default)
        is_empty = value is None or value == ""
        texts[hole] = nothing[value] if is_empty else _as_shown(value, filters)
    ticks = fields.unticked.copy()
    for name, is_yes_or_no, default, holes in fields.choices:
        value = values.get(name, default)
        if is_yes_or_no:
            value = "y" if value else None
        for one in value if isinstance(value, list | tuple) else (value,):
            if (found := holes.get(str(one))) is not None:
                ticks[found] = _TICKED
    return texts, ticks


# -- what stands beside it -------------------------------------------------------------------------


class _Beside(NamedTuple):
    """What a step says beside its form, as what is kept depends on it, and its texts."""

    key: Hashable
    texts: dict[str, Any]

    def with_holes(self, extra: Mapping[str, Any], holes: Mapping[str, Any]) -> dict[str, Any]:
        """The same with holes in the places of the texts."""
        return {
            name: {one: holes[f"beside {name} {one}"] for one in value}
            if isinstance(value, dict)
            else holes.get(f"beside {name}", value)
            for name, value in extra.items()
        }


def _beside(extra: Mapping[str, Any]) -> _Beside | None:
    """None for what is neither a text, nor a mapping of texts, nor the same for everybody."""
    key: list[Hashable] = []
    texts: dict[str, Any] = {}
    for name, value in extra.items():
        if isinstance(value, kept.Few):
            key.append((name, value))
        elif not value or value is True:
            key.append((name, repr(value)))
        elif isinstance(value, _WORDS):
            texts[f"beside {name}"] = value
        elif isinstance(value, dict) and all(isinstance(v, _WORDS) for v in value.values()):
            texts |= {f"beside {name} {one}": text for one, text in value.items()}
        else:
            return None
    return _Beside(tuple(key), texts)


# -- the rail --------------------------------------------------------------------------------------


def _rail(page: Page, done: AbstractSet[str]) -> Markup:
    journey, visit = page.journey, page.visit
    open_until = 0
    if visit is not None:
        open_until = len(journey) if page.completed else journey.open_until(done)
    states: list[tuple[str, str, bool]] = []
    briefs: dict[str, Words | None] = {}
    for number, step in enumerate(journey.steps, start=1):
        slug, reachable, brief = step.slug, number <= open_until, None
        state = "open" if reachable or visit is None else "locked"
        if visit is not None and slug in done:
            state = "done" if visit.progress[slug].saved_at else "skipped"
            brief = visit.brief(step) or None
        states.append((slug, "current" if step is page.step else state, reachable))
        briefs[slug] = brief

    def made(notes: Mapping[str, Any]) -> str:
        items = [
            {
                "number": journey.number(slug),
                "title": journey_step.title,
                "optional": journey_step.optional,
                "brief": notes[slug],
                "state": state,
                "url": url_for("wizard.show_step", slug=slug) if reachable else None,
            }
            for journey_step, (slug, state, reachable) in zip(journey, states, strict=True)
        ]
        return render_template("wizard/rail.html", rail=items, number=page.number, count=page.count)

    if not kept.is_on():
        return Markup(made(briefs))  # noqa: S704 - of a template
    key = ("rail", tuple(states), kept.there(briefs))
    return kept.whole(key, briefs, lambda: made(kept.holes_for(briefs)))


# -- every step's answers --------------------------------------------------------------------------


class Section(NamedTuple):
    """One step on the review or the summary."""

    step: Step
    state: str
    """saved, skipped or open."""
    saved_at: datetime | None
    rows: list[Row]


def sections(visit: Visit, review: bool = False) -> list[Section]:
    """Every step's rows; on the review without the step that shows it."""
    found = []
    for step in visit.journey:
        if review and step.needs_all:
            continue
        row = visit.progress.get(step.slug)
        state = "open"
        if row and row.done:
            state = "saved" if row.saved_at else "skipped"
        rows = list(step.rows(visit)) if state == "saved" else []
        found.append(Section(step, state, row.saved_at if row else None, rows))
    return found


def answers(shown: Iterable[Section]) -> Markup:
    """Sections, one after the other."""
    return kept.macros(_ANSWERS, map(_section, shown))


def _section(one: Section) -> kept.Call:
    slug = one.step.slug
    texts = {
        "title": one.step.title,
        "saved_at": languages.written(one.saved_at) if one.saved_at else None,
        "rows": kept.Calls([_row(slug, row) for row in one.rows]),
    }
    return "summary_section", (slug, one.state), texts


def _row(slug: str, row: Row) -> kept.Call:
    value, items = row.value, None
    if isinstance(value, list):
        items, value = kept.each("item", map(_text, value)), None
    elif value is not None:
        value = _text(value)
    texts = {"label": row.label, "value": value, "items": items, "note": row.note}
    return "row_of", (slug,), texts


def _text(value: Any) -> Words:
    """As a text, whatever was stored."""
    return value if isinstance(value, _WORDS) else str(value)


_LINES = "macros/summary_parts.html"
LONG_DECLARATION = 240
"""Characters: a longer one is set smaller."""


def summary_page(visit: Visit) -> str | bytes:
    """Every answer and result of a completed session."""
    shown = sections(visit)
    reports: dict[str, Any] = {}
    for step in visit.journey:
        reports.update(step.report(visit))
    analysis, declaration = reports.get("analysis"), visit.session.first_declaration
    done, completed_at = visit.done, visit.session.completed_at
    texts = {
        "declaration": declaration,
        "completed_at": languages.written(completed_at) if completed_at else None,
        "new_steps": _lines("new_step", (s for s in visit.journey if s.slug not in done)),
        "left_open": _lines("left_open", (one.step for one in shown if one.state != "saved")),
        "capabilities": kept.macros(
            _LINES,
            [
                ("capability", (one.available,), {"label": one.label, "why": one.why})
                for step in visit.journey
                for one in step.capabilities(visit)
            ],
        ),
        "style": analysis and Markup(_style_of(analysis)),  # noqa: S704 - of a template
        "persona": reports.get("persona"),
        "comparisons": kept.joined(
            kept.made("macros/comparison.html", "comparison", one)
            for one in reports.get("comparisons") or ()
        ),
        "answers": answers(shown),
    }
    few = {
        "theme": appearance.chosen(),
        "long": len(declaration or "") > LONG_DECLARATION,
        "waiting": bool(analysis and analysis.status in ("queued", "in_progress")),
        "after_url": settings().after_url or None,
    }
    # The switch of the languages repeats what the address asks for.
    if "_flashes" in its_session() or the_request().query_string:
        return render_template("wizard/summary.html", **few, **texts)
    return kept.page("wizard/summary.html", texts, **few, is_user=bool(users.current()))


def _style_of(analysis: Any) -> str:
    return render_template("wizard/summary_style.html", analysis=analysis)


def _lines(macro: str, steps: Iterable[Step]) -> Markup:
    return kept.macros(_LINES, [(macro, (step.slug,), {"title": step.title}) for step in steps])
