"""The services that give keys, and the shapes of what they give."""

import re
import unicodedata
import uuid
from dataclasses import dataclass

from webapp.texts import gettext as _

MAX_LENGTH = 256
_LETTERS = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Provider:
    """A service that gives keys, and what its keys look like."""

    name: str
    label: str
    kind: str
    setup_url: str
    start: str = ""
    shortest: int = 10
    is_uuid: bool = False

    def fault(self, key: str) -> str | None:
        """What is wrong with the shape of a key, in a sentence that says how to mend it."""
        if len(key) > MAX_LENGTH:
            return _(
                "A key has at most %(n)d characters, and this has more. "
                "Copy the key alone, without the text around it.",
                n=MAX_LENGTH,
            )
        if not _LETTERS.fullmatch(key):
            return _(
                "This holds a space or a letter that no key has. "
                "Copy the key alone, without the text around it."
            )
        if self.is_uuid and not _is_uuid(key):
            return _(
                "A key of %(name)s looks like 01234567-89ab-cdef-0123-456789abcdef. "
                "Copy all of it, with its hyphens.",
                name=self.label,
            )
        if not key.startswith(self.start):
            return self._says_start()
        if self.name == "openai" and key.startswith("sk-ant-"):
            return _("This is a key of Anthropic. Enter it under Anthropic, below.")
        if len(key) < self.shortest:
            return _(
                "Keys of %(name)s have at least %(n)d characters, so a part of this is missing. "
                "Copy all of it once more.",
                name=self.label,
                n=self.shortest,
            )
        return None

    def _says_start(self) -> str:
        if self.label[0] in "AEIOU":
            return _("An %(name)s key starts with %(start)s", name=self.label, start=self.start)
        return _("A %(name)s key starts with %(start)s", name=self.label, start=self.start)


PROVIDERS = (
    Provider(
        "gemini", "Google Gemini", "language", "https://aistudio.google.com/apikey", "AIza", 30
    ),
    Provider("openai", "OpenAI", "language", "https://platform.openai.com/api-keys", "sk-", 20),
    Provider(
        "anthropic", "Anthropic", "language", "https://console.anthropic.com/settings/keys",
        "sk-ant-", 20,
    ),
    Provider("mistral", "Mistral", "language", "https://console.mistral.ai/api-keys"),
    Provider("exa", "Exa", "search", "https://dashboard.exa.ai/api-keys", is_uuid=True),
    Provider("tavily", "Tavily", "search", "https://app.tavily.com/home"),
    Provider("serper", "Serper", "search", "https://serper.dev/api-key"),
    Provider("copilotkit", "CopilotKit", "interface", "https://cloud.copilotkit.ai", "ck_pub_", 20),
)  # fmt: skip
BY_NAME = {provider.name: provider for provider in PROVIDERS}
LANGUAGE_MODELS = frozenset(p.name for p in PROVIDERS if p.kind == "language")


_IN_FRONT = re.compile(
    r"(?:export\s+)?[A-Z][A-Z0-9_]*_KEY\s*=\s*"
    r"|(?i:(?:x-)?api[-_ ]?key[\"']?\s*[:=]\s*|authorization\s*:\s*|bearer\s+)"
)
_QUOTES = "\"'`´‘’‚“”„«»‹›"


def mend(key: str) -> str:
    """A key as its provider gave it, from what was copied along with it: white space and invisible
    characters, line breaks, quotes, `Bearer `, `OPENAI_API_KEY=`, a comma or semicolon behind it.

    A space inside stays, as nobody knows which side of it is the key.
    """
    if not key or len(key) > 4 * MAX_LENGTH:
        return key  # nothing, or no key whatever is taken away
    key = "".join(c for c in key if c not in "\r\n" and unicodedata.category(c) != "Cf")
    before = None
    while key != before:
        before = key
        bare = key.strip().rstrip(",;").strip(_QUOTES)
        front = _IN_FRONT.match(bare)
        key = bare[front.end() :] if front else bare
    return key


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
