"""Why a save, a skip or a completion is refused; nothing is stored then."""

from webapp.wizard.forms import StepForm


class StepRequired(Exception):
    """A required step cannot be skipped."""


class StaleRevision(Exception):
    """What is stored is newer than the form."""


class AnswersInvalid(Exception):
    """The form says what is wrong with it; nothing was stored."""

    def __init__(self, form: StepForm, merged: bool = False) -> None:
        """`merged`: the form holds what was typed and what another tab saved meanwhile."""
        self.form, self.merged = form, merged


class JourneyIncomplete(Exception):
    """Steps stand in the way of completion; `args[0]` is what `problems` found."""
