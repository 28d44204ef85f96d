"""Keys: their shapes, and that a key which was typed is never found again in clear."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.support.pages import PageClient
from tests.wizard.samples import OPENAI_KEY, begin, by, faults, filled, read, save, step
from webapp.extensions import db, transaction
from webapp.steps.api_keys import BY_NAME, PROVIDERS, ApiKey, ApiKeysForm
from webapp.steps.api_keys.providers import mend
from webapp.vault import CannotOpen, vault
from webapp.wizard import store

UUID = "01234567-89ab-cdef-0123-456789abcdef"
SEARCH_KEY = "tvly-0123456789"

STARTS = {"gemini": "AIza", "openai": "sk-", "anthropic": "sk-ant-", "copilotkit": "ck_pub_"}
SHORTEST = {
    "gemini": 30, "openai": 20, "anthropic": 20, "mistral": 10, "tavily": 10, "serper": 10,
    "copilotkit": 20,
}  # fmt: skip


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def key_of(provider: str, length: int) -> str:
    """A key of the right shape with so many characters."""
    return STARTS.get(provider, "").ljust(length, "k")


def refused(provider: str, key: str) -> bool:
    """Whether the form refuses this key, and nothing else with it."""
    wrong = faults("api-keys", **{"openai": "", provider: key})
    assert wrong <= {provider}
    return bool(wrong)


# Shapes.


@pytest.mark.parametrize("provider", SHORTEST)
def test_a_key_may_be_as_short_as_its_provider_s_keys_are_and_not_shorter(provider: str) -> None:
    assert not refused(provider, key_of(provider, SHORTEST[provider]))
    assert refused(provider, key_of(provider, SHORTEST[provider] - 1))


@pytest.mark.parametrize("provider", SHORTEST)
def test_a_key_has_256_characters_at_most(provider: str) -> None:
    assert not refused(provider, key_of(provider, 256))
    assert refused(provider, key_of(provider, 257))


@pytest.mark.parametrize("provider", STARTS)
def test_a_key_starts_as_its_provider_s_keys_do(provider: str) -> None:
    start = STARTS[provider]
    assert refused(provider, "k" * 40)
    assert refused(provider, start[:-1] + "k" * 40), "a part of the start is not enough"
    assert refused(provider, start.swapcase() + "k" * 40), "upper and lower case count"
    assert refused(provider, "k" + start + "k" * 40)


def test_a_key_of_anthropic_is_not_one_of_openai() -> None:
    assert refused("openai", key_of("anthropic", 40))
    assert refused("anthropic", key_of("openai", 40))


@pytest.mark.parametrize("key", [UUID, UUID.upper(), f"  {UUID}\n"])
def test_a_key_of_exa_is_a_uuid(key: str) -> None:
    assert not refused("exa", key)


@pytest.mark.parametrize(
    "key",
    [
        UUID[:-1], UUID + "0", UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}",
        UUID.replace("a", "g"), UUID.replace("-", "_"), "-" * 36, "k" * 36,
    ],
)  # fmt: skip
def test_what_is_no_uuid_is_no_key_of_exa(key: str) -> None:
    assert refused("exa", key)


@pytest.mark.parametrize("provider", [p.name for p in PROVIDERS])
@pytest.mark.parametrize(
    "bad", [" ", "\t", "\0", "\x7f", "\x1b", "é", "ключ", "🔑", "\u00a0", "\u2028"]
)
def test_a_key_is_printable_ascii_without_spaces(provider: str, bad: str) -> None:
    good = UUID if provider == "exa" else key_of(provider, 40)
    assert refused(provider, good[:20] + bad + good[20:])


@pytest.mark.parametrize("around", [" {} ", "\t{}\n", "\r\n{}\r\n", "\u00a0{}\u2003"])
def test_white_space_around_a_key_is_not_part_of_it(around: str) -> None:
    session_id = begin()
    save(session_id, "api-keys", openai=around.format(OPENAI_KEY))
    row = read(session_id).answer("api-keys")["openai"]
    assert vault().open(row.ciphertext, session_id, "openai") == OPENAI_KEY


def test_what_is_copied_along_with_a_key_is_taken_off() -> None:
    key = OPENAI_KEY
    for copied in (
        f"“{key}”", f"'{key}',", f"`{key}`", f"Bearer {key}", f"authorization: bearer {key}",
        f'OPENAI_API_KEY="{key}";', f"export OPENAI_API_KEY={key}\n", f'"apiKey": "{key}",',
        f"x-api-key: {key}", f"\u200b{key[:9]}\u200b{key[9:]}\ufeff", f"{key[:9]}\r\n{key[9:]}",
        f" ' Bearer  {key} ' ",
    ):  # fmt: skip
        assert mend(copied) == key, copied
    for kept in ("sk-two keys", "bearerkey=1234", "token123:456", "=", "", "x" * 5000):
        assert mend(kept) == kept


def test_every_printable_sign_may_be_in_a_key() -> None:
    signs = "".join(chr(code) for code in range(33, 127))
    assert not refused("mistral", signs)


@pytest.mark.parametrize("provider", [p.name for p in PROVIDERS])
def test_a_refused_key_is_in_no_sentence_about_it(provider: str) -> None:
    key = "Secret€" + "S3cr3t" * 60
    form = filled("api-keys", **{"openai": "", provider: key})
    assert not form.validate()
    assert "S3cr3t" not in str(form.errors)
    assert "S3cr3t" not in str(form[provider]())
    assert provider not in form.typed()


# Which must be there in the end.


@pytest.mark.parametrize("provider", ["gemini", "openai", "anthropic", "mistral"])
def test_one_language_model_is_enough(provider: str) -> None:
    session_id = begin()
    save(session_id, "api-keys", **{"openai": "", provider: key_of(provider, 40)})
    assert list(read(session_id).answer("api-keys")) == [provider]


def test_without_a_language_model_nothing_is_stored() -> None:
    session_id = begin()
    for keys in ({}, {"exa": UUID, "tavily": SEARCH_KEY, "copilotkit": key_of("copilotkit", 20)}):
        form = filled("api-keys", openai="", **keys)
        with pytest.raises(store.AnswersInvalid):
            store.save(by(session_id), step("api-keys"), form, 0)
        assert form.errors, "the form says what is missing"
        assert read(session_id).answer("api-keys") is None


def test_the_last_language_model_s_key_cannot_be_removed() -> None:
    session_id = begin()
    save(session_id, "api-keys", tavily=SEARCH_KEY)
    with pytest.raises(store.AnswersInvalid):
        save(session_id, "api-keys", openai="", remove=["openai"])
    assert set(read(session_id).answer("api-keys")) == {"openai", "tavily"}


def test_the_last_language_model_s_key_can_be_replaced_by_another_one_s() -> None:
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "api-keys", openai="", mistral=key_of("mistral", 12), remove=["openai"])
    assert list(read(session_id).answer("api-keys")) == ["mistral"]


def test_a_key_that_is_given_cannot_be_removed_at_once() -> None:
    assert faults("api-keys", remove=["openai"]) == {"remove"}


def test_only_providers_can_be_removed() -> None:
    assert faults("api-keys", remove=["nobody"]) == {"remove"}
    assert faults("api-keys", remove=[""]) == {"remove"}


def test_removing_what_is_not_stored_or_twice_does_no_harm() -> None:
    session_id = begin()
    save(session_id, "api-keys", tavily=SEARCH_KEY)
    save(session_id, "api-keys", openai="", remove=["tavily", "tavily", "serper"])
    assert list(read(session_id).answer("api-keys")) == ["openai"]


def test_a_blank_field_keeps_what_is_stored() -> None:
    session_id = begin()
    save(session_id, "api-keys", tavily=SEARCH_KEY)
    before = read(session_id).answer("api-keys")["openai"].ciphertext
    for blank in ("", "   ", None):
        save(session_id, "api-keys", openai=blank)
        assert read(session_id).answer("api-keys")["openai"].ciphertext == before


def test_another_key_takes_the_place_of_the_stored_one() -> None:
    session_id = begin()
    save(session_id, "api-keys")
    save(session_id, "api-keys", openai="sk-" + "n" * 30 + "9876")
    stored = read(session_id).answer("api-keys")
    assert (len(stored), stored["openai"].last_four) == (1, "9876")
    assert vault().open(stored["openai"].ciphertext, session_id, "openai").endswith("n9876")


# At rest.


def test_a_ciphertext_opens_for_its_session_and_its_provider_alone() -> None:
    mine, other = begin(), begin()
    save(mine, "api-keys")
    save(other, "api-keys")
    row = read(mine).answer("api-keys")["openai"]
    assert vault().open(row.ciphertext, mine, "openai") == OPENAI_KEY
    for session_id, provider in ((other, "openai"), (mine, "mistral"), ("", ""), ("openai", mine)):
        with pytest.raises(CannotOpen):
            vault().open(row.ciphertext, session_id, provider)


def test_equal_keys_have_different_ciphertexts() -> None:
    rows = []
    for _ in range(2):
        session_id = begin()
        save(session_id, "api-keys")
        rows.append(read(session_id).answer("api-keys")["openai"].ciphertext)
    assert rows[0] != rows[1]


def test_a_key_is_nowhere_in_the_database_s_files(sqlite_url: str) -> None:
    session_id = begin()
    parts = [OPENAI_KEY.encode(), OPENAI_KEY[:-4].encode(), OPENAI_KEY.encode("utf-16-le")]
    save(session_id, "api-keys", gemini="AIza" + "TheGeminiKeyOfThisTest" * 2)
    parts.append(b"TheGeminiKey")
    store.keep_draft(by(session_id), step("api-keys"), filled("api-keys").typed(), 0)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    files = [path, *path.parent.glob(path.name + "-*")]
    assert len(files) > 1, "the write-ahead log holds what was just written"
    contents = b"".join(file.read_bytes() for file in files)
    assert OPENAI_KEY[-4:].encode() in contents, "the last four are there, so this would be too"
    for part in parts:
        assert part not in contents


def test_the_row_says_which_key_sealed_it(app: Flask) -> None:
    session_id = begin()
    save(session_id, "api-keys")
    row = read(session_id).answer("api-keys")["openai"]
    assert row.key_id == vault().key_name(row.ciphertext)
    assert len(bytes.fromhex(row.key_id)) == 4


def test_a_key_that_does_not_open_any_more_can_be_entered_again() -> None:
    session_id = begin()
    save(session_id, "api-keys")
    with transaction():
        db.session.execute(update(ApiKey).values(ciphertext=b"\x01damaged"))
    save(session_id, "api-keys")
    row = db.session.scalars(select(ApiKey).where(ApiKey.session_id == session_id)).one()
    assert vault().open(row.ciphertext, session_id, "openai") == OPENAI_KEY


# What is shown.


def test_pages_show_the_provider_and_the_last_four_characters() -> None:
    session_id = begin()
    save(session_id, "api-keys", tavily=SEARCH_KEY)
    rows = {str(row.label): str(row.value) for row in step("api-keys").rows(read(session_id))}
    assert rows == {"OpenAI": "••••WXYZ", "Tavily": "••••6789"}
    beside = step("api-keys").beside_form(read(session_id))["providers"]
    shown = {one.name: one.last_four for one in beside if one.stored}
    assert shown == {"openai": "WXYZ", "tavily": "6789"}
    assert len(beside) == len(PROVIDERS)


def test_content_generation_is_possible_once_a_language_model_s_key_is_stored() -> None:
    session_id = begin()
    (before,) = step("api-keys").capabilities(read(session_id))
    save(session_id, "api-keys")
    (after,) = step("api-keys").capabilities(read(session_id))
    assert (before.available, after.available) == (False, True)
    assert "OpenAI" in str(after.why)


def test_every_provider_has_a_field_a_page_for_keys_and_a_password_input() -> None:
    form = filled("api-keys")
    assert isinstance(form, ApiKeysForm)
    for name, provider in BY_NAME.items():
        assert provider.setup_url.startswith("https://")
        html = str(form[name]())
        assert 'type="password"' in html
        assert 'value=""' in html or "value=" not in html


def test_no_answer_to_a_post_holds_the_typed_key(client: PageClient) -> None:
    """Refused, saved, kept for later, refused for its token: none of them sends it back."""
    client.submit(client.get("/onboarding/"))
    page = client.get("/onboarding/api-keys")
    bad = "sk-" + "SpyMe" * 4 + " x"
    good = "sk-" + "SpyMe" * 6
    answers = [
        client.submit(page, {"openai": bad}, status=422),
        client.submit(page, {"openai": good}, action="later"),
        client.get("/onboarding/api-keys"),
        client.post(
            "/onboarding/api-keys",
            {"openai": good, "csrf_token": "old"},
            status=400,
            headers={"Sec-Fetch-Site": "same-origin"},
        ),
        client.submit(page, {"openai": good}),
        client.submit(page, {"openai": good + "Other"}, status=409),
        client.get("/onboarding/api-keys"),
    ]
    for answer in answers:
        assert "SpyMe" not in answer.source
        assert "SpyMe" not in str(answer.headers)
