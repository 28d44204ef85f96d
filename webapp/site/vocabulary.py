"""Word lists of the six languages that are measured fully, chosen and kept here by hand.

They are small on purpose: what they must tell apart is a function word from a telling one, a
title ("Dr.") from the end of a sentence, the person who speaks from the one spoken to.
"""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Vocabulary:
    """What is known of one language. All words in lower case, apostrophes straight.

    `stop`: function words. `common`: frequent words that tell nothing about a topic.
    `titles`: abbreviations that never end a sentence. `abbreviations`: those that may.
    `second_person_capital`: polite forms that are told from other words by their capital.
    `transitions`: phrases that join thoughts.
    """

    stop: frozenset[str]
    common: frozenset[str]
    first_person: frozenset[str]
    second_person: frozenset[str]
    transitions: tuple[str, ...]
    titles: frozenset[str]
    abbreviations: frozenset[str]
    calls: tuple[str, ...]
    second_person_capital: frozenset[str] = frozenset()
    contractions: re.Pattern[str] | None = None
    passive: re.Pattern[str] | None = None
    months: frozenset[str] = field(default_factory=frozenset)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split(",") if phrase.strip())


_ENGLISH_PARTICIPLES = _words("""
been become begun bitten blown born borne bought bound broken brought built caught chosen cut
dealt done drawn driven eaten fallen fed felt forgiven forgotten fought found frozen given gone
grown heard held hidden hit hurt kept known laid led left lent let lit lost made meant met paid
put read ridden run said seen sent set shaken shown shut sold spent spoken spread stolen struck
sung sworn taken taught thought thrown told torn understood woken won worn wound woven written
""")

ENGLISH = Vocabulary(
    stop=_words("""
a about above across after again against all almost along already also although always am among
an and another any anybody anyone anything are aren't around as at away back be became because
been before behind being below between both but by can can't cannot could couldn't did didn't do
does doesn't doing don't done down during each either else enough even ever every everybody
everyone everything few for from further get gets getting go goes going gone got had hadn't has
hasn't have haven't having he he'd he'll he's her here here's hers herself him himself his how
however i i'd i'll i'm i've if in indeed instead into is isn't it it'd it'll it's its itself just
least less let let's like lot lots many may maybe me might mine more most much must my myself
near neither never no nobody none nor not nothing now of off often oh ok on once one ones only
onto or other others otherwise ought our ours ourselves out over own per perhaps quite rather
really same shall she she'd she'll she's should shouldn't since so some somebody somehow someone
something sometimes soon still such than that that'll that's the their theirs them themselves
then there there's therefore these they they'd they'll they're they've this those though through
thus till to together too toward towards two under unless until up upon us very was wasn't we
we'd we'll we're we've well were weren't what what's whatever when whenever where where's whereas
wherever whether which while who who's whoever whole whom whose why will with within without
won't would wouldn't yes yet you you'd you'll you're you've your yours yourself yourselves
"""),
    common=_words("""
able add added ask asked begin beginning best better big bring call called came change come comes
coming course day days different early easy end example fact far feel find first follow found
full gave give given gives good great group half hand happen happened hard help high hold home
important keep kept kind knew know known knows large last late later leave left life line little
live long look looked looking looks made main make makes making man matter mean means men money
move name need needed needs new next nice number old open order part people person place point
possible put question quickly quiet read ready real reason right room said saw say says second
see seem seemed seems seen set several show shown side simple simply sit small sort start started
stop sure take taken takes talk tell thing things think third thought three time times today told
took tried true try turn turned understand use used useful using usually wait walk want wanted
wants way ways week weeks went whole woman women word words work worked working works world write
year years young five four six seven eight nine ten hundred page site click home menu minute
minutes hour hours month months yesterday tomorrow
"""),
    first_person=_words(
        "i i'd i'll i'm i've me my mine myself we we'd we'll we're we've us our ours "
        "ourselves let's"
    ),
    second_person=_words("you you'd you'll you're you've your yours yourself yourselves"),
    transitions=_phrases("""
above all, accordingly, after all, as a result, as well as, at first, at last, at the same time,
because of this, besides, by contrast, consequently, finally, first of all, for example,
for instance, for this reason, furthermore, hence, however, in addition, in conclusion, in fact,
in other words, in particular, in short, in the end, in the meantime, instead, later on, likewise,
meanwhile, moreover, nevertheless, next, nonetheless, of course, on the contrary,
on the other hand, otherwise, similarly, so far, still, that is why, that said, then, therefore,
thus, to begin with, to sum up
"""),
    titles=_words(
        "dr mr mrs ms mx prof rev hon st gen col capt lt sgt gov sen rep pres messrs no nos "
        "vol fig figs pp p ed eds cf vs e.g i.e viz approx ca"
    ),
    abbreviations=_words(
        "etc al inc ltd co corp jr sr u.s u.k u.n e.u a.m p.m d.c ph.d m.d b.c a.d est "
        "dept ave blvd rd jan feb mar apr jun jul aug sep sept oct nov dec min max"
    ),
    calls=_phrases("""
buy, order now, shop now, subscribe, sign up, join us, join now, get started, contact us,
contact me, book a, book now, download, try it, start your, learn more, read more, get in touch,
request a, call us, donate, register, add to cart
"""),
    contractions=re.compile(
        r"(?:\w+n't|\w+'(?:re|ve|ll|m|d)|(?:it|that|there|here|what|who|where|how|he|she|let)'s)"
    ),
    passive=re.compile(
        r"\b(?:am|is|are|was|were|be|been|being|isn't|aren't|wasn't|weren't)\s+"
        r"(?:(?:not|never|also|often|always|still|being|been|only|then|now|\w+ly)\s+){0,2}"
        r"(?:\w{2,}ed|" + "|".join(sorted(_ENGLISH_PARTICIPLES)) + r")\b",
    ),
)

