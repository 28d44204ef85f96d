"""Small sources in the schemas of the earlier systems."""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from webapp.legacy.index import user_hash

GEMINI = "AIza" + "Fern" * 8
OPENAI = "sk-" + "Moss" * 6
EXA = "07395c2b-9034-4b9b-8c39-620f94b04901"
STYLE = {"tone": "warm and practical", "voice": "Active", "formality_level": "Casual"}
CRAWL = {"success": True, "content": {"title": "Fern Street", "headings": ["Bread"]}}
CORE = {
    "identity": {"persona_name": "The baker", "archetype": "The Guide", "core_belief": "slow"},
    "linguistic_fingerprint": {"lexical_features": {"go_to_words": ["crumb", "crust"]}},
    "tonal_range": {"default_tone": "warm, plain-spoken"},
}
LINKEDIN = {"platform_type": "linkedin", "platform_best_practices": ["Show the oven"]}

ALWRITY = """
CREATE TABLE onboarding_sessions (id INTEGER PRIMARY KEY, user_id {user_id} NOT NULL,
  current_step INTEGER, progress FLOAT, started_at {time}, updated_at {time});
CREATE TABLE api_keys (id INTEGER PRIMARY KEY, session_id INTEGER, provider VARCHAR(64) NOT NULL,
  "key" VARCHAR(256) NOT NULL, created_at {time}, updated_at {time});
CREATE TABLE website_analyses (id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL,
  website_url VARCHAR(500) NOT NULL, analysis_date {time}, writing_style JSON,
  content_characteristics JSON, target_audience JSON, content_type JSON,
  recommended_settings JSON, crawl_result JSON, style_patterns JSON, style_guidelines JSON,
  status VARCHAR(50), error_message TEXT, warning_message TEXT, created_at {time},
  updated_at {time}, brand_analysis JSON, content_strategy_insights JSON);
CREATE TABLE research_preferences (id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL,
  research_depth VARCHAR(50) NOT NULL, content_types JSON NOT NULL, auto_research BOOLEAN,
  factual_content BOOLEAN, writing_style JSON, content_characteristics JSON,
  target_audience JSON, recommended_settings JSON, created_at {time}, updated_at {time});
CREATE TABLE persona_data (id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL, core_persona JSON,
  platform_personas JSON, quality_metrics JSON, selected_platforms JSON, created_at {time},
  updated_at {time});
CREATE TABLE user_business_info (id INTEGER PRIMARY KEY, user_id INTEGER,
  business_description TEXT NOT NULL, industry VARCHAR(100), target_audience TEXT,
  business_goals TEXT, created_at {time}, updated_at {time})
"""
KGENTS = """
CREATE TABLE onboarding_sessions (id VARCHAR(64) PRIMARY KEY, user_id VARCHAR(64),
  current_step VARCHAR(32) NOT NULL, completed BOOLEAN NOT NULL, completed_at {time},
  first_kblock_id VARCHAR(64), first_declaration TEXT, created_at {time} NOT NULL,
  updated_at {time} NOT NULL)
"""

Rows = list[tuple[str, dict[str, Any]]]


def baker(user: str = "user_baker", number: int = 1, step: int = 6) -> Rows:
    """A user with one row of each table and a second copy of the analysis, under the hash."""
    ten, eleven = "2025-09-30 10:00:00", "2025-09-30 11:00:00.250000"
    both = {"website_url": "https://fern.example.com", "status": "completed"}
    sid = {"session_id": number, "created_at": ten, "updated_at": ten}
    return [
        ("onboarding_sessions", {
            "id": number, "user_id": user, "current_step": step,
            "progress": 100.0 if step == 6 else 50.0, "started_at": ten, "updated_at": eleven}),
        ("api_keys", {"id": number, "provider": "gemini", "key": GEMINI, **sid}),
        ("website_analyses", {
            "id": 2 * number, **both, **sid, "updated_at": eleven, "writing_style": STYLE,
            "crawl_result": "null", "brand_analysis": {}, "content_strategy_insights": {"a": 1},
            "recommended_settings": {"target_audience": "home bakers"}}),
        ("website_analyses", {
            "id": 2 * number + 1, **both, **sid, "session_id": user_hash(user),
            "website_url": "HTTPS://Fern.example.com/", "crawl_result": CRAWL,
            "writing_style": {"tone": "old"}}),
        ("research_preferences", {
            "id": number, "research_depth": "Deep", "content_types": ["News"], **sid}),
        ("persona_data", {
            "id": number, "core_persona": CORE, "platform_personas": {"linkedin": LINKEDIN},
            "quality_metrics": {"overall_score": 71}, "selected_platforms": ["linkedin"], **sid}),
    ]  # fmt: skip


def declared(session: str, user: str | None, said: str | None, day: int, **more: Any) -> Any:
    """A session of kgents."""
    moment = f"2025-12-{day:02} 08:00:00.000001"
    return ("onboarding_sessions", {
        "id": session, "user_id": user, "current_step": "started", "completed": said is not None,
        "completed_at": moment if said is not None else None, "first_declaration": said,
        "first_kblock_id": f"kb-{day}" if said else None, "created_at": moment,
        "updated_at": moment} | more)  # fmt: skip


def sqlite_source(path: Path, schema: str, rows: Iterable[Any], user_id: str = "VARCHAR") -> Path:
    """A SQLite file with these rows; lists and objects are written as JSON."""
    with sqlite3.connect(path) as connection:
        connection.executescript(schema.format(user_id=user_id, time="DATETIME"))
        for table, row in rows:
            names, marks = ", ".join(f'"{n}"' for n in row), ", ".join("?" * len(row))
            values = [_as_json(value) for value in row.values()]
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608
    connection.close()
    return path


def postgres_source(url: str, schema: str, rows: Iterable[Any]) -> str:
    """The same in a database of PostgreSQL."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in schema.format(user_id="VARCHAR(255)", time="TIMESTAMP").split(";"):
            connection.execute(sa.text(statement))
        for table, row in rows:
            names, marks = ", ".join(f'"{n}"' for n in row), ", ".join(f":{n}" for n in row)
            values = {name: _as_json(value) for name, value in row.items()}
            connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)  # noqa: S608
    engine.dispose()
    return url


def progress(steps: dict[int, Any], **more: Any) -> str:
    """A progress file: step -> its data."""
    listed = [
        {"step_number": n, "status": "completed" if n in steps else "pending",
         "completed_at": "2025-09-30T07:37:46.9", "data": steps.get(n)}
        for n in range(1, 7)
    ]  # fmt: skip
    return json.dumps({"steps": listed, "started_at": "2025-09-30T07:26:44.6", **more})


def _as_json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
