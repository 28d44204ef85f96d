"""Marking texts for translation where nothing of the web framework is known: the texts stay English
there, and whoever shows them translates."""


def N_(text: str) -> str:  # noqa: N802 - the name that the extraction knows
    """Mark a text for translation and leave it as it is."""
    return text


def NN_(singular: str, plural: str) -> tuple[str, str]:  # noqa: N802
    """Mark a text that depends on a number: both of its English forms."""
    return singular, plural