SPANISH = Vocabulary(
    stop=_words("""
a acá ahí al algo alguien algún alguna algunas alguno algunos allá allí ambos ante antes apenas
aquel aquella aquellas aquello aquellos aquí así aun aún aunque bajo bastante bien cada casi como
cómo con conmigo contigo contra cual cuál cuales cualquier cuando cuándo cuanto cuánto cuya cuyo
de debe deben del demás demasiado dentro desde después detrás donde dónde durante e el él ella
ellas ello ellos en encima entonces entre era eran eras eres es esa esas ese eso esos esta está
estaba estaban estado estamos están estar este esto estos estoy estuvo ex fue fuera fueron ha
haber había habían hace hacen hacer hacia han hasta hay haya he hemos hizo hoy iba incluso ir
jamás junto la las le les lo los luego más mas me menos mi mí mía mías mientras mío míos mis misma
mismas mismo mismos mucha muchas mucho muchos muy nada nadie ni ningún ninguna ninguno no nos
nosotras nosotros nuestra nuestras nuestro nuestros nunca o os otra otras otro otros para pero
poca pocas poco pocos por porque pues puede pueden puedo que qué quien quién quienes quizá quizás
se sea sean según ser será si sí sido siempre sin sino sobre sois solo sólo somos son soy su sus
suya suyo tal tales también tampoco tan tanta tantas tanto tantos te tenemos tener tengo ti tiene
tienen toda todas todavía todo todos tras tu tú tus tuya tuyo u un una unas uno unos usted ustedes
va vamos van varias varios vez veces voy vosotras vosotros vuestra vuestras vuestro vuestros y ya
yo
"""),
    common=_words("""
año años buen buena bueno buenas buenos cosa cosas creo cree decir dice dicen dijo día días ejemplo
forma gente gran grande grandes hombre hombres lado lugar manera mañana mayor mejor menor mes
momento mujer mujeres mundo nombre nueva nuevas nuevo nuevos parece parte pasa pasado pequeña
pequeño persona personas primer primera primero propia propio queda querer quiere saber sabe
segunda segundo semana semanas siguiente tarde tiempo trabajo tres última último único vida ver
visto dos cuatro cinco seis siete ocho nueve diez poder hecho dar dado dio llega llegar poner
página sitio inicio minuto minutos hora horas cierto cierta tipo caso veo vemos
"""),
    first_person=_words(
        "yo me mí mi mis mío mía míos mías conmigo nosotros nosotras nos nuestro nuestra "
        "nuestros nuestras"
    ),
    second_person=_words(
        "tú te ti tu tus tuyo tuya tuyos tuyas contigo usted ustedes vosotros vosotras os "
        "vuestro vuestra vuestros vuestras"
    ),
    transitions=_phrases("""
a continuación, a pesar de, además, ahora bien, al final, al mismo tiempo, así pues, así que,
aun así, de hecho, de todos modos, en cambio, en conclusión, en consecuencia, en definitiva,
en otras palabras, en primer lugar, en realidad, en resumen, en segundo lugar, entonces, es decir,
finalmente, luego, mientras tanto, no obstante, o sea, por ejemplo, por el contrario,
por eso, por lo tanto, por otra parte, por otro lado, por supuesto, por tanto, por último,
sin embargo, sobre todo
"""),
    titles=_words(
        "sr sra srta sres sras dr dra drs prof profa ing lic d dña arq gral cap cía núm n.º nº "
        "pág págs p pp vol fig art ej p.ej aprox av avda c vs cf ed"
    ),
    abbreviations=_words("etc ee.uu a.c d.c a.m p.m s.a s.l uds ud ss.mm min máx tel"),
    calls=_phrases("""
compra, comprar, pide, reserva, suscríbete, suscribirse, regístrate, únete, contáctanos, contacta,
descarga, descárgate, empieza, prueba gratis, leer más, más información, llámanos, solicita
"""),
    passive=re.compile(
        r"\b(?:es|son|era|eran|fue|fueron|ser|sido|será|serán|sea|sean|siendo)\s+"
        r"(?:(?:muy|también|siempre|ya|\w+mente)\s+){0,2}"
        r"(?:\w{2,}(?:ad|id)[oa]s?|hech[oa]s?|dich[oa]s?|escrit[oa]s?|vist[oa]s?|puest[oa]s?)\b"
    ),
)

