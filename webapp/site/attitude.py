"""Words that soften a statement and words that strengthen it, in six languages.

After Hyland, "Metadiscourse" (2005), who calls them hedges and boosters; the lists are our own
choice of the frequent ones, left out what mostly means something else.
"""

import re
from functools import cache


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())


HEDGES = {
    "en": _phrases("""
about, almost, apparently, approximately, around, arguably, at least, could, fairly, generally,
i guess, i think, i suppose, i believe, in general, in my opinion, in our view, in some ways,
it seems, kind of, largely, likely, mainly, may, maybe, might, more or less, mostly, often,
perhaps, possible, possibly, potentially, presumably, probably, quite, rarely, rather, relatively,
roughly, seem, seems, seemed, sometimes, somewhat, sort of, suggest, suggests, tend to, tends to,
to some extent, typically, uncertain, unlikely, usually, we think, we believe
"""),
    "es": _phrases("""
al parecer, algo así, alrededor de, a menudo, a veces, aparentemente, aproximadamente, bastante,
casi, creemos que, creo que, en cierta medida, en cierto modo, en general, en mi opinión,
en nuestra opinión, generalmente, más o menos, me parece, normalmente, parece, parecen, podría,
podrían, posible, posiblemente, probable, probablemente, puede que, quizá, quizás,
relativamente, sobre todo, suele, suelen, tal vez, tiende a, tienden a
"""),
    "de": _phrases("""
allgemein, anscheinend, beinahe, dürfte, dürften, eher, etwa, eventuell, fast, gelegentlich,
gewissermaßen, ich glaube, ich denke, im allgemeinen, im grunde, in der regel, könnte, könnten,
kaum, manchmal, meist, meistens, möglich, möglicherweise, mutmaßlich, oft, relativ, rund, scheint,
scheinen, sozusagen, tendenziell, unserer meinung nach, meiner meinung nach, ungefähr, vermutlich,
vielleicht, voraussichtlich, wahrscheinlich, weitgehend, wir glauben, wir denken, wohl, ziemlich
"""),
    "fr": _phrases("""
à mon avis, à notre avis, à peu près, apparemment, assez, au moins, d'une certaine manière,
dans une certaine mesure, en général, en principe, environ, éventuellement, généralement, il semble,
je crois, je pense, nous pensons, nous croyons, parfois, peut-être, plus ou moins, plutôt, possible,
possiblement, pourrait, pourraient, presque, probable, probablement, quasiment, relativement,
sans doute, semble, semblent, souvent, tend à, tendent à, vraisemblablement
"""),
    "pt": _phrases("""
acho que, achamos que, acreditamos que, acredito que, algo como, às vezes, aparentemente,
aproximadamente, bastante, cerca de, de certa forma, de certo modo, em geral, em princípio,
geralmente, mais ou menos, muitas vezes, na minha opinião, na nossa opinião, normalmente, parece,
parecem, poderia, poderiam, possível, possivelmente, provável, provavelmente, quase, relativamente,
talvez, tende a, tendem a
"""),
    "it": _phrases("""
a mio avviso, a nostro avviso, a volte, all'incirca, apparentemente, abbastanza, circa, credo,
crediamo, di solito, forse, generalmente, in genere, in generale, in qualche modo, magari,
mediamente, penso, pensiamo, piuttosto, più o meno, possibile, potrebbe, potrebbero, pressoché,
probabile, probabilmente, quasi, relativamente, secondo me, secondo noi, sembra, sembrano, spesso,
talvolta, tende a, tendono a
"""),
}
"""Language -> what leaves room for doubt."""

CERTAINTY = {
    "en": _phrases("""
absolutely, always, beyond doubt, certain, certainly, clearly, completely, definitely, entirely,
evidently, every time, fully, guarantee, guaranteed, guarantees, in fact, indeed, must, never,
no doubt, obvious, obviously, of course, proven, surely, totally, truly, undeniably, undoubtedly,
we know, without a doubt, without doubt, without exception
"""),
    "es": _phrases("""
absolutamente, ciertamente, claramente, claro que, completamente, de hecho, definitivamente,
desde luego, evidente, evidentemente, garantizado, garantizamos, indudablemente, jamás, nunca,
obviamente, por supuesto, sabemos que, seguramente, siempre, sin duda, sin excepción, totalmente
"""),
    "de": _phrases("""
absolut, auf jeden fall, ausnahmslos, bestimmt, definitiv, eindeutig, garantiert, garantieren,
gewiss, immer, in der tat, jederzeit, keinesfalls, natürlich, nie, niemals, offensichtlich,
ohne zweifel, selbstverständlich, sicher, sicherlich, tatsächlich, unbedingt, völlig,
wir wissen, zweifellos, zweifelsohne
"""),
    "fr": _phrases("""
absolument, assurément, bien entendu, bien sûr, certainement, clairement, complètement, en effet,
entièrement, évidemment, évident, garanti, garantie, garantissons, incontestablement, jamais,
manifestement, nous savons, sans aucun doute, sans exception, sûrement, totalement, toujours,
vraiment
"""),
    "pt": _phrases("""
absolutamente, certamente, claramente, claro que, com certeza, completamente, de facto, de fato,
definitivamente, evidente, evidentemente, garantido, garantimos, indiscutivelmente, jamais, nunca,
obviamente, sabemos que, sem dúvida, sem exceção, sempre, totalmente, realmente
"""),
    "it": _phrases("""
assolutamente, certamente, certo, chiaramente, completamente, davvero, decisamente, di certo,
evidente, evidentemente, garantiamo, garantito, in effetti, indubbiamente, mai, naturalmente,
ovviamente, sappiamo che, sempre, senza alcun dubbio, senza dubbio, senz'altro, sicuramente,
totalmente
"""),
}
"""Language -> what leaves none."""


@cache
def pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the phrases as whole words in a sentence in lower case."""
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
