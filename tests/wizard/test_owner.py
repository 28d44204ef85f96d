"""A statement that was made for one caller serves every other of the same kind, and no other."""

import pytest

from webapp.identity.caller import Caller
from webapp.wizard.owner import bound_to, kind_of, owned_by

KINDS = [
    Caller("s1"),
    Caller("s1", user_id="u1"),
    Caller(None, user_id="u1"),
    Caller("s1", link_id="l1"),
    Caller("s1", by_id=True),
    Caller("s1", user_id="u1", by_id=True),
    Caller("s1", trusted=True),
]


@pytest.mark.parametrize("caller", KINDS)
def test_the_condition_of_a_kind_is_that_of_its_callers(caller: Caller) -> None:
    assert str(owned_by(kind_of(caller))) == str(owned_by(caller))
    compiled = owned_by(caller).compile()
    assert {name: bound_to(caller)[name] for name in compiled.params} == compiled.params