GERMAN = Vocabulary(
    stop=_words("""
ab aber alle allem allen aller alles als also am an andere anderem anderen anderer anderes auch auf
aus außer bei beide beiden beim bereits besonders bin bis bisher bist da dabei dadurch dafür
dagegen daher dahin damals damit danach dann daran darauf daraus darf darin darüber darum das dass
davon davor dazu dein deine deinem deinen deiner dem den denen denn dennoch der deren des deshalb
dessen dich die dies diese diesem diesen dieser dieses dir doch dort du durch dürfen ebenso eben
ein eine einem einen einer eines einige einigen einiger einmal er erst es etwa etwas euch euer eure
eurem euren eurer fast für gab gar gegen genau genug geworden gibt ging ganz habe haben hat hatte
hätte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer in indem ins
irgendwie ist ja je jede jedem jeden jeder jedes jedoch jemand jene jetzt kam kann kannst kaum kein
keine keinem keinen keiner konnte könnte können lassen lässt man manche manchem manchen mancher
manchmal mehr mein meine meinem meinen meiner meist mich mir mit möchte muss musste müssen nach
nachdem neben nein nicht nichts nie niemand noch nun nur ob oben obwohl oder oft ohne schon sehr
sei sein seine seinem seinen seiner seit selbst sich sie sind so sobald sogar solche solchen soll
sollen sollte somit sondern sonst sowie statt trotz trotzdem über überhaupt um und uns unser unsere
unserem unseren unserer unter viel viele vielen vieler vielleicht vom von vor wann war wäre waren
warum was weder weg wegen weil weiter weitere welche welchem welchen welcher wem wen wenig weniger
wenn wer werde werden wessen wie wieder wir wird wirst wo wobei wohin wohl wollen wollte worden
wurde würde wurden während zu zum zur zwar zwischen
"""),
    common=_words("""
anfang art beispiel beste besten besser dinge eigene eigenen einfach ende erste ersten fall frage
frau frauen ganze ganzen geht genommen gern gerne gesagt gehen gemacht groß große großen großer
gut gute guten guter halb hand haus heißt heute heutigen hoch jahr jahre jahren kleine kleinen
kommen kommt kurz lange langsam leben leicht leute letzte letzten liegt mal mann männer machen
macht menschen mensch minuten monat morgen möglich nächste nächsten name neue neuen neuer nehmen
richtig sache sagen sagt sagte schnell schön sehen seite seiten sieht steht stelle stellen stunde
stunden tag tage tagen teil tun tut weiß welt wenige wichtig wissen woche wochen wort wörter zeit
zwei drei vier fünf sechs sieben acht neun zehn bleibt bleiben braucht brauchen finden findet
"""),
    first_person=_words(
        "ich mich mir mein meine meinem meinen meiner meines wir uns unser unsere unserem "
        "unseren unserer unseres"
    ),
    second_person=_words(
        "du dich dir dein deine deinem deinen deiner deines euch euer eure eurem euren eurer"
    ),
    second_person_capital=_words("Sie Ihnen Ihr Ihre Ihrem Ihren Ihrer Ihres"),
    transitions=_phrases("""
abschließend, allerdings, am ende, anders gesagt, andererseits, anschließend, außerdem, auf diese
weise, beispielsweise, dabei, daher, dagegen, danach, darum, daraufhin, darüber hinaus, das heißt,
dennoch, deshalb, deswegen, einerseits, erstens, ferner, folglich, gleichzeitig, hingegen,
im gegensatz dazu, im gegenteil, inzwischen, jedoch, kurz gesagt, mit anderen worten, schließlich,
somit, trotzdem, unter anderem, vor allem, währenddessen, zudem, zuerst, zuletzt, zum beispiel,
zunächst, zusammenfassend, zweitens
"""),
    titles=_words(
        "dr prof hr fr dipl ing st nr bzw bsp evtl ggf inkl exkl ca vgl s abb abs art bd hrsg "
        "z.b d.h u.a z.t i.d.r o.ä b d.i z d u i o max min tel str vs sog"
    ),
    abbreviations=_words(
        "usw etc u.s.w ff gmbh e.v mio mrd jh chr v.chr n.chr uhr jan feb aug sept okt nov dez"
    ),
    calls=_phrases("""
jetzt kaufen, kaufen, bestellen, abonnieren, anmelden, jetzt starten, kontaktieren, kontakt
aufnehmen, herunterladen, kostenlos testen, mehr erfahren, weiterlesen, buchen, registrieren, rufen
sie
"""),
    passive=re.compile(
        r"\b(?:werde|wird|werden|wurde|wurden|würde|würden|worden)\b(?:\s+\w{1,40}){0,8}?\s+"
        r"(?:\w{0,20}ge\w{2,20}(?:t|en)|(?:be|ver|er|ent|zer|über|unter)\w{2,20}(?:t|en))\b"
    ),
    months=_words(
        "januar februar märz april mai juni juli august september oktober november dezember"
    ),
)

