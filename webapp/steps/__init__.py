"""The steps: what is asked, and in which order."""

from collections.abc import Sequence

from webapp.steps.api_keys import ApiKeysStep
from webapp.steps.finish import FinishStep
from webapp.steps.integrations import IntegrationsStep
from webapp.steps.persona.step import PersonaStep
from webapp.steps.research import ResearchStep
from webapp.steps.website.step import WebsiteStep
from webapp.wizard.step import Step

STEPS: tuple[Step, ...] = (
    ApiKeysStep(),
    WebsiteStep(),
    ResearchStep(),
    PersonaStep(),
    IntegrationsStep(),
    FinishStep(),
)
"""All steps in their order; the last one completes the journey."""


def chosen(slugs: Sequence[str] | None) -> tuple[Step, ...]:
    """The steps that the operator wants (None: all), in the operator's order, `finish` last.

    Raises ValueError with a sentence for a name that is no step, or one named twice.
    """
    if slugs is None:
        return STEPS
    by_slug = {step.slug: step for step in STEPS}
    last = STEPS[-1].slug
    wanted = [slug for slug in slugs if slug != last]
    unknown = [slug for slug in wanted if slug not in by_slug]
    if unknown:
        known = ", ".join(by_slug)
        raise ValueError(f"ONBOARDING_STEPS names {unknown[0]!r}; the steps are: {known}.")
    if len(set(wanted)) < len(wanted):
        raise ValueError("ONBOARDING_STEPS names a step twice.")
    return tuple(by_slug[slug] for slug in (*wanted, last))
