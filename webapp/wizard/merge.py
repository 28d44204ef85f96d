"""Two changes to one answer, from a common base. Pure: values in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Merge:
    """What came of it, by field name."""

    values: dict[str, Any]
    """The merged values; where both sides changed a field, what was typed."""
    theirs: frozenset[str]
    """Fields that only the stored side changed: taken from there."""
    conflicts: frozenset[str]
    """Fields that both sides changed, and not to the same."""


def three_way(
    base: Mapping[str, Any], stored: Mapping[str, Any], typed: Mapping[str, Any]
) -> Merge:
    """Merge field by field: a field that one side left as it was in `base` comes from the other."""
    values, theirs, conflicts = {}, set(), set()
    for name, value in typed.items():
        kept = stored.get(name)
        values[name] = value
        if value == kept:
            continue
        if value == base.get(name):
            values[name] = kept
            theirs.add(name)
        elif kept != base.get(name):
            conflicts.add(name)
    return Merge(values, frozenset(theirs), frozenset(conflicts))