FRENCH = Vocabulary(
    stop=_words("""
à afin ai ainsi alors après assez au aucun aucune aujourd'hui auquel aura aussi autant autre autres
aux avaient avais avait avant avec avez avoir avons bien c'est c'était car ce ceci cela celle
celles celui cependant certain certaine certaines certains ces cet cette ceux chaque chez comme
comment d'abord d'un d'une dans de dehors déjà depuis derrière des dès desquels deux devant doit
donc dont du duquel durant elle elles en encore enfin entre es est et étaient étais était étant
été être eu eux fait faire faut fois font fut hors ici il ils j'ai jamais je jusqu jusque l'on l'un
l'une la là laquelle le lequel les lesquels leur leurs loin lors lorsque lui ma mais malgré me même
mêmes mes mieux moi moins mon n'a n'est ne ni non nos notre nous nul on ont ou où par parce parfois
parmi pas pendant peu peut peuvent plus plusieurs plutôt pour pourquoi pourtant près presque
puis puisque qu'elle qu'il qu'ils qu'on qu'un qu'une quand que quel quelle quelles quelque quelques
quels qui quoi s'est s'il sa sans sauf se selon sera serait ses seulement si sien soi soit sommes
son sont sous souvent suis sur ta tandis tant te tel telle telles tels tes toi ton toujours tous
tout toute toutefois toutes très trop tu un une va vais vers voici voilà vont vos votre vous y
"""),
    common=_words("""
an ans année années beau beaucoup besoin bon bonne bonnes bons cas chose choses côté cours dernier
dernière dire dit dits donner donne exemple façon femme femmes fin gens grand grande grandes grands
heure heures homme hommes jour jours jeune long longue main maison mal mettre minute minutes mis
mois moment monde nom nouveau nouveaux nouvelle nouvelles part partie passe pays personne
personnes petit petite petites petits point pouvoir premier première premiers prendre pris propre
question reste savoir sait semaine semaines seul seule simple site suite temps travail trois
trouve trouver vie vient vieux voir voit vrai vraiment quatre cinq six sept huit neuf dix page
accueil lieu
"""),
    first_person=_words("je j' me m' moi mon ma mes mien mienne miens nous notre nos nôtre"),
    second_person=_words("tu te t' toi ton ta tes tien tienne vous votre vos vôtre"),
    transitions=_phrases("""
à cause de, ainsi, à la fin, alors, au contraire, au début, au lieu de, autrement dit, bien sûr,
c'est pourquoi, c'est-à-dire, cependant, d'abord, d'ailleurs, d'autre part, d'une part, de plus,
donc, dès lors, en conclusion, en d'autres termes, en effet, en fait, en outre, en particulier,
en résumé, en revanche, enfin, ensuite, finalement, néanmoins, par conséquent, par contre,
par exemple, pendant ce temps, pour finir, pourtant, premièrement, puis, quand même, surtout,
tout d'abord, toutefois
"""),
    titles=_words(
        "m mm mme mmes mlle mlles dr pr me st ste mgr vol fig p pp art ex p.ex cf env av boul "
        "no n° tél vs éd chap"
    ),
    abbreviations=_words("etc s.a j.-c av.j.-c min max janv févr avr juil sept oct nov déc"),
    calls=_phrases("""
acheter, achetez, commandez, abonnez-vous, inscrivez-vous, s'inscrire, rejoignez, contactez-nous,
contactez-moi, téléchargez, télécharger, commencez, essayez, en savoir plus, lire la suite,
réservez, appelez-nous, demandez
"""),
)

