"""How much a declaration leaves open. Pure; no list of phrases decides, counts do."""

import re

LONG = 7
"""Letters of a word that counts as telling: short words are mostly those that every text has."""
WEIGHTS = {"concrete": 0.35, "extent": 0.30, "named": 0.20, "audience": 0.15}
FULL = {"concrete": 12, "extent": 40, "named": 3, "audience": 1}
"""So many reach the whole weight."""

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_WITHOUT_SPACES = re.compile("[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]{2,}")
_NAMED = re.compile(r"\d+(?:[.,]\d+)*|(?<=[^.!?\s] )[A-ZÀ-Þ]\w+")
_AUDIENCE = re.compile(
    r"\b(?:for|reach(?:es)?|help(?:s|ing)?|bring|teach(?:es)?|readers?|customers?|clients?|people"
    r"|owners?|beginners?|students?|parents?|families|neighbours?|neighbors?|teams?|users?"
    r"|für|leser\w*|kund\w*|menschen|anfänger\w*"
    r"|para|lector\w*|client\w*|personas|gente)\b"
    r"|القراء|العملاء|الناس",
    re.IGNORECASE,
)


def specificity_loss(declaration: str) -> tuple[float, str]:
    """How much a declaration leaves open, 0–1, and the reason in one English sentence.

    Four counts share the weight (`WEIGHTS`), each up to its `FULL`: different words of `LONG`
    letters or more (concrete things have long names); different words in all; figures, and
    capitalised words inside a sentence (names, in German all nouns); and whether a word says whom
    it is for. A word that is repeated counts once. In scripts without spaces two characters count
    as a word, and half of these as long.
    """
    dense = [run.group() for run in _WITHOUT_SPACES.finditer(declaration)]
    pairs = {run[at : at + 2] for run in dense for at in range(0, len(run) - 1, 2)}
    words = _WORD.findall(_WITHOUT_SPACES.sub(" ", declaration))
    different = {word.lower() for word in words} | pairs
    named = {name.lower() for name in _NAMED.findall(declaration)}
    counts = {
        "concrete": len({word for word in different - pairs if len(word) >= LONG})
        + len(pairs) // 2,
        "extent": len(different),
        "named": len(named),
        "audience": int(bool(_AUDIENCE.search(declaration))),
    }
    reached = sum(WEIGHTS[name] * min(1, counts[name] / FULL[name]) for name in WEIGHTS)
    whom = "it says for whom" if counts["audience"] else "it does not say for whom"
    many = len(words) + sum(len(run) // 2 for run in dense)
    why = (
        f"{many} {'word' if many == 1 else 'words'}, "
        f"{counts['concrete']} of them long and different, "
        f"{counts['named']} {'name or figure' if counts['named'] == 1 else 'names or figures'}, "
        f"and {whom}."
    )
    return round(1 - reached, 2), why
