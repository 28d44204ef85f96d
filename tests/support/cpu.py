"""What something costs in CPU, on a machine that has other things to do as well."""

import time
from collections.abc import Callable


def least_cpu(act: Callable[[], object], enough: float, runs: int = 6) -> float:
    """Seconds of CPU of the quickest of some runs: what else a machine does makes a run slower, and
    never quicker. The first that takes less than `enough` is the last."""
    least = float("inf")
    for _ in range(runs):
        started = time.process_time()
        act()
        least = min(least, time.process_time() - started)
        if least < enough:
            break
    return least
