"""Reading the sites that a user named as competitors: a few pages each, measured alike."""

from typing import Any, ClassVar

from webapp.steps.website.task import ReadingTask

COMPETITOR = "competitor-analysis"
"""The kind of these jobs."""


class CompetitorTask(ReadingTask):
    """Reads one competitor's site. What it says of its brand or leaves to be mended is not asked.

    The rows belong to the step that asks for the addresses, so their model is handed in.
    """

    kind = COMPETITOR
    pages = 3
    detect = False
    results: ClassVar[tuple[str, ...]] = ("language", "pages_read", "measures", "warning_message")

    def __init__(self, model: Any) -> None:
        """`model`: the table of the competitors."""
        self.model = model
