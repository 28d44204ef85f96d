"""A sealed value opens with its key, for its row, unharmed; and not otherwise."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.vault import CannotOpen, Vault, key_id

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
VAULT = Vault((NEW, OLD))


@given(st.text(), st.lists(st.text(max_size=20), max_size=3))
def test_what_is_sealed_opens_for_the_same_row(text: str, row: list[str]) -> None:
    assert VAULT.open(VAULT.seal(text, *row), *row) == text


def test_another_row_s_value_does_not_open() -> None:
    sealed = VAULT.seal("secret", "session-1", "openai")
    for row in (("session-2", "openai"), ("session-1", "gemini"), ("session-1",), (), ("openai",)):
        with pytest.raises(CannotOpen):
            VAULT.open(sealed, *row)


def test_nothing_of_the_text_can_be_seen_in_what_is_sealed() -> None:
    sealed = VAULT.seal("a secret of some length", "row")
    assert b"secret" not in sealed
    assert b"row" not in sealed


def test_sealing_twice_gives_two_different_values() -> None:
    assert len({VAULT.seal("secret", "row") for _ in range(50)}) == 50


def test_a_changed_byte_anywhere_is_noticed() -> None:
    sealed = VAULT.seal("secret", "row")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(CannotOpen):
            VAULT.open(bytes(changed), "row")


@pytest.mark.parametrize("cut", [0, 1, 4, 5, 16, 17, 30])
def test_a_cut_value_is_noticed(cut: int) -> None:
    with pytest.raises(CannotOpen):
        VAULT.open(VAULT.seal("secret", "row")[:cut], "row")


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    before = Vault((OLD,)).seal("secret", "row")
    assert VAULT.open(before, "row") == "secret"
    after = VAULT.seal("secret", "row")
    assert VAULT.key_name(after) == key_id(NEW).hex()
    assert VAULT.key_name(before) == key_id(OLD).hex()
    with pytest.raises(CannotOpen):
        Vault((OLD,)).open(after, "row")


def test_a_key_that_is_gone_is_said_to_be_gone() -> None:
    sealed = Vault((os.urandom(32),)).seal("secret", "row")
    with pytest.raises(CannotOpen, match="not configured"):
        VAULT.open(sealed, "row")


def test_the_newest_key_stays_the_newest_when_it_is_listed_twice() -> None:
    vault = Vault((NEW, OLD, NEW))
    assert vault.key_name(vault.seal("secret")) == key_id(NEW).hex()


def test_a_key_s_name_tells_nothing_of_the_key() -> None:
    names = {key_id(os.urandom(32)) for _ in range(100)}
    assert {len(name) for name in names} == {4}
    assert key_id(OLD) not in OLD
    assert len(names) == 100
