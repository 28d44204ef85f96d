"""What a writing model needs of a user: persona, measures, preferences and declaration, as one
document in English codes and the user's own words.

Where a step is open (or was skipped), its part has documented defaults, and `provenance` says so:

| part              | of the step | while it is open                                               |
|-------------------|-------------|----------------------------------------------------------------|
| `persona`         | persona     | `core_persona` with `tonal_range.default_tone` of the measured |
|                   |             | tone, else "Professional"; everything else unknown is null,    |
|                   |             | lists are empty, no platforms                                  |
| `writing_style`   | website     | null for each key that was not measured                        |
| `measures`        | website     | {}                                                             |
| `guidelines`      | website     | empty lists: nothing was measured, so nothing is advised       |
| `language`        | website     | null (write in the language of the task)                       |
| `business`        | website     | null, also when the user gave a website instead                |
| `research`        | research    | the form's own defaults: depth "Standard", no content types,   |
|                   |             | `auto_research` and `factual_content` true, no competitors     |
| `integrations`    | integrations| no platforms                                                   |
| `declaration`     | finish      | null                                                           |

`provenance` maps each part to `answered`, `measured`, `default`, or `pending` (the site is being
read, so that the part will be more by itself). An analysis that the user did not let count
(`use_analysis` off) is not given: its parts are `default`. Secrets are in none of it.
"""

from collections.abc import Mapping
from typing import Any, cast

from webapp.apidoc import OBJECT, Operation, answer
from webapp.steps.persona.build import build_persona
from webapp.steps.persona.models import PersonaData
from webapp.steps.research import ResearchPreferences
from webapp.steps.website.models import WebsiteAnalysis, WebsiteAnswer
from webapp.wizard.calls import Reads
from webapp.wizard.visit import Visit

DEFAULT_TONE = "Professional"
DEFAULT_RESEARCH: dict[str, Any] = {
    "research_depth": "Standard",
    "content_types": [],
    "auto_research": True,
    "factual_content": True,
    "competitors": [],
}
STYLE_KEYS = ("tone", "voice", "complexity", "engagement_level", "formality_level")
ADVICE_KEYS = (
    "tone_recommendations",
    "structure_guidelines",
    "vocabulary_suggestions",
    "engagement_tips",
    "audience_considerations",
    "seo_optimization",
)
VERSION = 1
"""Of the document's shape; raised when a key goes or changes its meaning."""


def ai_inputs(visit: Visit) -> dict[str, Any]:
    """The document, JSON-serialisable. `visit` was loaded with everything."""
    website: WebsiteAnswer | None = visit.answer("website")
    analysis = website.current_analysis if website and website.use_analysis else None
    business = website.business if website else None
    measured = analysis is not None and analysis.measures is not None
    reading = "pending" if analysis is not None and analysis.under_way else "default"
    source = "measured" if measured else reading
    research: ResearchPreferences | None = visit.answer("research")
    persona: PersonaData | None = visit.answer("persona")
    integrations = visit.answer("integrations")
    declaration = visit.session.first_declaration
    return {
        "version": VERSION,
        "persona": _persona(persona, analysis, business),
        "writing_style": _keys(analysis.writing_style if analysis else None, STYLE_KEYS),
        "measures": dict(analysis.measures or {}) if analysis else {},
        "guidelines": _guidelines(analysis),
        "language": analysis.language if analysis else None,
        "website_url": website.website_url if website and website.has_website else None,
        "business": business,
        "research": _research(research),
        "integrations": {"platforms": list(integrations.platforms) if integrations else []},
        "declaration": declaration or None,
        "provenance": {
            "persona": "answered" if persona else "default",
            "writing_style": source,
            "measures": source,
            "guidelines": source,
            "language": source,
            "business": "answered" if business else "default",
            "research": "answered" if research else "default",
            "integrations": "answered" if integrations else "default",
            "declaration": "answered" if declaration else "default",
        },
    }


def _persona(
    stored: PersonaData | None,
    analysis: WebsiteAnalysis | None,
    business: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The stored persona with the user's own words; while it is open, one from what is known."""
    if stored is not None:
        return stored.as_dict()
    found = analysis.as_dict() if analysis else None
    made = build_persona({}, found, business)
    if made["core_persona"]["tonal_range"]["default_tone"] is None:
        made = build_persona({"tone": DEFAULT_TONE}, found, business)
    return {
        "persona_name": None,
        "tone": made["core_persona"]["tonal_range"]["default_tone"],
        "audience": None,
        "voice_description": None,
        **made,
        "edited": [],
    }


def _keys(section: Mapping[str, Any] | None, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: (section or {}).get(key) for key in keys}


def _guidelines(analysis: WebsiteAnalysis | None) -> dict[str, Any]:
    stored = (analysis.style_guidelines if analysis else None) or {}
    sections = stored.get("guidelines") or {}
    return {
        "guidelines": {key: list(sections.get(key) or []) for key in ADVICE_KEYS},
        "best_practices": list(stored.get("best_practices") or []),
        "avoid_elements": list(stored.get("avoid_elements") or []),
    }


def _research(answer: ResearchPreferences | None) -> dict[str, Any]:
    if answer is None:
        return {key: list(v) if isinstance(v, list) else v for key, v in DEFAULT_RESEARCH.items()}
    return {key: getattr(answer, key) for key in DEFAULT_RESEARCH}


CALL = Reads(
    "GET",
    "ai-inputs",
    Operation(
        "What a writing model needs of the user",
        "Answers",
        {200: answer(persona=OBJECT, research=OBJECT, provenance=OBJECT)},
        detail="Persona, measures, preferences and declaration, with documented defaults where a "
        "step is open: `provenance` says which. No secrets.",
        etag=True,
    ),
    lambda visit, _params: ai_inputs(cast(Visit, visit)),
    everything=True,
)
"""The same over the JSON API."""