PORTUGUESE = Vocabulary(
    stop=_words("""
a à acima agora ainda além algo alguém algum alguma algumas alguns ali ambos antes ao aos apenas
após aquela aquelas aquele aqueles aqui aquilo as às assim até através bastante bem cada com como
contra cuja cujo da daquela daquele das de dela delas dele deles dentro depois desde dessa desse
desta deste deve devem do dos e é ela elas ele eles em enquanto então entre era eram essa essas
esse esses esta está estamos estão estar estava estavam estas este esteve estes estou eu faz fazem
fazer fez foi fora foram há houve isso isto já jamais lá lhe lhes lo logo mais mas me menos mesma
mesmas mesmo mesmos meu meus mim minha minhas muita muitas muito muitos na nada não nas nela nele
nem nenhum nenhuma nessa nesse nesta neste ninguém no nos nós nossa nossas nosso nossos num numa
nunca o onde os ou outra outras outro outros para pela pelas pelo pelos pode podem pois por porém
porquanto porque posso pouca poucas pouco poucos pra quais qual qualquer quando quanto quantos
quase que quê quem são se seja sejam sem sempre sendo ser será seu seus si sido sim só sob sobre
somos sou sua suas tal talvez também tampouco tanta tanto tão te tem têm temos tenho ter teu teus
ti tinha tinham tive toda todas todavia todo todos tu tua tuas tudo um uma umas uns vai vamos vão
várias vários você vocês vos
"""),
    common=_words("""
ano anos boa boas bom bons caso coisa coisas dar deu dia dias diz dizer disse dois duas exemplo
fato forma gente grande grandes hoje homem homens hora horas lado lugar maior maneira melhor menor
mês minuto minutos momento mulher mulheres mundo nome nova novas novo novos parece parte pessoa
pessoas pequena pequeno pouca precisa primeira primeiro própria próprio quer querer saber sabe
segunda segundo semana semanas tempo trabalho três última último único ver vez vezes vida visto
quatro cinco seis sete oito nove dez fica ficar página início site casa
"""),
    first_person=_words("eu me mim meu minha meus minhas comigo nós nos nosso nossa nossos nossas"),
    second_person=_words("tu te ti teu tua teus tuas contigo você vocês vos vosso vossa"),
    transitions=_phrases("""
a seguir, além disso, ao contrário, ao mesmo tempo, apesar de, assim, com efeito, contudo,
de fato, de facto, dessa forma, desse modo, em conclusão, em outras palavras, em primeiro lugar,
em resumo, em suma, em vez de, enfim, enquanto isso, entretanto, finalmente, isto é, logo,
mesmo assim, na verdade, no entanto, no final, ou seja, por causa disso, por conseguinte,
por exemplo, por fim, por isso, por outro lado, porém, portanto, primeiramente, sobretudo, todavia
"""),
    titles=_words(
        "sr sra srs sras dr dra prof profa eng arq d pe núm n.º nº pág págs p pp vol fig art ex "
        "p.ex aprox av r vs cf ed"
    ),
    abbreviations=_words("etc s.a ltda cia a.c d.c a.m p.m e.u.a eua min máx tel"),
    calls=_phrases("""
compre, comprar, peça, encomende, assine, inscreva-se, cadastre-se, junte-se, contacte,
entre em contato, baixe, descarregue, comece, experimente, saiba mais, leia mais, reserve,
ligue, solicite
"""),
)

