"""Work in the background: the one seam between the application and whatever does the work.

A job is a row, added in the transaction that makes it necessary, claimed by one atomic statement,
kept alive by a heartbeat, and deleted (or put off, where there is more to do) in the transaction
that stores its result. So a job is never lost with a process, and its result is stored once: who
lost the claim stores nothing.

Who works (`webapp.worker`) is another matter. Without a broker it is a child process, one for each
machine, that the web processes start on first need. With one (`BROKER_URL`) it is workers on as
many machines as wanted, and messages tell them that there is work. A message decides nothing: one
that is lost is sent again, one that comes twice finds nothing to do.
"""

from webapp.jobs.queue import (
    BEAT_SECONDS,
    MAX_ATTEMPTS,
    NO_ROOM,
    PER_SESSION,
    QUEUE_LIMIT,
    STALE_SECONDS,
    Claim,
    ClaimLost,
    Job,
    Refusal,
    Task,
    add,
    add_all,
    beat,
    claim,
    due,
    hand_back,
    hurry,
    perform,
    register,
    release,
    run_pending,
)
from webapp.jobs.watch import Patience, Place, Watch, place, watch

__all__ = [
    "BEAT_SECONDS", "MAX_ATTEMPTS", "NO_ROOM", "PER_SESSION", "QUEUE_LIMIT", "STALE_SECONDS",
    "Claim", "ClaimLost", "Job", "Patience", "Place", "Refusal", "Task", "Watch",
    "add", "add_all", "beat", "claim", "due", "hand_back", "hurry", "perform", "place",
    "register", "release", "run_pending", "watch",
]  # fmt: skip
