"""Prometheus' text format, read by the library's own parser."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Samples:
    """What a scrape told."""

    values: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def get(self, name: str, **labels: str) -> float:
        """The value of the series with just these labels; 0 where there is none."""
        return self.values.get((name, frozenset(labels.items())), 0.0)

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of every series of that name."""
        return [dict(labels) for found, labels in self.values if found == name]

    @property
    def names(self) -> set[str]:
        """The names of all series."""
        return {name for name, _ in self.values}


def samples(text: str) -> Samples:
    """Read a scrape; a series that is told twice is a fault."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"told twice: {key}"
            found[key] = sample.value
    return Samples(found)