ITALIAN = Vocabulary(
    stop=_words("""
a abbastanza abbiamo ad adesso agli ai al alcun alcuna alcune alcuni all'interno alla alle allo
allora altra altre altri altro anche ancora anzi appena attraverso avere aveva avevano bene
benché c'è c'era che chi chiunque ci ciò cioè col coi come comunque con contro così cui da dagli
dai dal dalla dalle dallo davanti degli dei del della delle dello dentro deve devono di dietro dopo
dove dovrebbe due durante e è ecco ed egli era erano essa esse essere essi esso fa fare fatto fino
fra fu fuori furono già gli ha hai hanno ho i il in infatti infine insieme intanto inoltre invece
io l'altro l'ha l'una l'uno la là le lei li lì lo loro lui lungo ma mai me meglio meno mentre mi
mia mie miei mio molta molte molti molto ne né negli nei nel nella nelle nello nemmeno nessun
nessuna nessuno niente noi non nostra nostre nostri nostro nulla o od ogni ognuno oltre oppure
ora ossia per perché perciò però persino più poca poche pochi poco poi possono presso prima
proprio può pure qua qual quale quali qualche qualcosa qualcuno qualsiasi quando quanta quanti
quanto quasi quei quegli quel quella quelle quelli quello quest'anno questa queste questi questo
qui quindi sarà sarebbe se sé secondo sei sembra sempre senza si sì sia siamo siano siete solo
soltanto sono sopra sotto sta stanno stata state stati stato stesse stessa stessi stesso su sua
subito sue sugli sui sul sulla sulle sullo suo suoi tale tali tanta tante tanti tanto te ti tra
troppo tu tua tue tuo tuoi tutta tuttavia tutte tutti tutto un un'altra una uno va vanno verso vi
voi volta volte vostra vostre vostri vostro
"""),
    common=_words("""
anni anno bella bello buon buona buone buoni casa caso cosa cose dare detto dire dice donna donne
esempio fine forma gente giorni giorno grande grandi ieri lato lavoro luogo maggior maggiore mano
mese mezzo migliore minuti minuto modo momento mondo nome nuova nuove nuovi nuovo oggi ora ore
paese parte persona persone piccola piccoli piccolo poter posto prendere primo punto resto sa
sapere seconda settimana settimane tempo tre trovare uomini uomo vede vedere venire vero viene
vita quattro cinque sette otto nove dieci pagina sito domani bisogna prossimo ultima ultimo
"""),
    first_person=_words("io me mi mio mia miei mie noi ci nostro nostra nostri nostre"),
    second_person=_words("tu te ti tuo tua tuoi tue voi vi vostro vostra vostri vostre"),
    transitions=_phrases("""
ad esempio, al contrario, alla fine, allo stesso tempo, anzitutto, in altre parole, in breve,
in conclusione, in effetti, in particolare, in primo luogo, in realtà, in secondo luogo,
in sintesi, infatti, infine, inoltre, insomma, intanto, invece, nel frattempo, nonostante,
d'altra parte, di conseguenza, dunque, eppure, ovvero, per esempio, per questo, perciò, però,
pertanto, poi, prima di tutto, quindi, soprattutto, tuttavia, vale a dire
"""),
    titles=_words(
        "sig sigg sig.ra sig.na dott dott.ssa dr prof prof.ssa ing avv arch geom rag on mons s "
        "n nn p pp pag pagg vol fig art es p.es ca cfr vs ed cap v"
    ),
    abbreviations=_words("ecc etc s.p.a s.r.l a.c d.c a.m p.m min max tel"),
    calls=_phrases("""
acquista, compra, ordina, iscriviti, abbonati, registrati, unisciti, contattaci, contattami,
scarica, inizia, prova gratis, scopri di più, leggi di più, leggi tutto, prenota, chiamaci,
richiedi
"""),
)

LANGUAGES = {
    "en": ENGLISH,
    "es": SPANISH,
    "de": GERMAN,
    "fr": FRENCH,
    "pt": PORTUGUESE,
    "it": ITALIAN,
}
"""The languages that are measured fully, by ISO 639-1 code."""

WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo", "dz"})
"""Languages whose words are not set apart by spaces: their words are not counted."""
