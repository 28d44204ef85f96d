"""What something costs in CPU, on a machine that has other things to do as well."""

import re
import time
from collections.abc import Callable

YARDSTICK_SECONDS = 0.0028
"""What `_yardstick` takes on a machine of the pace that limits are meant for."""
_WORD = re.compile(r"\w+(?:'\w+)?")
_TEXT = "The quick brown fox, who had 12 cubs, jumps over the lazy dog's bed. " * 400


def least_cpu(act: Callable[[], object], enough: float, runs: int = 6) -> float:
    """Seconds of CPU of the quickest of some runs: what else a machine does makes a run slower, and
    never quicker. The first that takes less than `enough` is the last.

    A slow machine, or one whose other guests empty its caches, is measured by work that never
    changes, before and after each run, and its seconds count for as much less."""
    least = float("inf")
    before = _seconds(_yardstick)
    for _ in range(runs):
        spent = _seconds(act)
        after = _seconds(_yardstick)
        pace = min(1.0, YARDSTICK_SECONDS / max(before, after))
        least, before = min(least, spent * pace), after
        if least < enough:
            break
    return least


def _seconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def _yardstick() -> None:
    """Words, counted and sorted."""
    counts: dict[str, int] = {}
    for found in _WORD.finditer(_TEXT):
        word = found[0].lower()
        counts[word] = counts.get(word, 0) + len(word)
    sorted(counts.items(), key=lambda one: (-one[1], one[0]))
