"""Visitors at work while everything under them is killed: nothing that was acknowledged is lost.

    python -m tests.bench.chaos --minutes 10 [--postgres]

Each visitor walks through journeys of their own against the real server and writes down what was
acknowledged. At random moments the whole process group of the server is killed with -9 (with
PostgreSQL: now and then all of PostgreSQL in its place), or one of its worker processes alone. Then
everybody waits, SQL is read beside the application, and what was killed starts again.

What holds, each time: a session is in a state that its visitor knows to be possible. That is the
one that the last acknowledged request led to; or, where a request got no answer, that one or the
one that this request leads to, whole. The rows of a step agree with each other: answer, progress
and history, a website's analysis and its job.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from sqlalchemy import Engine, bindparam, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.support import databases
from tests.support.pages import Page, Value
from tests.support.private_postgres import PrivatePostgres
from tests.support.server import LiveServer
from tests.support.site import SiteServer, page
from tests.support.visitors import Unheard, Visitor
from webapp.config import read as read_settings
from webapp.vault import Vault

SLUGS = ("api-keys", "website", "research", "persona", "integrations", "finish")
MOST_SECONDS = 10
"""No request may take longer, whatever is away."""

DEPTHS = ("Basic", "Standard", "Comprehensive", "Expert")
KINDS = (
    *("Blog Posts", "Social Media", "Technical Articles"),
    *("News", "Academic Papers", "Newsletters"),
)


class Lost(AssertionError):
    """Something that was acknowledged is not there, or something is there by half."""


class StepState(NamedTuple):
    """What is stored of one step: the tokens of its answer and of its draft."""

    saved: str | None = None
    skipped: bool = False
    draft: str | None = None


State = dict[str, StepState]
"""A session: slug -> what is stored of it."""

BLANK: State = {slug: StepState() for slug in SLUGS}


@dataclass
class Figures:
    """What a run comes to."""

    seconds: float = 0
    saves_acknowledged: int = 0
    drafts_skips_resets_acknowledged: int = 0
    sent_twice_at_once: int = 0
    lost: int = 0
    kills_of_the_server: int = 0
    kills_of_one_worker: int = 0
    kills_of_postgresql: int = 0
    unknown_outcomes: int = 0
    of_these_saved: int = 0
    of_these_not_saved: int = 0
    posts_retried_unchanged: int = 0
    answers_503: int = 0
    requests: int = 0
    slowest_answer_seconds: float = 0
    sessions: int = 0
    sessions_completed: int = 0
    analyses_queued: int = 0
    jobs_left: int = 0

    def __str__(self) -> str:
        lines = []
        for one in fields(self):
            value = getattr(self, one.name)
            shown = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
            lines.append(f"{one.name.replace('_', ' '):<36} {shown:>10}")
        return "\n".join(lines)


# -- what is typed, and how it is found again ------------------------------------------------------


def answers(slug: str, token: str, site: SiteServer) -> dict[str, Value]:
    """Answers of a step that hold the token in every text, so that half of one would show."""
    number = int(token[1:])
    if slug == "api-keys":
        return {"openai": f"sk-{token}-{'7' * 16}", "anthropic": f"sk-ant-{token}-{'7' * 16}"}
    if slug == "website":
        has_website = number % 4 == 0
        return {
            "has_website": "yes" if has_website else "no",
            "website_url": site.url(f"/?t={token}") if has_website else "",
            "business_description": f"We sell {token} by the sea.",
            "industry": token,
            "target_audience": f"Friends of {token}",
            "business_goals": f"More {token}",
        }
    if slug == "research":
        combination = number % 252 + 1
        competitor = site.url(f"/rival?t={token}") if number % 16 == 0 else ""
        return {
            "research_depth": DEPTHS[combination // 64],
            "content_types": [
                kind for bit, kind in enumerate(KINDS) if combination % 63 + 1 & 1 << bit
            ],
            "competitors": competitor,
        }
    if slug == "persona":
        return {
            "persona_name": token,
            "tone": "Casual",
            "audience": f"Readers of {token}",
            "voice_description": f"Plain, like {token}",
            "selected_platforms": ["blog", "linkedin"],
        }
    if slug == "integrations":
        return {"platforms": ["wordpress", "rss"], "notify_email": f"{token}@example.com"}
    return {"first_declaration": f"To tell the world of {token}, whatever happens."}


def seen(slug: str, token: str) -> str:
    """What is found of a token: all of it, but in research, which has no text: its combination."""
    if slug != "research":
        return token
    combination = int(token[1:]) % 252 + 1
    return f"{combination // 64}/{combination % 63 + 1}"


def one_token(where: str, texts: Mapping[str, str]) -> str:
    """The token that all of these texts hold. Raises Lost when they hold different ones."""
    found = set()
    for value in texts.values():
        tokens = [w for w in _words(value) if w[:1] == "t" and w[1:].isdigit()]
        found.add(" ".join(tokens))
    if len(found) != 1:
        raise Lost(f"{where} is half of one save and half of another: {dict(texts)}")
    return found.pop()


def _words(value: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in value).split()


def _research(depth: str, kinds: list[str]) -> str:
    bits = sum(1 << KINDS.index(kind) for kind in kinds)
    return f"{DEPTHS.index(depth)}/{bits}"


# -- the records, read beside the application ------------------------------------------------------


class Records:
    """Reads what is stored, and finds what does not agree in it."""

    def __init__(self, url: str, encryption_keys: tuple[bytes, ...]) -> None:
        if url.startswith("postgresql://"):
            url = "postgresql+psycopg" + url.removeprefix("postgresql")
        self._engine: Engine = create_engine(url, poolclass=NullPool)
        self._vault = Vault(encryption_keys)

    def states(self, sessions: list[str]) -> dict[str, State]:
        """Session -> its state. Raises Lost where rows do not agree."""
        tables = {
            name: self._rows(name, sessions)
            for name in (
                *("onboarding_sessions", "step_progress", "step_history", "api_keys"),
                *("website_answers", "research_preferences", "persona_data"),
                *("platform_integrations", "kblocks", "website_analyses"),
                *("competitor_analyses", "jobs"),
            )
        }
        found = {}
        for row in tables.pop("onboarding_sessions"):
            own = {
                name: rows.get(row["id"], [])
                for name, rows in ((n, _by_session(r)) for n, r in tables.items())
            }
            found[row["id"]] = self._state(row, own)
        return found

    def count(self, table: str, where: str = "1 = 1") -> int:
        """How many rows a table has."""
        with self._engine.connect() as connection:
            query = text(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608 - our names
            return int(connection.execute(query).scalar_one())

    def is_sound(self) -> None:
        """SQLite's own checks of the file. Raises Lost."""
        if self._engine.dialect.name != "sqlite":
            return
        with self._engine.connect() as connection:
            for pragma, good in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
                rows = [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {pragma}")]
                if rows != good:
                    raise Lost(f"PRAGMA {pragma}: {rows[:5]}")

    def completions(self) -> dict[str, tuple[str, str]]:
        """Completed session -> when, and its first block."""
        query = "SELECT id, completed_at, first_kblock_id FROM onboarding_sessions WHERE completed"
        with self._engine.connect() as connection:
            return {r[0]: (str(r[1]), r[2]) for r in connection.execute(text(query))}

    def _rows(self, table: str, sessions: list[str]) -> list[dict[str, Any]]:
        key = "id" if table == "onboarding_sessions" else "session_id"
        query = text(f"SELECT * FROM {table} WHERE {key} IN :ids")  # noqa: S608 - our names
        with self._engine.connect() as connection:
            rows: list[dict[str, Any]] = []
            for start in range(0, len(sessions), 500):
                some = sessions[start : start + 500]
                found = connection.execute(query.bindparams(bindparam("ids", some, expanding=True)))
                rows += [dict(row._mapping) for row in found]
        return rows

    def _state(self, session: dict[str, Any], own: dict[str, list[dict[str, Any]]]) -> State:
        where = f"session {session['id']}"
        progress = {row["slug"]: row for row in own["step_progress"]}
        stored = self._answers(session, own)
        state: State = {}
        for slug in SLUGS:
            row = progress.get(slug)
            saved = bool(row and row["saved_at"])
            history = [r for r in own["step_history"] if r["slug"] == slug]
            if saved != (slug in stored):
                raise Lost(f"{where}, {slug}: saved is {saved}, the answer's row is not so")
            if row and saved and row["skipped_at"]:
                raise Lost(f"{where}, {slug}: both saved and skipped")
            if row and saved:
                self._check_history(f"{where}, {slug}", slug, row, stored[slug], history)
            draft = _json(row["draft"]) if row else None
            state[slug] = StepState(
                stored.get(slug),
                bool(row and row["skipped_at"]),
                _token_of_draft(f"{where}, {slug}", slug, draft),
            )
        self._check_completion(where, session, own, state)
        _check_jobs(where, own)
        return state

    def _answers(
        self, session: dict[str, Any], own: dict[str, list[dict[str, Any]]]
    ) -> dict[str, str]:
        where = f"session {session['id']}"
        found = {}
        if keys := own["api_keys"]:
            opened = {
                r["provider"]: self._vault.open(
                    bytes(r["ciphertext"]), session["id"], r["provider"]
                )
                for r in keys
            }
            if set(opened) != {"openai", "anthropic"}:
                raise Lost(f"{where}: keys of {set(opened)}")
            found["api-keys"] = one_token(where, opened)
        for row in own["website_answers"]:
            texts = {n: row[n] for n in ("business_description", "industry", "target_audience")}
            texts |= {"business_goals": row["business_goals"]}
            if row["has_website"]:
                texts["website_url"] = row["website_url"]
                urls = {r["website_url"] for r in own["website_analyses"]}
                if row["website_url"] not in urls:
                    raise Lost(f"{where}: {row['website_url']} has no analysis")
            found["website"] = one_token(where, texts)
        for row in own["research_preferences"]:
            found["research"] = _research(row["research_depth"], _json(row["content_types"]))
            read = {r["website_url"] for r in own["competitor_analyses"]}
            if set(_json(row["competitors"])) != read:
                raise Lost(f"{where}: the competitors are not those that are read: {read}")
        for row in own["persona_data"]:
            texts = {n: row[n] for n in ("persona_name", "audience", "voice_description")}
            identity = _json(row["core_persona"])["identity"]
            texts["the built persona"] = identity["persona_name"]
            found["persona"] = one_token(where, texts)
        for row in own["platform_integrations"]:
            found["integrations"] = one_token(where, {"notify_email": row["notify_email"]})
        if session["first_declaration"]:
            texts = {"session": session["first_declaration"]}
            texts |= {f"block {r['id']}": r["content"] for r in own["kblocks"]}
            found["finish"] = one_token(where, texts)
        return found

    def _check_history(
        self,
        where: str,
        slug: str,
        row: dict[str, Any],
        token: str,
        history: list[dict[str, Any]],
    ) -> None:
        newest = max(history, key=lambda r: int(r["revision"]), default=None)
        if newest is None or newest["revision"] != row["revision"]:
            raise Lost(f"{where}: the history does not end at the saved revision")
        if newest["saved_at"] != row["saved_at"]:
            raise Lost(f"{where}: history and progress tell different times")
        tokens = [_token_of_values(where, slug, _json(r["snapshot"])) for r in history]
        if slug == "api-keys":
            return  # a snapshot holds no secret, nor a token in one
        if tokens[history.index(newest)] != token:
            raise Lost(f"{where}: the answer is {token}, the history says {tokens}")
        if slug != "research" and len(set(tokens)) < len(tokens):
            raise Lost(f"{where}: one save stands twice in the history: {tokens}")

    def _check_completion(
        self,
        where: str,
        session: dict[str, Any],
        own: dict[str, list[dict[str, Any]]],
        state: State,
    ) -> None:
        done = bool(session["completed"])
        if not (done == bool(session["completed_at"]) == bool(session["first_kblock_id"])):
            raise Lost(f"{where}: completed by half: {session}")
        if done != (state["finish"].saved is not None):
            raise Lost(f"{where}: completed is {done}, finish is {state['finish']}")
        if [r["id"] for r in own["kblocks"]] != ([session["first_kblock_id"]] if done else []):
            raise Lost(f"{where}: the blocks are {own['kblocks']}")
        if done and any(state[s].saved is None for s in SLUGS if s != "integrations"):
            raise Lost(f"{where}: completed with a step open: {state}")


def _check_jobs(where: str, own: dict[str, list[dict[str, Any]]]) -> None:
    """Work that is not finished has its job, and each job has its work."""
    jobs = {row["subject"] for row in own["jobs"]}
    rows = [*own["website_analyses"], *own["competitor_analyses"]]
    waiting = {row["id"] for row in rows if row["status"] in ("queued", "in_progress")}
    if waiting != jobs:
        raise Lost(f"{where}: lost jobs {waiting - jobs}, jobs of nothing {jobs - waiting}")


def _by_session(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["session_id"], []).append(row)
    return found


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


TEXTS = {
    "website": ("business_description", "industry", "target_audience", "business_goals"),
    "persona": ("persona_name", "audience", "voice_description"),
    "integrations": ("notify_email",),
    "finish": ("first_declaration",),
}


def _token_of_values(where: str, slug: str, values: Mapping[str, Any]) -> str:
    if slug == "research":
        return _research(values["research_depth"], values["content_types"])
    return one_token(where, {n: values[n] for n in TEXTS.get(slug, ())} or {"": ""})


def _token_of_draft(where: str, slug: str, draft: Mapping[str, Any] | None) -> str | None:
    return None if draft is None else _token_of_values(where, slug, draft)


# -- the visitors ----------------------------------------------------------------------------------


class Gate:
    """Lets visitors do one thing after the other, or makes them wait between two."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._open = True

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait until the gate is open; what is done inside it waits for."""
        with self._condition:
            self._condition.wait_for(lambda: self._open)
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Nobody is inside, nobody comes in."""
        with self._condition:
            self._open = False
            quiet = self._condition.wait_for(lambda: self._inside == 0, timeout=60)
        try:
            if not quiet:
                raise Lost("somebody waits for an answer for a minute")
            yield
        finally:
            with self._condition:
                self._open = True
                self._condition.notify_all()


@dataclass(eq=False)
class Walker:
    """A visitor with journeys of their own, and the states that these can be in by what was said.

    `lawful` has one state when everything was answered, two when one request was not.
    """

    name: int
    site: SiteServer
    visitor: Visitor
    chance: random.Random
    figures: Figures
    lock: threading.Lock
    """Held while the figures are changed."""
    lawful: list[State] = field(default_factory=list)
    known: dict[str, list[State]] = field(default_factory=dict)
    """Every session of this visitor, the one at hand among them, and its lawful states."""
    unanswered: tuple[str, Any, State, str] | None = None
    """The post that got no answer: to be sent again as it is."""
    tokens: int = 0

    def act(self) -> None:
        """Do one thing; a server that is away is no fault."""
        try:
            if self.visitor.session_id is None or self.visitor.session_id not in self.known:
                self._begin()
            elif self.unanswered and self.chance.random() < 0.7:
                self._retry()
            else:
                self._save_something()
        except Unheard:
            time.sleep(0.05)

    def _begin(self) -> None:
        welcome = self.visitor.get("/onboarding/")
        if welcome.status == 200:
            self.visitor.submit(welcome)
        if session_id := self.visitor.session_id:
            self.lawful = self.known.setdefault(session_id, [dict(BLANK)])
            self.unanswered = None
            self._count("sessions")

    def _save_something(self) -> None:
        if len(self.lawful) > 1:
            slug = self._next_of(self.lawful[0])  # either state has this step open
            self._look(slug)
            return
        state = self.lawful[0]
        completed = state["finish"].saved is not None
        at = self._next_of(state)
        done = [s for s in SLUGS[: SLUGS.index(at)] if s != "finish"] if not completed else SLUGS
        dice = self.chance.random()
        if completed and dice < 0.25:
            self.visitor.forget()  # somebody else sits down at this browser
            return
        if dice < 0.02 and done:
            self._reset(state)
            return
        slug = self.chance.choice(done) if completed or (done and dice < 0.3) else at
        page = self._look(slug)
        if page is None:
            return
        if slug == "integrations" and dice > 0.6:
            skipped = state | {slug: self._skipped(state)}
            self._send(page, slug, {}, "skip", skipped)
            return
        self.tokens += 1
        token = f"t{self.name:02}{self.tokens:05}"
        typed, found = answers(slug, token, self.site), seen(slug, token)
        if not completed and slug in ("website", "persona") and dice > 0.85:
            # Back and "Save for later" validate nothing and keep it all.
            kept = state | {slug: state[slug]._replace(draft=found)}
            self._send(page, slug, typed, "later", kept)
        else:
            self._send(page, slug, typed, "save", state | {slug: StepState(found)})

    def _skipped(self, state: State) -> StepState:
        """What was stored stays as the draft of a step that is skipped."""
        before = state["integrations"]
        return StepState(None, True, before.saved or before.draft)

    def _look(self, slug: str) -> Page | None:
        """Open a step and compare what it shows; None when it cannot be shown now."""
        page = self.visitor.get(f"/onboarding/{slug}")
        if page.status in (502, 503):
            self._check_away(page)
            return None
        if page.status != 200:
            raise Lost(f"{slug} answers {page.status} to {page.headers.get('Location')}")
        expected = {one[slug].draft or one[slug].saved for one in self.lawful}
        if slug != "api-keys" and expected != {None}:
            shown = self._shown(slug, page)
            if shown not in expected:
                raise Lost(f"{slug} shows {shown}, not {expected}")
        return page

    @staticmethod
    def _shown(slug: str, page: Page) -> str | None:
        values = page.form().values()
        if slug == "research":
            depth = values.get("research_depth")
            return _research(depth, values.getlist("content_types")) if depth else None
        return one_token(slug, {n: values[n] for n in TEXTS[slug]}) or None

    def _send(
        self, page: Page, slug: str, typed: dict[str, Value], action: str, after: State
    ) -> None:
        where, body = self.visitor.filled(page, typed, action)
        twice = action == "save" and self.chance.random() < 0.15
        if twice:
            self._count("sent_twice_at_once")
            with ThreadPoolExecutor(2) as pool:
                sent = [pool.submit(self._post, where, body) for _ in range(2)]
            heard = [answer for one in sent if (answer := one.result())]
            if len({answer.location for answer in heard if answer.status == 303}) > 1:
                raise Lost(f"two posts at once lead to {[one.location for one in heard]}")
        else:
            heard = [page for page in [self._post(where, body)] if page]
        self._judge(heard, where, body, after, slug)

    def _retry(self) -> None:
        assert self.unanswered
        where, body, after, slug = self.unanswered
        self._count("posts_retried_unchanged")
        answer = self._post(where, body)
        self._judge([answer] if answer else [], where, body, after, slug)

    def _post(self, where: str, body: Any) -> Page | None:
        """The answer; None for none, and for one that says that the database is away."""
        try:
            answer = self.visitor.post(where, body)
        except Unheard:
            return None
        if answer.status in (502, 503):
            self._check_away(answer)
            time.sleep(0.05)
            return None
        return answer

    def _check_away(self, answer: Page) -> None:
        self._count("answers_503")
        if answer.status == 503 and not answer.headers.get("Retry-After"):
            raise Lost(f"{answer.path}: 503 does not say when to try again")

    def _judge(self, heard: list[Page], where: str, body: Any, after: State, slug: str) -> None:
        if not heard:
            if after not in self.lawful:
                self.lawful.append(after)
            self.unanswered = (where, body, after, slug)
            return
        for answer in heard:
            if answer.status != 303:
                raise Lost(f"{slug} answers {answer.status}: {answer.text('//main')[:400]}")
            self._check_way(answer, after, slug, body)
        self.lawful[:] = [after]
        self.unanswered = None
        saved = body.get("action") == "save"
        self._count("saves_acknowledged" if saved else "drafts_skips_resets_acknowledged")

    def _check_way(self, page: Page, after: State, slug: str, body: Any) -> None:
        """The redirect leads to where this state goes on."""
        going = page.location.split("#")[0].rsplit("/", 1)[1]
        wanted = "summary" if after["finish"].saved else self._next_of(after)
        if body.get("action") == "later":
            wanted = slug
        elif body.get("action") is None:  # a reset
            wanted = SLUGS[0]
        if going != wanted:
            raise Lost(f"{slug} ({body.get('action')}) leads to {going}, not {wanted}")

    def _reset(self, state: State) -> None:
        page = self.visitor.get("/onboarding/reset")
        if page.status == 200:
            where, body = self.visitor.filled(page)
            answer = self._post(where, body)
            self._judge([answer] if answer else [], where, body, dict(BLANK), "reset")
        elif page.status not in (502, 503):
            raise Lost(f"the reset's page answers {page.status}")

    @staticmethod
    def _next_of(state: State) -> str:
        return next((s for s in SLUGS if not (state[s].saved or state[s].skipped)), SLUGS[-1])

    def _count(self, name: str) -> None:
        with self.lock:
            setattr(self.figures, name, getattr(self.figures, name) + 1)

    def compare(self, found: dict[str, State], sessions: list[str]) -> None:
        """Each of these sessions is in a lawful state; from now on that one alone is."""
        for session_id in sessions:
            lawful = self.known[session_id]
            state = found.get(session_id, BLANK)
            if session_id not in found and lawful != [BLANK]:
                raise Lost(f"session {session_id} is gone; it was {lawful}")
            if state not in lawful:
                raise Lost(f"session {session_id} is {state}, lawful is {lawful}")
            if len(lawful) > 1:
                self._count("unknown_outcomes")
                saved = state is not lawful[0] and state == lawful[-1]
                self._count("of_these_saved" if saved else "of_these_not_saved")
            lawful[:] = [state]


# -- the harness -----------------------------------------------------------------------------------


class Chaos:
    """Visitors, a server, and what kills it."""

    def __init__(
        self,
        server: LiveServer,
        site: SiteServer,
        *,
        visitors: int = 4,
        seed: int | None = None,
        postgres: PrivatePostgres | None = None,
    ) -> None:
        """`server` runs already; `postgres` is killed too when it is given."""
        self.seed = random.SystemRandom().randrange(10**6) if seed is None else seed
        self.figures = Figures()
        self._chance = random.Random(self.seed)  # noqa: S311 - nothing secret
        self._server, self._site, self._postgres = server, site, postgres
        settings = read_settings(server.environ)
        self._records = Records(server.environ["DATABASE_URL"], settings.encryption_keys)
        self._gate, self._stop = Gate(), threading.Event()
        self._faults: list[str] = []
        self._completed: dict[str, tuple[str, str]] = {}
        lock = threading.Lock()
        self._walkers = [
            Walker(
                n,
                site,
                Visitor(server.url),
                random.Random(self.seed + n),  # noqa: S311
                self.figures,
                lock,
            )
            for n in range(visitors)
        ]
        self._checked: set[str] = set()

    def run(
        self,
        kills: int | None = None,
        seconds: float = 3600,
        told: Callable[[Figures], None] | None = None,
        drain: float = 0,
    ) -> Figures:
        """Kill so many times, or until the time is over. Raises Lost with the seed.

        `told` hears the figures after each kill. `drain`: how many seconds the background work may
        take in the end; 0 leaves it undone.
        """
        begin = time.monotonic()
        threads = [threading.Thread(target=self._walk, args=(w,)) for w in self._walkers]
        for thread in threads:
            thread.start()
        try:
            done = 0
            while time.monotonic() - begin < seconds and done != kills and not self._faults:
                self._let_them_work()
                self._kill_something(done)
                done += 1
                self.figures.seconds = time.monotonic() - begin
                if told:
                    told(self.figures)
            self._let_them_work()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(60)
        self._end(drain)
        self.figures.seconds = time.monotonic() - begin
        return self.figures

    def _let_them_work(self) -> None:
        """Until some more saves are acknowledged, and then to any moment of a request's time."""
        goal = self.figures.saves_acknowledged + self._chance.randrange(2, 16)
        deadline = time.monotonic() + 15
        while self.figures.saves_acknowledged < goal and not self._faults:
            if time.monotonic() > deadline:
                break
            time.sleep(0.005)
        time.sleep(self._chance.uniform(0, 0.1))

    def _walk(self, walker: Walker) -> None:
        while not self._stop.is_set() and not self._faults:
            try:
                with self._gate.entered():
                    walker.act()
            except Exception as error:
                self._faults.append(f"visitor {walker.name}: {type(error).__name__}: {error}")

    def _kill_something(self, number: int) -> None:
        """In turns: the server, PostgreSQL if it is ours, one worker of the server."""
        kind = ("server", "postgres" if self._postgres else "server", "worker")[number % 3]
        if kind == "server":
            self._server.kill()
            self.figures.kills_of_the_server += 1
            with self._gate.closed():
                self._check()
                self._server.start()
        elif kind == "worker":
            main = psutil.Process(self._server.pid)
            self._chance.choice(main.children()).kill()
            self.figures.kills_of_one_worker += 1
            with self._gate.closed():
                self._check()
        else:
            assert self._postgres
            self._postgres.kill()
            self.figures.kills_of_postgresql += 1
            time.sleep(self._chance.uniform(0, 0.5))
            with self._gate.closed():
                self._postgres.start()
                self._check()

    def _check(self, everything: bool = False) -> None:
        """Compare the records with what was acknowledged."""
        try:
            for walker in self._walkers:
                sessions = [s for s in walker.known if everything or s not in self._checked]
                found = self._states(sessions)
                walker.compare(found, sessions)
                self._checked |= {s for s in sessions if s != walker.visitor.session_id}
            self._check_completed()
            self._records.is_sound()
        except Lost as error:
            self.figures.lost += 1
            self._faults.append(str(error))

    def _states(self, sessions: list[str]) -> dict[str, State]:
        try:
            return self._records.states(sessions)
        except OperationalError:  # a worker of the background, or a recovery, for a moment
            time.sleep(0.5)
            return self._records.states(sessions)

    def _check_completed(self) -> None:
        """What is completed stays so: its time and its block are the ones of before."""
        found = self._records.completions()
        for session_id, before in self._completed.items():
            if found.get(session_id) != before:  # no visitor resets a completed one
                raise Lost(f"{session_id} was {before}, and is {found.get(session_id)}")
        self._completed = found

    def _end(self, drain: float) -> None:
        if not self._faults:
            self._check(everything=True)
            for walker in self._walkers:
                self._look_at_all(walker)
        if not self._faults and drain:
            deadline = time.monotonic() + drain
            while self._records.count("jobs") and time.monotonic() < deadline:
                time.sleep(0.5)
            self._check(everything=True)
        self.figures.sessions_completed = len(self._completed)
        self.figures.analyses_queued = self._records.count("website_analyses")
        self.figures.analyses_queued += self._records.count("competitor_analyses")
        self.figures.jobs_left = self._records.count("jobs")
        self.figures.requests = sum(w.visitor.requests for w in self._walkers)
        self.figures.slowest_answer_seconds = max(w.visitor.slowest for w in self._walkers)
        if self.figures.slowest_answer_seconds > MOST_SECONDS:
            self._faults.append(f"an answer took {self.figures.slowest_answer_seconds:.1f} s")
        output = self._server.output()
        if "Traceback" in output:
            self._faults.append(f"the server's log has a traceback: {output[-3000:]}")
        if self._faults:
            raise Lost(f"seed {self.seed}: " + "\n".join(self._faults) + f"\n{self.figures}")

    def _look_at_all(self, walker: Walker) -> None:
        """The session at hand, page by page, as its visitor sees it."""
        try:
            if walker.visitor.session_id in walker.known:
                state = walker.lawful[0]
                last = SLUGS.index(walker._next_of(state))
                for slug in SLUGS[: last + 1]:
                    if walker._look(slug) is None:
                        raise Lost(f"{slug} cannot be opened in the end")
        except (Lost, Unheard) as error:
            self._faults.append(str(error))


def small_pages(site: SiteServer) -> None:
    """A site whose every address is one short page, whatever its query says."""

    class Everything(dict):  # type: ignore[type-arg]
        def get(self, path: str, _default: object = None) -> object:
            if path == "/robots.txt":
                return (404, {}, "")
            return page("<main><p>We sell nails. They hold. Come and see them.</p></main>")

    site.pages = Everything()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, killed as well")
    parser.add_argument("--visitors", type=int, default=4)
    parser.add_argument("--seed", type=int, help="repeats the choices of a run, not its timing")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="onward-chaos-"))
    folder.chmod(0o755)  # as root, PostgreSQL runs as a user of its own
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = None
        if arguments.postgres:
            postgres = stack.enter_context(PrivatePostgres(folder / "postgres"))
            url = postgres.database(folder / "instance")
        else:
            url = databases.sqlite_database(folder, folder)
        site = stack.enter_context(SiteServer({}))
        small_pages(site)
        environ = databases.settings(url, folder / "instance", FETCH_ALLOW=site.host_port)
        server = stack.enter_context(LiveServer(environ, folder / "server.log"))
        chaos = Chaos(
            server, site, visitors=arguments.visitors, seed=arguments.seed, postgres=postgres
        )
        sys.stdout.write(f"seed {chaos.seed}, {url.partition(':')[0]}\n")

        def tell(figures: Figures) -> None:
            kills = figures.kills_of_the_server + figures.kills_of_postgresql
            sys.stdout.write(
                f"\r{figures.seconds:6.0f} s, {kills} kills, "
                f"{figures.saves_acknowledged} saves acknowledged, {figures.lost} lost "
            )
            sys.stdout.flush()

        try:
            chaos.run(seconds=arguments.minutes * 60, told=tell, drain=120)
        except Lost as error:
            sys.exit(f"\n{error}")
        sys.stdout.write(f"\n{chaos.figures}\n")


if __name__ == "__main__":
    main()
