"""What a process that serves pages carries along: nothing that the background work alone needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.leak import walk, worker_of
from tests.journeys.walk import ANSWERS
from tests.support.databases import TOP, settings, sqlite_database
from tests.support.server import LiveServer

NOT_TO_SERVE = (
    "trafilatura", "lxml", "justext", "pyphen", "py3langid", "protego", "courlan", "htmldate",
    "dateparser", "babel.messages", "alembic", "flask_migrate", "mako", "dramatiq", "redis",
    "psycopg", "sqlalchemy.dialects.postgresql", "jwt", "segno", "smtplib", "h11",
    "limits", "webapp.cli", "webapp.legacy.run",
)  # fmt: skip
"""On PostgreSQL `psycopg` and SQLAlchemy's dialect are what serves; `jwt` is loaded where AUTH_MODE
says so, `segno` with the first resume link."""

WALK = """
import json, os, re, sys
from webapp import create_app

app = create_app(dict(os.environ))
loaded = {"at the start": sorted(sys.modules)}
client = app.test_client()
page = client.get("/onboarding/")
for path, answers in [("/onboarding/start", {}), *json.loads(sys.argv[1])]:
    if answers:
        page = client.get(path)
    text = page.get_data(as_text=True)
    hidden = dict(re.findall(r'type="hidden" name="(\\w+)" value="([^"]*)"', text))
    sent = client.post(path, data={**hidden, **answers, "action": "save"})
    assert sent.status_code == 303, (path, sent.status_code, sent.get_data(as_text=True)[:3000])
summary = client.get(sent.headers["Location"].partition("#")[0])
assert summary.status_code == 200
loaded["after a journey"] = sorted(sys.modules)
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded(run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The modules of a process that served a journey with a website; nobody reads it there."""
    folder = tmp_path_factory.mktemp("size")
    changes = {
        "website": {"has_website": "yes", "website_url": "https://example.com", "use_analysis": "y"}
    }
    steps = [
        (f"/onboarding/{slug}", {n: v for n, v in answers.items() if v not in (None, False)})
        for slug, answers in {**ANSWERS, **changes}.items()
    ]
    for _path, answers in steps:
        answers.update({name: "y" for name, value in answers.items() if value is True})
    done = subprocess.run(
        [sys.executable, "-c", WALK, json.dumps(steps)],
        cwd=TOP,
        env={"PATH": "", **settings(sqlite_database(run_dir, folder), folder / "instance")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("moment", ["at the start", "after a journey"])
def test_what_the_background_work_needs_is_not_loaded_by_who_serves(
    loaded: dict[str, list[str]], moment: str
) -> None:
    assert "flask" in loaded[moment]
    assert [name for name in NOT_TO_SERVE if name in loaded[moment]] == []


def test_who_serves_postgresql_loads_nothing_of_sqlite(postgres_url: str, tmp_path: Path) -> None:
    code = (
        "import os, sys; from webapp import create_app; app = create_app(dict(os.environ));"
        "assert app.test_client().get('/readyz').status_code == 200;"
        "print([one for one in sys.modules if 'sqlite' in one])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=TOP,
        env={"PATH": "", **settings(postgres_url, tmp_path / "instance")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


MOST_BYTES = 72e6
"""63 MB are measured, 68 with docstrings and assertions, and 82 MB before unused parts of Babel,
SQLAlchemy and others were left out.
Only what is the process's own is counted: how much of the libraries' files is in memory, some 23 MB
more, is up to the machine."""


def test_a_worker_stays_small_after_forty_journeys(run_dir: Path, tmp_path: Path) -> None:
    environ = settings(sqlite_database(run_dir, tmp_path), tmp_path / "instance")
    with LiveServer(environ, tmp_path / "log", workers=1) as server:
        for _ in range(40):
            walk(server.url)
        used = worker_of(server).memory_info()
    own = used.rss - getattr(used, "shared", 0)
    assert own < MOST_BYTES, f"{own / 1e6:.1f} MB"
