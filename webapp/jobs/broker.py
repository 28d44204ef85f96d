"""Messages through Redis that there is work, with dramatiq.

A message is a call to look into the table, no more: whoever hears one claims what is oldest there.
So none of Redis's or dramatiq's own promises about messages are relied on.
"""

from collections.abc import Callable

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import NoBackoff
from redis.retry import Retry

from webapp.jobs.queue import due

NAMESPACE, QUEUE = "onward", "jobs"
MOST_MESSAGES = 100
"""More than this many need not wait: who hears one goes on until nothing is due."""


class Post:
    """One side of the queue of messages. Telling of work starts nothing in this process; hearing
    of it (`listen`) starts dramatiq's threads."""

    def __init__(self, url: str, hear: Callable[[str], None] | None = None) -> None:
        """`hear(job_id)` is what a listener does about a message. Nothing connects yet."""
        # Every wait is bounded and nothing is tried twice: the next look is a few seconds away.
        self._client = redis.Redis.from_url(
            url, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        # No middleware: retries, time limits and results are the table's business.
        self._broker = RedisBroker(client=self._client, middleware=[], namespace=NAMESPACE)
        message = dramatiq.actor(actor_name="work", queue_name=QUEUE, broker=self._broker)
        self._message = message(hear or _nobody)

    def tell(self) -> None:
        """Send as many messages as jobs are due and messages are missing, wherever those went.

        So a message that was lost with Redis or with a worker is made up for, and however many
        processes do this, however often, the messages do not pile up.
        """
        if jobs := due(MOST_MESSAGES):
            waiting = self._client.llen(f"{NAMESPACE}:{QUEUE}")
            for job_id in jobs[waiting:]:
                self._message.send(job_id)

    def listen(self, threads: int) -> dramatiq.Worker:
        """Start to hear messages, in as many threads; `stop` of what is returned ends it."""
        worker = dramatiq.Worker(self._broker, worker_threads=threads)
        worker.queue_prefetch = threads  # what one has taken and cannot do yet others do not see
        worker.start()
        return worker


def _nobody(job_id: str) -> None:
    raise RuntimeError(f"a process that only tells of work was told of {job_id}")
