"""The language is what the page says, unless its text plainly speaks another."""

import pytest

from tests.site.conftest import sample
from webapp.site.language import detect
from webapp.site.text import read_page

GERMAN = (
    "Der Gärtner geht am Morgen in den Garten und gießt die Rosen, weil es lange nicht geregnet "
    "hat. Danach setzt er sich auf die Bank und liest die Zeitung, bis ihn die Kinder rufen."
)

CATALAN = (
    "El forn del poble obre cada dia abans de les sis del matí i les veïnes hi van a buscar el pa "
    "encara calent. L'avi diu que abans hi havia tres forns, però ara només en queda un de petit."
)
DUTCH = (
    "De bakker staat elke nacht om twee uur op en begint met het deeg, zodat het brood klaar is "
    "als de eerste klanten komen. Zijn zoon helpt hem, maar die slaapt liever wat langer."
)


def spanish() -> tuple[str, ...]:
    return read_page(sample("spanish"), "text/html", "https://a.example/").paragraphs


@pytest.mark.parametrize(
    ("said", "text", "language"),
    [
        ("de", GERMAN, "de"),
        ("de-AT", GERMAN, "de"),
        ("DE_de", GERMAN, "de"),
        ("en", GERMAN, "de"),
        (None, GERMAN, "de"),
        ("", GERMAN, "de"),
        ("banana", GERMAN, "de"),
        ("en", "Hello", "en"),
        ("fr", "", "fr"),
        (None, "", None),
        (None, "Hello", None),
        (None, "12 34 56 !!", None),
    ],
)
def test_the_language_is_found(said: str | None, text: str, language: str | None) -> None:
    assert detect(said, text) == language


def test_paragraphs_are_one_text() -> None:
    assert detect("en", spanish()) == "es"


def test_a_page_s_language_is_believed_or_not() -> None:
    for said in ("es", None, "en"):
        assert detect(said, spanish()) == "es"


BREAD = {
    "nl": "De bakker staat elke nacht om twee uur op en begint met het deeg, zodat het brood klaar "
    "is als de eerste klanten komen.",
    "sv": "Bagaren går upp klockan två varje natt och börjar med degen, så att brödet är klart när "
    "de första kunderna kommer. Hans son hjälper honom.",
    "da": "Bageren står op klokken to hver nat og begynder med dejen, så brødet er klar, når de "
    "første kunder kommer. Hans søn hjælper ham.",
    "pl": "Piekarz wstaje co noc o drugiej i zaczyna od ciasta, żeby chleb był gotowy, kiedy "
    "przyjdą pierwsi klienci. Jego syn mu pomaga, ale woli spać trochę dłużej.",
    "cs": "Pekař vstává každou noc ve dvě hodiny a začíná s těstem, aby byl chléb hotový, až "
    "přijdou první zákazníci. Jeho syn mu pomáhá, ale raději by spal o něco déle.",
    "ru": "Пекарь встаёт каждую ночь в два часа и начинает с теста, чтобы хлеб был готов, когда "
    "придут первые покупатели. Его сын помогает ему, но он бы лучше поспал.",
    "uk": "Пекар встає щоночі о другій годині і починає з тіста, щоб хліб був готовий, коли "
    "прийдуть перші покупці. Його син допомагає йому, але він би краще поспав ще трохи.",
    "tr": "Fırıncı her gece saat ikide kalkar ve hamurla başlar, böylece ilk müşteriler geldiğinde "
    "ekmek hazır olur. Oğlu ona yardım eder, ama o biraz daha uyumayı tercih eder.",
    "fi": "Leipuri nousee joka yö kello kaksi ja aloittaa taikinasta, jotta leipä on valmis, kun "
    "ensimmäiset asiakkaat tulevat. Hänen poikansa auttaa häntä, mutta nukkuisi mieluummin.",
    "hu": "A pék minden éjjel kettőkor kel, és a tésztával kezdi, hogy a kenyér kész legyen, "
    "amikor az első vevők jönnek. A fia segít neki, de ő inkább aludna még egy kicsit.",
    "el": "Ο φούρναρης ξυπνά κάθε βράδυ στις δύο και αρχίζει με τη ζύμη, ώστε το ψωμί να είναι "
    "έτοιμο όταν έρθουν οι πρώτοι πελάτες.",
    "ja": "パン屋は毎晩二時に起きて生地を作り始めます。最初の客が来るときにはパンができています。"
    "息子も手伝いますが、もう少し寝ていたいそうです。",
    "zh": "面包师每天晚上两点起床，开始和面，这样第一批顾客来的时候面包就已经准备好了。"
    "他的儿子帮助他，但他更愿意多睡一会儿。面包师每天晚上两点起床，开始和面。",
    "ar": "يستيقظ الخباز كل ليلة في الساعة الثانية ويبدأ بالعجين حتى يكون الخبز جاهزا عندما يأتي "
    "الزبائن الأوائل. ابنه يساعده في العمل ولكنه يفضل أن ينام أكثر من ذلك بعد هذا.",
}


@pytest.mark.parametrize("language", BREAD)
def test_other_languages_are_told_apart_whatever_the_page_says(language: str) -> None:
    for said in (None, "en", language):
        assert detect(said, BREAD[language]) == language


def test_what_is_in_no_language_is_in_none() -> None:
    assert detect(None, "qwrt plmk zxcv bnhg " * 20) is None
    assert detect("it", "qwrt plmk zxcv bnhg " * 20) == "it"


def test_a_neighbour_of_our_languages_is_not_taken_for_one() -> None:
    assert detect(None, CATALAN) == "ca"
    assert detect("ca", CATALAN) == "ca"
    assert detect("nl", DUTCH) == "nl"
    assert detect("en", DUTCH) == "nl"
