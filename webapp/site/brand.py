"""What a site says of itself: values, claims and signs of trust, in its own words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webapp.site import prose
from webapp.site.marked import N_
from webapp.site.vocabulary import LANGUAGES

LONGEST_QUOTE = 240
MOST_QUOTES = 6


def _any(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(part.strip() for part in text.split(';'))})\b", re.I)


VALUES = {
    "en": _any(
        r"(?:we|i) (?:believe|value|care about|stand for|promise|strive); are committed to;"
        r"passionate about; (?:our|my) (?:\w+ )?(?:mission|values|vision|promise|philosophy|purpose"
        r"|commitment); matters? (?:most )?to us; dedicated to; at the heart of (?:what|everything)"
    ),
    "es": _any(
        r"creemos (?:en|que); valoramos; nos (?:comprometemos|apasiona|importa); nuestra (?:misión|"
        r"filosofía|visión|promesa); nuestros valores; nuestro compromiso; estamos comprometidos"
    ),
    "de": _any(
        r"wir (?:glauben|stehen für|versprechen); (?:wir )?legen (?:\w+ )?wert; "
        r"(?:ist uns|uns ist) (?:\w+ )?wichtig; liegt uns am herzen; unsere (?:mission|werte|"
        r"vision|philosophie|überzeugung|leidenschaft); unser (?:anspruch|versprechen"
        r"|leitbild|ziel)"
    ),
    "fr": _any(
        r"nous (?:croyons|défendons|nous engageons|promettons); notre (?:mission|vision|"
        r"philosophie|engagement|promesse); nos valeurs; nous tient à cœur; passionnés (?:par|de)"
    ),
    "pt": _any(
        r"acreditamos (?:em|que); valorizamos; prometemos; comprometemo-nos; a nossa (?:missão|"
        r"visão|filosofia|promessa); nossa (?:missão|visão|filosofia|promessa); nossos valores; "
        r"nosso compromisso; apaixonados por"
    ),
    "it": _any(
        r"crediamo (?:in|che|nel\w*); promettiamo; ci impegniamo; ci sta a cuore; la nostra "
        r"(?:missione|visione|filosofia|promessa); i nostri valori; il nostro impegno; "
        r"appassionati di"
    ),
}
"""Language -> how a sentence begins to speak of values."""

CLAIMS = {
    "en": _any(
        r"since (?:18|19|20)\d\d; for (?:over |more than )?\w+ (?:years|decades|generations); "
        r"award(?:-winning|s|ed)?; certified; guarantee[ds]?; family[- ](?:owned|run|business); "
        r"the (?:best|leading|largest|only|first|finest); more than [\d,.]+; over [\d,.]+; "
        r"hand-?made; number one; trusted by"
    ),
    "es": _any(
        r"desde (?:18|19|20)\d\d; desde hace (?:más de )?\w+ (?:años|décadas|generaciones); "
        r"premiad[oa]s?; certificad[oa]s?; garantiza\w*; empresa familiar; líder(?:es)?; "
        r"l[oa]s? mejor(?:es)?; más de [\d.,]+; artesanal(?:es|mente)?; únic[oa]s?"
    ),
    "de": _any(
        r"seit (?:18|19|20)\d\d; seit (?:über |mehr als )?\w+ (?:jahren|generationen|jahrzehnten); "
        r"ausgezeichnet\w*; preisgekrönt\w*; zertifiziert\w*; garantier\w+; familien(?:betrieb|"
        r"unternehmen|geführt\w*); führend\w*; die (?:besten?|größten?|ersten?|einzigen?); "
        r"mehr als [\d.,]+; über [\d.,]+; handgemacht\w*; von hand"
    ),
    "fr": _any(
        r"depuis (?:18|19|20)\d\d; depuis (?:plus de )?\w+ (?:ans|générations|décennies); "
        r"primée?s?; certifiée?s?; garanti\w*; entreprise familiale; leaders?; l[ea]s? "
        r"(?:meilleure?s?|premi\w+|seule?s?|plus grande?s?); plus de [\d.,]+; "
        r"faits? (?:à la )?main; artisanale?s?"
    ),
    "pt": _any(
        r"desde (?:18|19|20)\d\d; há (?:mais de )?\w+ (?:anos|décadas|gerações); premiad[oa]s?; "
        r"certificad[oa]s?; garant\w+; empresa familiar; líder(?:es)?; [oa]s? melhor(?:es)?; "
        r"mais de [\d.,]+; artesana\w+; únic[oa]s?"
    ),
    "it": _any(
        r"dal (?:18|19|20)\d\d; da (?:oltre |più di )?\w+ (?:anni|generazioni|decenni); "
        r"premiat[oaie]; certificat[oaie]; garanti\w+; (?:azienda|impresa) (?:a conduzione )?"
        r"familiare; leader; (?:il|la|i|le) (?:miglior\w*|prim[oaie]|unic[oaie]|più grand[ei]); "
        r"oltre [\d.,]+; "
        r"più di [\d.,]+; fatt[oaie] a mano; artigianal\w+"
    ),
}
"""Language -> what a sentence claims that could be checked, or is meant to impress."""

TRUST = {
    N_("privacy policy"): r"privacy|privacidad|datenschutz|confidentialité|privacidade",
    N_("contact"): r"contact|contacto|kontakt|contato|contatti",
    N_(
        "about"
    ): r"\babout\b|\bsobre\b|über uns|à propos|chi siamo|quem somos|acerca de|quiénes somos",
    N_(
        "imprint or terms"
    ): r"imprint|impressum|\bterms\b|mentions légales|aviso legal|termos|termini",
    N_("testimonials"): (
        r"testimonial|\breviews?\b|case stud|bewertungen|kundenstimmen|opiniones|avis clients"
        r"|depoimentos|recensioni"
    ),
    N_("certificates or awards"): r"certificat|zertifi|\bawards?\b|\biso \d|auszeichnung|premios",
    N_("press"): r"\bpress\b|in the media|\bpresse\b|prensa|rassegna stampa|imprensa",
    N_("references"): r"our (?:clients|customers)|references|referenzen|unsere kunden|nos clients",
}
"""Sign of trust -> what links and headings say where it is found."""


def read_brand(
    style: Mapping[str, Any], facts: Mapping[str, Any], language: str | None
) -> dict[str, Any]:
    """The brand as the site shows it. `brand_values` and `claims` quote whole sentences of the site
    that speak of “we” or “I”; None where the language has no patterns, empty where none is found.
    """
    said = " | ".join(str(text) for text in facts.get("link_texts") or ()).lower()
    said += " | " + " | ".join(heading["text"] for heading in facts.get("headings") or ()).lower()
    tone = style.get("tone")
    paragraphs = facts.get("paragraphs") or ()
    return {
        "brand_voice": f"{tone}, {style['formality_level']}; {style['voice']}" if tone else None,
        "brand_values": _quotes(paragraphs, VALUES, language),
        "claims": _quotes(paragraphs, CLAIMS, language),
        "trust_signals": [name for name, marks in TRUST.items() if re.search(marks, said)],
        "colours": list(facts.get("colours") or ()),
        "logo_url": facts.get("logo_url"),
    }


def _quotes(
    paragraphs: Iterable[str], patterns: Mapping[str, re.Pattern[str]], language: str | None
) -> list[str] | None:
    pattern = patterns.get(language or "")
    if pattern is None or language is None:
        return None
    found: list[str] = []
    for paragraph in paragraphs:
        if not pattern.search(paragraph):
            continue
        for sentence in prose.sentences(paragraph, language):
            if (
                len(sentence) <= LONGEST_QUOTE
                and pattern.search(sentence)
                and sentence not in found
                and _of_the_writer(prose.words(sentence), language)
            ):
                found.append(sentence)
        if len(found) >= MOST_QUOTES:
            break
    return found[:MOST_QUOTES]


# Verb forms that carry their “we”, in the languages that leave the pronoun out.
_WE_FORMS = {"es": r"\w+mos", "pt": r"\w+mos", "it": r"\w+iamo"}


def _of_the_writer(words: Sequence[str], language: str) -> bool:
    first = LANGUAGES[language].first_person
    form = re.compile(_WE_FORMS.get(language, r"(?!)"))
    return any(word.lower() in first or form.fullmatch(word.lower()) for word in words)
