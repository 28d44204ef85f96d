"""Archetypes: a name for the way somebody writes, by rules over what was measured.

The first row of RULES whose every condition holds decides. `None` in a row means "whatever it
is, also when it was not measured". Where not even the person (I, you, neither) was measured, the
stated tone alone decides, by BY_TONE.
"""

from dataclasses import dataclass

from webapp.steps.persona.evidence import MANY_QUESTIONS, Evidence

FORMAL = ("Professional", "Technical", "Academic")
INFORMAL = ("Casual", "Conversational")


@dataclass(frozen=True)
class Rule:
    """One row: an archetype's code and the conditions under which it is chosen."""

    archetype: str
    persons: tuple[str, ...]
    readings: tuple[str, ...] | None = None
    tones: tuple[str, ...] | None = None
    many_questions: bool | None = None

    def holds(self, writer: Evidence, tone: str | None) -> bool:
        """Whether each condition is known to be met."""
        asks = writer.question_share is not None and writer.question_share >= MANY_QUESTIONS
        return (
            writer.person in self.persons
            and (self.readings is None or writer.reading in self.readings)
            and (self.tones is None or tone in self.tones)
            and (self.many_questions is None or asks == self.many_questions)
        )


TO_READER = ("reader", "both")
CLEAR = ("easy", "plain")

# fmt: off
RULES = (
    #    archetype      speaks as/to        reads             tone            asks
    Rule("coach",       TO_READER,          None,             None,           True),
    Rule("companion",   TO_READER,          CLEAR,            INFORMAL),
    Rule("teacher",     TO_READER,          CLEAR,            FORMAL),
    Rule("advisor",     TO_READER,          ("difficult",)),
    Rule("guide",       TO_READER),
    Rule("storyteller", ("writer",),        CLEAR),
    Rule("essayist",    ("writer",),        ("difficult",)),
    Rule("narrator",    ("writer",)),
    Rule("scholar",     ("impersonal",),    None,             ("Academic",)),
    Rule("engineer",    ("impersonal",),    None,             ("Technical",)),
    Rule("analyst",     ("impersonal",),    ("difficult",)),
    Rule("reporter",    ("impersonal",)),
)
# fmt: on

BY_TONE = {
    "Casual": "companion",
    "Conversational": "companion",
    "Professional": "advisor",
    "Technical": "engineer",
    "Academic": "scholar",
}


def archetype(writer: Evidence, tone: str | None) -> tuple[str | None, str | None]:
    """(code, what decided): 'measures', 'stated_tone', or (None, None) when neither is known."""
    for rule in RULES:
        if rule.holds(writer, tone):
            return rule.archetype, "measures"
    if tone in BY_TONE:
        return BY_TONE[tone], "stated_tone"
    return None, None
